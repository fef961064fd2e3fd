"""People, tokens and locks through the real programs: the socket, the command line and the page."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from tests.fixtures import totp
from tests.house import House

from watchkeeper.core.errors import Forbidden
from watchkeeper.faces.cli.client import Client

RUNBOOK = """# Twice

**Solution:**

```bash {{"name":"both","approve":"two"}}
{script} now
```
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("people"))
    script = house.root / "fix.sh"
    script.write_text(f"#!/bin/sh\ntouch {house.root}/done\n")
    script.chmod(0o755)
    house.service("shop", mode="propose")
    house.write("runbooks/twice.md", RUNBOOK.format(script=script))
    house.start("main")
    yield house
    house.stop()


def wk(house: House, *words: str, token: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    command = house.command
    environment = {**os.environ, "WATCHKEEPER_TOKEN": token, **more}
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, timeout=150, stdin=subprocess.DEVNULL, env=environment
    )


def set_up(house: House, token: str) -> str:
    """An authenticator for who has this token; its code counts as shown now."""
    client = as_person(house, token)
    secret = str(client.post("/me/second-factor")["second_factor"]["secret"])
    client.post("/me/second-factor/confirm", {"code": totp.code(secret)})
    return secret


def as_person(house: House, token: str) -> Client:
    return Client(str(house.state / "main.sock"), timeout_s=20, token=token)


def page(url: str, cookies: CookieJar, data: bytes | None = None) -> str:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    return browser.open(url, data, timeout=20).read().decode()


@pytest.mark.timeout(300)  # some forty commands, each a process of its own
def test_from_the_first_person_to_two_yeses(house: House, tmp_path: Path) -> None:
    assert "acts as 'local'" in wk(house, "user").stdout
    first = wk(house, "user", "add", "ada")
    assert first.returncode == 2 and "--role" in first.stderr
    ada = wk(house, "user", "add", "ada", "--role", "admin", "--token").stdout.strip()
    assert ada.startswith("wk_")

    # without a token the socket is an agent now
    for words in (("user", "add", "eve", "--role", "admin"), ("token", "add", "x", "--user", "ada"),
                  ("locks", "take", "deploy:shop", "--why", "x")):  # fmt: skip
        refused = wk(house, *words)
        assert refused.returncode == 3 and "agent is not a person" in refused.stderr, refused.stderr
    wrong = wk(house, "status", token="x" * 43)
    assert wrong.returncode == 3 and "not known here" in wrong.stderr
    assert "a letter is wrong" in wk(house, "status", token=ada[:-1] + ("a" if ada[-1] != "a" else "b")).stderr

    # people are changed with a second factor only; its code comes from the environment, once
    needs = wk(house, "user", "add", "eve", "--role", "admin", token=ada)
    assert needs.returncode == 3 and "second factor" in needs.stderr
    secret = set_up(house, ada)
    assert "terminal" in wk(house, "user", "second-factor", token=ada).stderr

    # a token from a file, which nobody else may read
    file = tmp_path / "token"
    file.write_text(ada + "\n")
    file.chmod(0o644)
    assert "chmod 600" in wk(house, "user", WATCHKEEPER_TOKEN_FILE=str(file)).stderr
    file.chmod(0o600)
    ben = wk(
        house, "user", "add", "ben", "--role", "approver", "--token", WATCHKEEPER_TOKEN_FILE=str(file)
    ).stdout.strip()
    cat = wk(house, "user", "add", "cat", "--role", "approver", "--token", token=ada).stdout.strip()
    link = wk(house, "user", "add", "dan", "--role", "operator", "--on", "shop", token=ada).stdout.strip()
    assert "/invite?key=" in link and "operator on shop" in wk(house, "user", token=ada).stdout
    assert "lowered" not in wk(house, "user", token=ben).stdout
    for token in (ben, cat):
        set_up(house, token)
    other = wk(house, "token", "add", "other", "--scope", "approve", token=ben).stdout.strip()
    stale = wk(house, "grant", "add", "shop/runbooks/shop.md", "--yes", token=other)
    assert stale.returncode == 3 and "second factor" in stale.stderr
    wrong_code = wk(house, "grant", "add", "shop/runbooks/shop.md", "--yes", token=other, WATCHKEEPER_CODE="000000")
    assert wrong_code.returncode == 3 and "wrong or used code" in wrong_code.stderr
    assert "wk_" not in wk(house, "token", token=ben).stdout
    refused = wk(house, "audit", "--outcome", "refused", token=ada).stdout
    assert "ben" in refused and "wrong or used code" in refused and secret not in refused

    # two people, neither of them the one who started it
    shown = wk(house, "run", "twice.md", "--dry-run", token=ada).stdout
    assert f"Script {house.root}/fix.sh on app1: sha256 " in shown
    run = as_person(house, ada).post("/runs", {"runbook": "twice.md"})["run"]["id"]
    house.until(lambda: house.get(f"/runs/{run}")["run"]["state"] == "parked", 20, "the run waits")
    assert "Needs two approvers." in wk(house, "runs", "show", str(run)).stdout
    mine = wk(house, "runs", "approve", str(run), "--yes", token=ada)
    assert mine.returncode == 3 and f"You asked for run {run}" in mine.stderr
    half = wk(house, "runs", "approve", str(run), "--yes", token=ben)
    assert "1 of 2: ben" in half.stdout, half
    assert "1 of 2: ben" in wk(house, "runs", "show", str(run)).stdout

    # cat sees the half on her page, where a link counts as no second factor; the other half comes by her token
    with pytest.raises(Forbidden):
        Client(str(house.state / "main.sock"), token="").post("/links")
    cookies = CookieJar()
    url = as_person(house, cat).post("/links")["link"]["url"]
    base = url.partition("/enter")[0]
    page(url, cookies)
    text = page(f"{base}/runs/{run}", cookies)
    assert "cat" in text and "two approvers" in text and "1 so far: ben" in text
    assert f"{house.root}/fix.sh" in text
    with pytest.raises(urllib.error.HTTPError) as used:
        page(url, CookieJar())
    assert used.value.code == 403
    assert wk(house, "runs", "approve", str(run), "--yes", token=cat).returncode == 0
    house.until((house.root / "done").exists, 20, "the step ran")
    whole = house.get(f"/runs/{run}")["run"]
    assert whole["steps"][0]["decided_by"] == "ben and cat"
    assert whole["approvals"][0]["pins"]["scripts"][0]["path"] == f"{house.root}/fix.sh"

    # her token ends, and so does her page
    assert wk(house, "user", "remove", "cat", token=ada).returncode == 0
    assert wk(house, "status", token=cat).returncode == 3
    assert "1 so far" not in page(f"{base}/runs/{run}", cookies)
    assert not any(token in (house.root / "main.log").read_text() for token in (ada, ben, cat))

    locks(house, ada, ben)
    recover(house, ada)


