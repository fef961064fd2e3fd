"""docs/reference/api.md is what the routes say, and real answers hold exactly the fields it names."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.docs.pages import DOCS, ROOT
from tests.house import House

sys.path.insert(0, str(ROOT / "tools"))
import api_reference

PAGE = DOCS / "reference" / "api.md"
MORE = """
people: {ana: {channels: [duty]}, ben: {channels: [duty]}}
oncall:
  primary:
    rotation: [ana, ben]
    every: 7d
    hand_over: "mon 09:00"
    from: 2026-01-05
escalations: {default: [{to: [oncall:primary]}, {after: 1h, to: [everybody]}]}
expiries: [{name: domain, ends: 2036-01-01}]
"""
ASKED = {
    "number": "1",
    "name": "primary",
    "check": "jobs/nightly",
    "key": "fixed/flag",
    "purpose": "metrics",
    "index": "0",
}
"""What a name in a path is filled with; the runs, incidents and windows of the house begin with number 1."""
QUERIES = {
    "GET /escalations/preview": {"service": "fixed"},
    "GET /automation/records": {"runbook": "runbooks/fixed.md"},
    "GET /expiries": {"days": 36600},
}


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == api_reference.page(), "run: python tools/api_reference.py"


def test_every_route_stands_in_it_once() -> None:
    names = [f"{method} {path}" for method, path, _ in api_reference.operations(api_reference.openapi())]
    titles = re.findall(r"^### ((?:GET|POST|PUT|DELETE|PATCH) .+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(titles)
    assert set(api_reference.ANSWERS) == set(api_reference.MEANINGS) == set(names)


def documented(title: str) -> set[str]:
    """The fields that the page names below a heading."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n### {title}\n")[2].partition("\n#")[0]
    last = section.strip().split("\n\n")[-1]
    found = set(re.findall(r"`(\w+)`", last))
    assert found, f"no fields below {title}"
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("api"))
    house.service("fixed")
    house.service("asked")
    with (house.ops / "watchkeeper.yaml").open("a") as file:
        file.write(MORE)
    house.write("services/jobs.yaml", "service: jobs\nchecks:\n  - {name: nightly, heartbeat: {every: 1d}}\n")
    house.start()
    house.post("/pings", check="jobs/nightly", note="done")
    house.until(house.all_ok, 20, "every check is OK")
    house.post("/changes", title="fixed 2.0", service="fixed")
    house.post("/windows", targets=["jobs"], why="a new disk", lasts_s=3600, before=["tell the crew"])
    house.post("/windows", targets=["jobs"], why="every week", lasts_s=3600, cron="0 3 * * 6")
    house.post("/silences", targets=["jobs/nightly"], why="known", lasts_s=3600)
    house.post("/oncall/primary/overrides", person="ben", lasts_s=3600)
    house.grant("fixed")
    house.break_("fixed", "asked")
    house.closed("fixed")
    house.until(lambda: house.get("/status")["status"]["waiting"], 15, "a step waits")
    house.post("/incidents/1/tasks", text="write it down")
    house.post("/incidents/1/links", target="run 1")
    house.post("/log", title="Moved the jobs", body="to the new disk", type="Maintenance")
    house.post("/log", title="Cleaned the old disk", body="logs", type="Maintenance", at="2020-01-02 10:00")
    house.post("/log/holds", name="case 12", entries="2")
    house.post("/log/queries", name="moves", question="type:maintenance")
    house.post("/tasks", text="look at the new disk", check="jobs/nightly", stays_s=3600)
    house.post("/shifts")
    house.post("/shifts/notes", text="all is well", kind="progress")
    yield house
    house.stop()


