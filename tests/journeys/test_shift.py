"""A shift and its follow-ups as people have them: on the command line and on the page, through a real watchkeeper."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.house import House
from tests.journeys.test_web import Visitor

TEAM = """team: Test
timezone: UTC
channels:
  duty: {script: tools/page.sh, timeout: 10s}
defaults: {every: 1s}
shift:
  checklist:
    - {checks: [all]}
    - {documents: [docs/rules.md]}
    - The alarm panel is green
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("shift"))
    made.write("watchkeeper.yaml", TEAM)
    (made.ops / "docs").mkdir()
    made.write("docs/rules.md", "# Rules <script>alert(1)</script>\n")
    made.service("shop", mode="propose")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wk(house: House, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [*house.command, *words], input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), (words, done.stdout, done.stderr)
    return done.stdout


def entered(house: House) -> Visitor:
    link = house.post("/links")["link"]["url"]
    visitor = Visitor(link)
    visitor.ask("GET", "/enter?" + link.partition("?")[2])
    return visitor


def test_follow_ups_on_the_command_line_and_on_the_page(house: House) -> None:
    wk(
        house,
        "log",
        "add",
        "Moved shop",
        "--follow-up",
        "Monitor shop/flag for 1 h",
        "--follow-up",
        "Tell <b>everybody</b>",
    )
    found = json.loads(wk(house, "--json", "tasks"))["tasks"]
    assert [(each["text"], each["check"], each["stays_s"]) for each in found] == [
        ("Monitor shop/flag for 1 h", "shop/flag", 3600.0), ("Tell <b>everybody</b>", "", None),
    ]  # fmt: skip
    visitor = entered(house)
    page = visitor.get("/tasks")
    assert "Tell &lt;b&gt;everybody&lt;/b&gt;" in page and "<b>everybody</b>" not in page
    status, headers, _ = visitor.press("/tasks", f"/tasks/{found[1]['id']}/done")
    assert status == 303 and headers["Location"].startswith("/tasks")
    status, _, _ = visitor.press("/tasks", "/tasks", text="From the page", due="tomorrow", owner="ana")
    assert status == 303 and "To do" in visitor.get("/")
    listed = {each["text"]: each["state"] for each in json.loads(wk(house, "--json", "tasks", "--ended"))["tasks"]}
    assert listed == {"Tell <b>everybody</b>": "done"}
    status, _, text = visitor.press("/tasks", "/tasks", text="x", due="whenever")
    assert status == 400 and "is no date" in text


def test_a_shift_is_begun_reported_and_handed_over(house: House) -> None:
    house.until(lambda: house.get("/status")["status"]["state"] == "OK", 30, "the check was asked")
    begun = wk(house, "shift", "start")
    assert "1 of 1 checks OK" in begun and "Waits for you: item 2, 3" in begun
    wk(
        house,
        "shift",
        "note",
        "v74 is live",
        "--progress",
        "--evidence",
        "-",
        given="\n".join(f"line {n}" for n in range(40)),
    )
    visitor = entered(house)
    page = visitor.get("/shifts/1")
    assert "v74 is live" in page and "31 lines left out" in page and "<script>alert" not in page
    evidence = re.search(r'href="(/shifts/evidence/\d+)"', page)
    assert evidence and "line 20" in visitor.get(evidence.group(1))
    for item, more in (("2", {}), ("3", {"missing": "it is dark"})):
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get("/shifts/1"))
        assert token
        form = {"csrfmiddlewaretoken": token.group(1), "item": item} | more
        assert visitor.ask("POST", "/shifts/1/tick", form)[0] == 303
    assert visitor.press("/shifts/1", "/shifts/1/sign")[0] == 303
    assert visitor.press("/shifts/1", "/shifts/1/notes", text="no rights", kind="blocker")[0] == 303
    assert visitor.press("/shifts/1", "/shifts/1/tasks", text="deploy", estimate="3h")[0] == 303
    assert visitor.press("/shifts/1", "/shifts/1/end", to="ben", said="quiet")[0] == 303
    shift = house.get("/shifts/1")["shift"]
    assert shift["state"] == "ended" and shift["handed_to"] == "ben" and shift["compliance"]["failed"] == 1
    entry = house.get(f"/log/{shift['entry']}")["entry"]
    assert entry["type"] == "Hand-over" and "no rights" in str(entry["sections"])
    assert "Hand-over of shift 1: local to ben" in visitor.get("/log")
    daily = json.loads(wk(house, "--json", "log", "daily"))["daily"]
    assert daily["operator"] == "local" and daily["markdown"].startswith("# Daily Operations Log - ")
    assert house.get("/log/verify")["verification"]["ok"]
