"""docs/reference/api.md is what the routes say, and real answers hold exactly the fields it names."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.docs.pages import DOCS, ROOT
from tests.house import House

sys.path.insert(0, str(ROOT / "tools"))
import api_reference

PAGE = DOCS / "reference" / "api.md"


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
    house.start()
    house.until(house.all_ok, 20, "every check is OK")
    house.grant("fixed")
    house.break_("fixed", "asked")
    house.closed("fixed")
    house.until(lambda: house.get("/status")["status"]["waiting"], 15, "a step waits")
    yield house
    house.stop()


def test_real_answers_hold_the_fields_of_the_page(house: House) -> None:
    number = house.incident("fixed")["id"]  # type: ignore[index]
    incident = house.get(f"/incidents/{number}")["incident"]
    run = incident["runs"][0]
    waiting = house.get("/runs", active="true")["runs"][0]
    found: dict[str, Any] = {
        "Status": house.get("/status")["status"],
        "Check": house.get("/checks")["checks"][0],
        "Incident": house.get("/incidents")["incidents"][0],
        "Failing check": incident["checks"][0],
        "Event": incident["timeline"][0],
        "Run": house.get("/runs")["runs"][0],
        "Plan": run["plan"],
        "Step": run["steps"][0],
        "Planned step": run["steps"][0]["plan"],
        "Evidence": run["steps"][0]["evidence"],
        "Approval": house.get(f"/runs/{waiting['id']}")["run"]["approvals"][0],
        "Blast radius": run["blast_radius"],
        "Touch": run["blast_radius"]["touches"][0],
        "Automation report": house.get("/automation/report")["report"],
        "Response report": house.get("/automation/report")["report"]["responses"][0],
        "Match": next(one for one in house.get("/automation/report")["report"]["responses"] if one["matches"])[
            "matches"
        ][0],
        "Grant": house.get("/grants")["grants"][0],
        "Notification": house.get("/notifications")["notifications"][0],
        "Message": house.get("/notifications")["notifications"][0]["message"],
        "Attempt": incident["notifications"][-1]["attempts"][0],
        "Verification": house.get("/log/verify")["verification"],
        "Finding": house.get("/doctor")["doctor"][0],
        "Runbook": house.get("/runbooks")["runbooks"][0],
        "Entry": house.get("/log")["entries"][0],
    }
    for title, answer in found.items():
        assert set(answer) == documented(title), title
    assert set(incident) == documented("Incident") | {"timeline", "suspects", "runs", "notifications"}


def test_answers_stand_under_the_noun_of_the_page(house: House) -> None:
    for name, said in api_reference.ANSWERS.items():
        method, path = name.split(" ")
        noun = re.match(r"`(\w+)`|`\{\"(\w+)\"", said)
        if method == "GET" and "{" not in path and noun:
            assert set(house.get(path)) == {noun[1] or noun[2]}, name


def test_the_example_of_the_page(house: House) -> None:
    assert house.get("/health") == {"health": {"ok": True, "faults": []}}


def test_errors_come_as_the_table_says(house: House) -> None:
    status, _headers, body = house.client.transport.request("GET", "/api/v1/incidents/9999")
    assert (status, b'"kind": "not_found"' in body) == (404, True)
    status, _headers, body = house.client.transport.request("POST", "/api/v1/log", b"{}")
    assert (status, b'"detail"' in body) == (422, True)
    status, _headers, body = house.client.transport.request("GET", "/api/v1/incidents?status=odd")
    assert (status, b'"kind": "usage"' in body) == (400, True)