def test_real_answers_hold_the_fields_of_the_page(house: House) -> None:
    number = house.incident("fixed")["id"]  # type: ignore[index]
    incident = house.get(f"/incidents/{number}")["incident"]
    run = incident["runs"][0]
    waiting = house.get("/runs", active="true")["runs"][0]
    report = house.get("/automation/report")["report"]
    windows = house.get("/windows")
    day_ago = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() - 86400))
    past = house.post(
        "/windows", targets=["fixed"], why="it was planned", starts_at=day_ago, lasts_s=600, past=True, dry_run=True
    )
    found: dict[str, Any] = {
        "Status": house.get("/status")["status"],
        "Health": house.get("/health")["health"],
        "Check": house.get("/checks")["checks"][0],
        "Availability split": _without(house.get("/availability")["availability"][0], "service", "checks"),
        "Series point": house.get("/checks/fixed%2Fflag/series", since="1h")["series"][0],
        "Expiry": house.get("/expiries", days=36600)["expiries"][0],
        "Change": house.get("/changes")["changes"][0],
        "Channel": house.get("/channels")["channels"][0],
        "Incident": house.get("/incidents")["incidents"][0],
        "Failing check": incident["checks"][0],
        "Event": incident["timeline"][0],
        "Stage": incident["stages"][0],
        "Stage figures": house.get("/incidents/stages")["stages"],
        "Task of an incident": house.get("/incidents/tasks")["tasks"][0],
        "Link": house.get("/incidents/1")["incident"]["links"][0],
        "Window": windows["windows"][0],
        "Recurring window": windows["plans"][0],
        "Covered": house.post("/silences", targets=["jobs"], dry_run=True)["covered"],
        "Reclassified time": past["before"][0],
        "On call": house.get("/oncall")["oncall"][0],
        "On-call shift": house.get("/oncall/primary/shifts")["shifts"][0],
        "Override": house.get("/oncall/overrides")["overrides"][0],
        "Escalation": house.get("/escalations")["escalations"][0],
        "Step of escalation": house.get("/escalations/preview", service="fixed")["preview"]["steps"][0],
        "Ping": house.get("/heartbeats/show/jobs/nightly")["heartbeat"]["pings"][0],
        "Run": house.get("/runs")["runs"][0],
        "Plan": run["plan"],
        "Step": run["steps"][0],
        "Planned step": run["steps"][0]["plan"],
        "Evidence": run["steps"][0]["evidence"],
        "Approval": house.get(f"/runs/{waiting['id']}")["run"]["approvals"][0],
        "Blast radius": run["blast_radius"],
        "Touch": run["blast_radius"]["touches"][0],
        "Automation report": report,
        "Response report": report["responses"][0],
        "Match": next(one for one in report["responses"] if one["matches"])["matches"][0],
        "Month": house.get("/automation/month")["month"],
        "Grant": house.get("/grants")["grants"][0],
        "Notification": house.get("/notifications")["notifications"][0],
        "Message": house.get("/notifications")["notifications"][0]["message"],
        "Attempt": incident["notifications"][-1]["attempts"][0],
        "Verification": house.get("/log/verify")["verification"],
        "Finding": house.get("/doctor")["doctor"][0],
        "Runbook": house.get("/runbooks")["runbooks"][0],
        **kept_answers(house),
    }
    for title, answer in found.items():
        assert set(answer) == documented(title), title
    more = {
        "stages", "impact", "parts", "tasks", "links", "similar", "remedies", "timeline", "suspects", "runs",
        "notifications", "muted",
    }  # fmt: skip
    assert set(incident) == documented("Incident") | more
    named = set(re.findall(r"`(\w+)`", note_of("Incident")))
    assert more <= named, "the page names what one incident alone has"
    told = documented("Notification") - {"state", "sentence"}
    assert set(incident["notifications"][0]) == told | {"attempts"}
    asked = house.post("/checks/ask", checks=["fixed/flag"])["checks"][0]
    assert set(asked) == documented("Check") - {"flapping", "members"} | {"error"}
    assert documented("Heartbeat") <= set(house.get("/heartbeats")["heartbeats"][0])
    line = windows["windows"][0]["checklist"][0]
    assert set(line) <= set(re.findall(r"`(\w+)`", note_of("Window")))


def kept_answers(house: House) -> dict[str, Any]:
    """Answers about the operations log, tasks and shifts, by the heading of the page that says what they hold."""
    shift = house.get("/shifts/current")["shift"]
    listed = house.get("/shifts")["shifts"][0]
    imported = house.client.transport.request("POST", "/api/v1/log/import?name=old.md", b"# Log\n\nNothing yet.\n")[2]
    return {
        "Entry": house.get("/log")["entries"][0],
        "Written entry": house.post("/log/1/reply", title="seen")["entry"],
        "Task": house.get("/tasks")["tasks"][0],
        "Draft of a task": house.get("/tasks/1/draft")["draft"],
        "Shift": listed,
        "Whole shift": _without(shift, *listed),
        "Counters of a shift": shift["compliance"],
        "Item of a checklist": shift["checklist"][0],
        "Note of a shift": shift["notes"][0],
        "Hold": house.get("/log/holds")["holds"][0],
        "Archive": house.post("/log/archive", dry_run=True)["archives"][0],
        "Import": json.loads(imported)["import"],
        "Daily document": house.get("/log/daily")["daily"],
        "Issue": house.get("/log/issues")["issues"][0],
        "Digest": house.get("/log/digest")["digest"],
        "Logged change": house.get("/log/compliance")["compliance"]["changes"][0],
    }


def _without(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in names}


def note_of(title: str) -> str:
    """What the page says about a value before it lists its fields."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n### {title}\n")[2].partition("\n#")[0]
    return section.strip().rpartition("\n\n")[0]


def test_answers_stand_under_the_nouns_of_the_page(house: House) -> None:
    for name, said in api_reference.ANSWERS.items():
        method, path = name.split(" ")
        nouns = nouns_of(said)
        if method == "GET" and nouns and "{path}" not in path:
            filled = re.sub(r"\{(\w+)\}", lambda found: quote(ASKED[found[1]], safe="/"), path)
            if name == "GET /silences/{number}":
                filled = f"/silences/{house.get('/silences')['silences'][0]['id']}"
            assert set(house.get(filled, **QUERIES.get(name, {}))) == nouns, name


def nouns_of(said: str) -> set[str]:
    """What stands at the top of an answer: the words in code with which its clauses begin."""
    if shown := re.match(r'`\{"(\w+)"', said):
        return {shown[1]}
    beginnings = (re.match(r"(?:`\w+`(?:, | and )?)+", clause) for clause in said.split("; "))
    return {noun for found in beginnings if found for noun in re.findall(r"`(\w+)`", found[0])}


def test_the_example_of_the_page(house: House) -> None:
    (example,) = re.findall(r"```json\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown, real = json.loads(example)["health"], house.get("/health")["health"]
    assert (real["ok"], real["faults"]) == (shown["ok"], shown["faults"]) == (True, [])
    assert shape(real) == shape(shown)


def shape(value: Any) -> Any:
    """The names of an answer, all the way down."""
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None


def test_errors_come_as_the_table_says(house: House) -> None:
    status, _headers, body = house.client.transport.request("GET", "/api/v1/incidents/9999")
    assert (status, b'"kind": "not_found"' in body) == (404, True)
    status, _headers, body = house.client.transport.request("POST", "/api/v1/log", b'{"title": 7}')
    assert (status, b'"detail"' in body) == (422, True)
    status, _headers, body = house.client.transport.request("GET", "/api/v1/incidents?status=odd")
    assert (status, b'"kind": "usage"' in body) == (400, True)
