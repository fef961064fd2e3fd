"""Incidents as people use them: a database with what needs it, a real watchkeeper, the command line and the page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House
from tests.journeys.test_web import Markup, Visitor

TEAM = """hours: {from: "08:00", to: "17:00"}
severities:
  P1: {respond_within: 15m}
  P2: {respond_within: 30m}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("incidents"))
    for name, head in (
        ("db", "tier: 1\nowner: ops\n"),
        ("shop", "depends_on: [db]\nowner: web\n"),
        ("desk", "depends_on: [shop]\n"),
    ):
        house.service(name, mode="propose")
        place = house.ops / f"services/{name}.yaml"
        place.write_text(place.read_text().replace("hosts:", f"{head}hosts:", 1))
    team = house.ops / "watchkeeper.yaml"
    team.write_text(team.read_text() + TEAM)
    house.start()
    house.until(house.all_ok, 15, "everything is well")
    house.break_("shop", "desk", "db")  # in one moment: any of them may be seen first
    yield house
    house.stop()


def wk(house: House, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [*house.command, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, (words, done.stdout, done.stderr)
    return done.stdout + (done.stderr if code else "")


def test_one_incident_and_one_page_for_all_three(house: House) -> None:
    house.until(lambda: house.incident("db"), 15, "the cause is found")
    parts = house.until(
        lambda: (found := house.incident("db") or {}) and len(found["parts"]) == 2 and found, 15, "both are part of it"
    )
    assert [each["service"] for each in house.get("/incidents", status="open")["incidents"]] == ["db"]
    house.until(house.pages, 10, "somebody is told")
    told = [page for line in house.pages() if (page := json.loads(line))["kind"] in ("opened", "escalated")]
    assert [page["title"].partition(":")[0] for page in told] == ["P1 db/flag"]
    assert "shop (web)" in told[0]["body"] and "desk" in told[0]["body"]
    assert {each["service"] for each in parts["impact"]} == {"shop", "desk"}
    assert parts["severity"] == "P1" and "left" in parts["response"]


def test_what_people_do_on_the_command_line(house: House, tmp_path: Path) -> None:
    number = str((house.incident("db") or {})["id"])
    assert "local has incident" in wk(house, "incidents", "assign", number)
    assert "is P2 now" in wk(house, "incidents", "severity", number, "P2", "only", "the", "office")
    task = json.loads(wk(house, "incidents", "task", number, "alert", "earlier", "--due", "2026-12-01", "--json"))[
        "task"
    ]
    assert "alert earlier" in wk(house, "incidents", "tasks")
    assert "is done" in wk(house, "incidents", "done", str(task["id"]))
    assert "No task is open" in wk(house, "incidents", "tasks")
    wk(house, "incidents", "link", number, "https://tracker.example.org/4", "--title", "the bug")
    assert "is no link" in wk(house, "incidents", "link", number, "javascript:alert(1)", code=2)
    shown = wk(house, "incidents", "show", number)
    assert "Owner: local." in shown and "Answer due" in shown and "Who is blocked (2)" in shown and "the bug" in shown
    assert "Failed because of it" in shown and "Clock, from the first bad reading" in shown
    draft = tmp_path / "draft.md"
    wk(house, "incidents", "postmortem", number, "--out", str(draft))
    assert draft.read_text().startswith(f"# Post-mortem of incident {number}: db/flag")
    assert "is there already" in wk(house, "incidents", "postmortem", number, "--out", str(draft), code=2)
    assert "MEDIAN" in wk(house, "incidents", "stages")
    assert json.loads(wk(house, "incidents", "similar", number, "--json"))["similar"] == []
    assert "no incident 99" in wk(house, "incidents", "assign", "99", code=4)
    merged = json.loads(wk(house, "incidents", "list", "--status", "merged", "--json"))["incidents"]
    for each in merged:
        assert f"part of incident {number}" in wk(house, "incidents", "ack", str(each["id"]), code=2)


def test_the_same_on_the_page_without_script(house: House) -> None:
    number = (house.incident("db") or {})["id"]
    link = next(word for word in wk(house, "open").split() if word.startswith("http"))
    visitor = Visitor(link)
    status, headers, _ = visitor.ask("GET", link.partition(visitor.host)[2])
    assert status in (302, 303), headers
    place = f"/incidents/{number}"
    text = visitor.get(place)
    markup = Markup()
    markup.feed(text)
    assert [each for each in markup.faults if "tracker.example.org" not in each] == []
    for words in ("Clock", "Who is blocked", "Answer due", "It happened before", "Owner local", "the bug"):
        assert words in text, words
    attack = "<script>alert(1)</script>"
    assert visitor.press(place, f"{place}/tasks", text=attack, owner="ben", due="2026-12-02")[0] == 303
    assert visitor.press(place, f"{place}/links", target="run 1", title="the run")[0] == 303
    assert visitor.press(place, f"{place}/severity", severity="P1", reason="it grows")[0] == 303
    assert visitor.press(place, f"{place}/assign", owner="night watch")[0] == 303
    assert visitor.press(place, f"{place}/links", target="javascript:alert(1)")[0] == 400
    text = visitor.get(place)
    assert attack not in text and "&lt;script&gt;alert(1)" in text and "night watch" in text and "/runs/1" in text
    task = (house.incident("db") or {})["tasks"][-1]
    assert task["due_at"].startswith("2026-12-03T00:00")
    assert visitor.press(place, f"{place}/tasks/{task['id']}")[0] == 303
    assert (house.incident("db") or {})["tasks"][-1]["done_by"] == "local"
    for part in ("top", "around", "records"):
        assert visitor.ask("GET", f"{place}/fragment/{part}")[0] == 200
    status, headers, markdown = visitor.ask("GET", f"{place}/postmortem.md")
    assert status == 200 and "attachment" in headers["Content-Disposition"] and attack not in markdown
    assert visitor.ask("POST", f"{place}/tasks", {"text": "no token"})[0] == 403


def test_who_is_still_down_when_the_cause_is_over_is_told_of(house: House) -> None:
    (house.flags / "db").touch()
    (house.flags / "desk").touch()

    def shop_is_told() -> bool:
        return any(each["service"] == "shop" for each in house.get("/incidents", status="open")["incidents"])

    house.until(shop_is_told, 20, "the shop has its own incident")
    cause = house.closed("db", 40)
    truth = {each["service"]: each["state"] for each in cause["parts"]}
    assert truth == {"shop": "CRIT", "desk": "OK"}
    facts = house.get(f"/log/{cause['entry']}")["entry"]["facts"]
    assert facts["told_s"] < 30 and facts["proven_s"] > 0
    (house.flags / "shop").touch()
    house.closed("shop", 40)
