"""The first hour of a team on its own server: discovered, linted, asked, watched, and the first pages arrive."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import DOCS, fences
from tests.docs.reader import Reader
from tests.house import House
from tests.lab.harbour_server import SECRETS, SERVICES, TRUTH, furnish
from tests.lab.machines import Machine, MachineLab
from tests.lab.sinks import MailSink, WebhookSink

pytestmark = [
    pytest.mark.needs("machines", "systemd", "nginx", "cron", "supervisor", "postgresql", "sudo"),
    pytest.mark.timeout(300),
]
BROKEN = "certificates/certificate-docs.harbour.example.org"
"""The one check that must be CRIT: the certificate has expired."""
CHANNELS = """
channels:
  room: {{webhook: "{webhook}", timeout: 5s}}
  mail: {{apprise: secret:mail-url, timeout: 10s}}
escalation: [room, mail]
defaults: {{every: 2s}}
group_within: 0s
"""
RESPONSE = """\
respond:
  - {to: [port-8801], runbook: runbooks/shop-closed.md, mode: propose}
"""
RUNBOOK = """\
# The order desk says closed

**Diagnosis**

```bash
ls -l /srv/shop; cat /srv/shop/.env
```

**Fix**

```bash
touch /srv/shop/open
```
"""


@dataclass
class FirstHour:
    """The server, the ops repo that `wk init` writes, and what the commands said."""

    machine: Machine
    home: Path
    ops: Path
    seconds: dict[str, float]

    def wk(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command as the new user types it."""
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper.faces.cli.program", *words],
            env=os.environ | {"HOME": str(self.home)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110,
        )  # fmt: skip
        self.seconds[" ".join(word for word in words if word in ("init", "lint", "check"))] = time.monotonic() - started
        return done

    def written(self) -> dict[str, str]:
        """Every file of the ops repo, by its path."""
        files = (path for path in sorted(self.ops.rglob("*")) if path.is_file() and ".git" not in path.parts)
        return {str(path.relative_to(self.ops)): path.read_text() for path in files}

    def yours(self) -> dict[str, str]:
        """What a person edits: all but the protocol of the last look, which is written anew each time."""
        return {path: text for path, text in self.written().items() if not path.startswith("discovered/")}


@pytest.fixture(scope="module")
def hour(shared_lab: MachineLab, tmp_path_factory: pytest.TempPathFactory) -> FirstHour:
    machine = shared_lab.add("harbour1", init="systemd")
    furnish(machine)
    folder = tmp_path_factory.mktemp("hour")
    return FirstHour(machine, shared_lab.home(folder / "home", known=False), folder / "ops", {})