def locks(house: House, ada: str, ben: str) -> None:
    taken = wk(house, "locks", "take", "deploy:shop", "--for", "10m", "--why", "release 2.4", token=ada)
    assert taken.stdout.startswith("ada (release 2.4) is deploying shop until about ")
    assert "deploy:shop" in wk(house, "locks").stdout
    refused = wk(house, "locks", "take", "deploy:shop", "--why", "mine", token=ben)
    assert refused.returncode == 5 and "ada (release 2.4) is deploying shop" in refused.stderr
    assert wk(house, "locks", "take", "host:app1", "--why", "mine", token=ben).returncode == 4
    assert wk(house, "locks", "release", "deploy:shop", "--yes").returncode == 3
    unasked = wk(house, "locks", "release", "deploy:shop", token=ben)
    assert unasked.returncode == 2 and "nobody can answer here" in unasked.stderr
    assert wk(house, "locks", "release", "deploy:shop", "--yes", token=ben).stdout.strip() == "deploy:shop is free."
    assert wk(house, "--json", "locks").stdout.strip().replace(" ", "").replace("\n", "") == '{"locks":[]}'
    assert "Lock deploy:shop taken from ada" in wk(house, "log").stdout


def recover(house: House, ada: str) -> None:
    """A lost token is replaced by the owner of the state, only while nothing runs."""
    assert wk(house, "user", "recover", "ada").returncode == 5
    house.stop()
    assert wk(house, "user", "remove", "ada").returncode == 3, "without a daemon the command line is an agent as well"
    new = wk(house, "user", "recover", "ada").stdout.strip()
    assert len(new) > 30 and new != ada
    assert wk(house, "user", token=ada).returncode == 3
    assert wk(house, "user", token=new).returncode == 0
