"""Windows and silences as a user meets them: command line, page, a main that is killed, and a page at the end."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from tests.house import House

PLAN = (
    'windows:\n  - {name: nightly, cron: "0 2 * * *", for: 1h, why: nightly vacuum, before: [Users were told]}\n'
    "  - {name: far, from: 2099-12-01T02:00, for: 1h, why: far away}\n"
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("windows"))
    house.service("shop", mode="auto")
    house.service("mail", mode="propose")
    with (house.ops / "services/mail.yaml").open("a") as file:
        file.write(PLAN)
    house.start()
    house.until(house.all_ok, 30, "all are OK")
    yield house
    house.stop()


def wk(house: House, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [*house.command, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, (words, done)
    return done.stdout + done.stderr


def test_a_silence_mutes_survives_a_kill_and_pages_at_its_end(house: House) -> None:
    assert "needs an end" in wk(house, "silence", "add", "mail", "--why", "x", code=2)
    assert "needs a reason" in wk(house, "silence", "add", "mail", "--for", "1h", code=2)
    assert "no service mial" in wk(house, "silence", "add", "mial", "--for", "1h", "--why", "x", code=2)
    assert "1 check" in wk(house, "silence", "add", "mail", "--for", "1h", "--why", "x", "--dry-run")
    assert json.loads(wk(house, "silence", "list", "--json"))["silences"] == []
    made = json.loads(wk(house, "silence", "add", "mail", "--for", "1h", "--why", "swap the disk", "--json"))["silence"]
    house.break_("mail")
    incident = house.until(lambda: house.incident("mail"), 20, "the incident is recorded")
    house.kill("main")
    house.start("main")
    assert not [page for page in house.pages() if '"mail' in page or "mail/flag" in page]
    assert f"Silence {made['id']}" in wk(house, "status", code=1)
    shown = house.get("/status")["status"]["muted"]
    assert [(each["kind"], each["targets"]) for each in shown] == [("silence", ["mail"])]
    assert "ended" in wk(house, "silence", "end", str(made["id"]), "--why", "done")
    page = house.until(lambda: [each for each in house.pages() if "still fails after" in each], 20, "it is paged")
    assert "swap the disk" in page[0] and f"/incidents/{incident['id']}" in page[0]


def test_inside_a_window_nothing_acts_by_itself_and_the_page_shows_it(house: House) -> None:
    house.grant("shop")
    text = wk(house, "window", "start", "shop", "--for", "2h", "--why", "new kernel", "--after", "Users were told")
    number = int(re.search(r"Window (\d+) of local holds until", text).group(1))  # type: ignore[union-attr]
    house.break_("shop")

    def parked() -> dict | None:
        found = house.incident("shop")
        return found if found and "under maintenance" in found["why_not_acted"] else None

    found = house.until(parked, 30, "the run waits because of the window")
    assert not (house.flags / "shop").exists()
    cookies = CookieJar()
    link = house.post("/links")["link"]["url"]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))

    def read(path: str) -> str:
        return browser.open(link.split("/enter")[0] + path, timeout=20).read().decode()

    browser.open(link, timeout=20).read()
    whole = read("/windows")
    assert "new kernel" in whole and "nightly vacuum" in whole and "MAINT" in whole
    assert "1 window: nothing else is muted." in read("/")
    assert f"window {number}" in read(f"/incidents/{found['id']}")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', whole).group(1)  # type: ignore[union-attr]

    def send(path: str, **fields: str) -> str:
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        request = urllib.request.Request(link.split("/enter")[0] + path, data)
        request.add_header("Origin", link.split("/enter")[0])
        try:
            return browser.open(request, timeout=20).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    assert "needs an end" in send("/windows", kind="silence", targets="mail", lasts="", why="x")
    assert "Silence" in send("/windows", kind="silence", targets="mail", lasts="30m", why="by form")
    send(f"/windows/{number}/tick", position="1", done="1")
    send(f"/windows/{number}/end", why="ready")
    window = house.get(f"/windows/{number}")["window"]
    assert window["state"] == "ended" and window["checklist"][0]["by"] == "local"
    changes = [each for each in house.get("/changes")["changes"] if each["kind"] == "window"]
    assert [each["title"] for each in changes] == ["maintenance ended: new kernel", "maintenance began: new kernel"]


def test_what_is_over_is_reclassified_by_command_only_after_a_question(house: House, tmp_path: Path) -> None:
    span = ("--from", "2026-01-01T02:00+00:00", "--to", "2026-01-01T03:00+00:00")
    asked = wk(house, "window", "add", "shop", *span, "--past", "--why", "forgot", code=2)
    assert "before" in asked and "--yes" in asked
    done = json.loads(wk(house, "window", "add", "shop", *span, "--past", "--why", "forgot", "--yes", "--json"))
    number = done["window"]["id"]
    assert (
        done["window"]["state"] == "past" and done["after"][0]["unknown_s"] == 3600.0
    )  # nobody watched then: that stays so
    assert "counts" in wk(house, "window", "show", str(number))
    wk(house, "window", "take-back", str(number), "--why", "wrong service", "--yes")
    assert house.get(f"/windows/{number}")["window"]["state"] == "taken_back"
    titles = [each["title"] for each in house.get("/log")["entries"]]
    assert titles[0].startswith(f"Reclassification {number} taken back")