@pytest.fixture(scope="module")
def discovered(hour: FirstHour) -> FirstHour:
    where = f"deploy@{hour.machine.address}"
    asked = hour.wk("init", str(hour.ops), "--host", where)
    assert asked.returncode == 2, "an unknown host key is not accepted by itself"
    assert not hour.ops.exists()
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(hour.machine.folder / "host_key.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert shown in asked.stderr
    done = hour.wk("init", str(hour.ops), "--host", where, "--accept-host-key", shown, "--name", "harbour1")
    assert done.returncode == 0, done.stderr
    return hour


def test_what_runs_there_is_found(discovered: FirstHour) -> None:
    text = "\n".join(text for path, text in discovered.written().items() if path.endswith(".yaml"))
    missed = [each.what for each in TRUTH if not each.found_in(text)]
    recall = 1 - len(missed) / len(TRUTH)
    print(f"recall {recall:.0%} of {len(TRUTH)}; missed: {missed or 'nothing'}")
    assert recall >= 0.9, missed


def test_nothing_is_invented_and_nothing_counted_twice(discovered: FirstHour) -> None:
    files = discovered.written()
    services = {path.split("/")[1].removesuffix(".yaml") for path in files if path.startswith("services/")}
    assert services - set(SERVICES) == set()
    assert "etc/cron.d/renew-certs" not in "".join(files[f"services/{name}.yaml"] for name in services), "guarded"
    for name in services:
        text = files[f"services/{name}.yaml"]
        assert text.startswith("# Found on harbour1 by wk init"), name
        checks = text[text.index("checks:") :].splitlines()
        bare = [line for before, line in pairwise(checks) if "  - name:" in line and "#" not in before]
        assert not bare, f"{name}: checks without a comment that says where they come from"


def test_secrets_are_names_and_never_values(discovered: FirstHour) -> None:
    text = "\n".join(discovered.written().values())
    assert not [name for name, value in SECRETS.items() if value in text]
    assert "shop-database-password" in discovered.written()["secrets.yaml"]


def test_what_is_written_passes_lint_without_an_edit(discovered: FirstHour) -> None:
    done = discovered.wk("--ops", str(discovered.ops), "lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_truth_is_the_truth(discovered: FirstHour) -> None:
    done = discovered.wk("--ops", str(discovered.ops), "--json", "check")
    checks = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert not {name: check for name, check in checks.items() if check["state"] == "UNKNOWN"}
    bad = {name for name, check in checks.items() if check["state"] != "OK"}
    assert bad - {"harbour1/load"} == {BROKEN}  # a machine of the lab shares its load with this one
    assert done.returncode == 1
    took = discovered.seconds["init"] + discovered.seconds["check"]
    print(f"first truth after {took:.1f} s: {discovered.seconds}")


def test_a_second_look_changes_nothing_and_a_new_unit_is_all_that_is_added(discovered: FirstHour) -> None:
    before = discovered.yours()
    where = f"deploy@{discovered.machine.address}"
    done = discovered.wk("init", str(discovered.ops), "--host", where, "--name", "harbour1")
    assert done.returncode == 0, done.stderr
    assert discovered.yours() == before
    discovered.machine.write("/srv/tides/tides.py", "import time\nwhile True: time.sleep(60)\n")
    discovered.machine.unit("tides", "ExecStart=/usr/bin/python3 /srv/tides/tides.py")
    done = discovered.wk("init", str(discovered.ops), "--host", where, "--name", "harbour1")
    assert done.returncode == 0, done.stderr
    added = {path: text for path, text in discovered.yours().items() if before.get(path) != text}
    assert list(added) == ["services/tides.yaml"]
    (discovered.ops / "services/tides.yaml").unlink()
    discovered.machine.run(
        "systemctl disable -q --now tides; rm /etc/systemd/system/tides.service; systemctl daemon-reload"
    )


def test_the_tutorial_of_the_first_server_can_be_followed_word_by_word(hour: FirstHour, shared_lab: MachineLab) -> None:
    with tempfile.TemporaryDirectory(prefix="wk") as place:
        reader = Reader(Path(place), columns=160)
        shared_lab.home(Path(place), known=False)
        config = Path(place, ".ssh/config")
        config.write_text(config.read_text().replace("Host harbour1 ", "Host app1.example.org harbour1 "))
        launcher = Path(place, "wk")
        launcher.write_text(f'#!/bin/sh\nexec {Path(sys.executable).parent}/wk "$@"\n')
        launcher.chmod(0o755)
        followed = list(fences(DOCS / "tutorial-first-server.md"))
        assert len([one for one in followed if one.kind == "printed"]) >= 5
        for fence in followed:
            reader.follow(fence)


def test_where_mail_comes_first_the_first_page_is_in_the_mailbox(discovered: FirstHour, tmp_path: Path) -> None:
    """A new installation, and its very first message: the expired certificate."""
    ops = Path(shutil.copytree(discovered.ops, tmp_path / "ops"))
    with MailSink() as post:
        house = _house(discovered, ops, tmp_path / "mailed", post)
        _append(
            ops / "watchkeeper.yaml", CHANNELS.format(webhook="http://127.0.0.1:9/").replace("[room, mail]", "[mail]")
        )
        _append(ops / "secrets.yaml", "  mail-url: {env: MAIL_URL}\n")
        try:
            house.start()
            # a machine of the lab shares its load with this one, so a page of the load may come before
            page = house.until(lambda: _mail(post, BROKEN), 60, "the page of the certificate by mail")
        finally:
            house.stop()
    assert "duty@harbour.example.org" in page["To"]
    assert "expired" in page.get_body(("plain", "html")).get_content()


@pytest.fixture(scope="module")
def watched(
    discovered: FirstHour, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, WebhookSink, MailSink]]:
    ops = discovered.ops
    with WebhookSink() as room, MailSink() as post:
        house = _house(discovered, ops, tmp_path_factory.mktemp("watched"), post)
        _append(ops / "watchkeeper.yaml", CHANNELS.format(webhook=room.url))
        _append(ops / "secrets.yaml", "  mail-url: {env: MAIL_URL}\n")
        _append(ops / "services/shop.yaml", RESPONSE)
        (ops / "runbooks/shop-closed.md").write_text(RUNBOOK)
        try:
            house.start()
            yield house, room, post
        finally:
            house.stop()


def _house(discovered: FirstHour, ops: Path, root: Path, post: MailSink) -> House:
    """A watchkeeper on the discovered ops repo, with the values that its secrets.yaml asks for."""
    house = House(root)
    house.ops = ops
    mail = f"mailto://127.0.0.1:{post.port}/?from=wk@harbour.example.org&to=duty@harbour.example.org&mode=insecure"
    house.environment = {"HOME": str(discovered.home), "MAIL_URL": mail}
    house.environment |= {f"SHOP_{name}": value for name, value in SECRETS.items()}
    return house


def _mail(post: MailSink, about: str) -> EmailMessage | None:
    return next((mail for mail in post.received if about in mail["Subject"]), None)


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_the_first_page_arrives_at_the_webhook_and_then_at_the_mailbox(
    discovered: FirstHour, watched: tuple[House, WebhookSink, MailSink]
) -> None:
    house, room, post = watched
    wait = house.until
    wait(lambda: _all_settled(house), 60, "every check was asked")
    wait(lambda: [page for page in room.received if "certificate" in page["title"]], 20, "the page of the certificate")
    (discovered.machine.root / "srv/shop/open").unlink()
    page = wait(lambda: _page(room, "shop", "opened"), 40, "the first page at the webhook")
    assert page["severity"] == "P2"
    incident = wait(lambda: house.incident("shop"), 5, "the incident")
    run = wait(lambda: _parked(house, incident["id"]), 20, "the diagnosis is there and the fix waits")
    room.__exit__(None, None, None)  # the chat is down: the next message takes the next channel
    house.post(f"/runs/{run['id']}/approve")
    house.closed("shop", 60)
    wait(lambda: _mail(post, "shop"), 60, "the closing by mail")
    assert "duty@harbour.example.org" in post.recipients
    shown = house.client.raw("GET", f"/runs/{run['id']}/steps/0/output")[1].decode()
    assert "DATABASE_PASSWORD" in shown
    for name, value in SECRETS.items():
        assert value not in shown, name
        _nowhere(house, value)


def _all_settled(house: House) -> bool:
    checks = house.get("/checks")["checks"]
    return bool(checks) and all(check["at"] for check in checks)


def _page(room: WebhookSink, service: str, kind: str) -> dict[str, Any] | None:
    found = [page for page in room.received if page["kind"] == kind and re.search(rf"\b{service}/", page["title"])]
    return found[0] if found else None


def _parked(house: House, incident: int) -> dict[str, Any] | None:
    runs = house.get(f"/incidents/{incident}")["incident"]["runs"]
    return next((run for run in runs if run["state"] == "parked"), None)


def _nowhere(house: House, value: str) -> None:
    """Neither in the databases nor in the logs, as plain bytes."""
    for path in [*house.state.iterdir(), *house.root.glob("*.log")]:
        if path.is_file():
            assert value.encode() not in path.read_bytes(), path
