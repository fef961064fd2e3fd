"""The severity policy: every table that the teams of the seeds write can be said, and the promised times hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from watchkeeper.core.checks.values import Flip, State
from watchkeeper.core.hours import Hours
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.severity import DEFAULT, Facts, facts_of, graded, promise_words, respond_by, severity_of
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory

HOURS = 'hours: {from: "08:00", to: "17:00"}\n'
TABLE = """
severities:
  P1:
    when:
      - {tier: 1, state: CRIT, extent: whole, check: [web, api]}   # the whole thing is down
      - {check: [login*, auth*]}                                   # nobody can sign in
      - {label: {watch: [security, data]}}                         # a breach, damaged data
      - {blocks: 5}
    respond_within: 15m
  P2:
    when:
      - {extent: part, state: CRIT}                                # half of it
      - {check: [error-rate, slow*], state: CRIT}                  # many errors, much slower
      - {kind: heartbeat}                                          # backups
    respond_within: same day
  P3:
    when: [{state: WARN}, {tier: 3}]
    respond_within: next business day
  P4:
    when: {owner: lab*, hours: closed}
"""
SERVICE = """service: shop
hosts: [app1, app2]
tier: 1
checks:
  - {name: web, command: "true", from: host, crit: exit_code != 0}
  - {name: slow-pages, command: "true", from: host, crit: exit_code != 0}
  - {name: nightly-backup, heartbeat: {every: 1d, grace: 1h}}
"""


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def inventory(
    table: str = TABLE, team: str = HOURS, service: str = SERVICE, more: dict[str, bytes] | None = None
) -> Inventory:
    files = {
        "watchkeeper.yaml": f"team: Harbour\n{team}{table}".encode(),
        "hosts.yaml": b"hosts: {app1: {local: true}, app2: {ssh: deploy@app2.example.org}}\n",
        "services/shop.yaml": service.encode(),
    }
    loaded = load(files | (more or {}), 0.0)
    assert loaded.inventory is not None, loaded.mistakes
    return loaded.inventory


def incident(world: Inventory, *checks: str, state: State = State.CRIT, opened_at: float = 0.0) -> Incident:
    made = None
    for key in checks:
        host = key.partition("@")[2] or None
        flip = Flip(1, key, "shop", host, opened_at, State.OK, state, "exit code 1", {}, "r", "")
        check, service = world.checks[key], world.services["shop"]
        made = (
            rules.opened(flip, service, check, opened_at)
            if made is None
            else rules.extended(made, flip, service, check)
        )
    assert made is not None
    return made


def grade(world: Inventory, *checks: str, state: State = State.CRIT, opened_at: float = 0.0) -> str:
    return graded(incident(world, *checks, state=state, opened_at=opened_at), world, opened_at).severity


def test_a_table_as_teams_write_it() -> None:
    world = inventory()
    assert grade(world, "shop/web@app1", "shop/web@app2") == "P1", "down everywhere"
    assert grade(world, "shop/web@app1") == "P2", "down on one of two hosts"
    assert grade(world, "shop/slow-pages@app1", "shop/slow-pages@app2") == "P2"
    assert grade(world, "shop/nightly-backup") == "P2"
    assert grade(world, "shop/web@app1", state=State.WARN) == "P3"
    login = inventory(service=SERVICE.replace("slow-pages", "login-form"))
    assert grade(login, "shop/login-form@app2") == "P1", "whatever else is so"
    marked = inventory(service=SERVICE.replace("tier: 1", "tier: 3\nlabels: {watch: data}"))
    assert grade(marked, "shop/slow-pages@app1") == "P1"


def test_what_no_level_names_has_the_usual_rule() -> None:
    world = inventory("severities:\n  P1: {when: {check: login}, respond_within: 5m}\n  P4: {when: {check: slow*}}\n")
    assert grade(world, "shop/web@app1") == "P2", "P1 was named otherwise, so CRIT is P2"
    assert grade(world, "shop/web@app1", state=State.WARN) == "P3"
    alone = inventory("severities: {P1: {respond_within: 15m}}\n")
    first = graded(incident(alone, "shop/web@app1"), alone, 0.0)
    assert (first.severity, first.respond_by) == ("P1", 900.0)


def test_how_much_depends_on_it() -> None:
    others = {f"services/s{n}.yaml": f"service: s{n}\ndepends_on: [shop]\n".encode() for n in range(5)}
    low = SERVICE.replace("tier: 1", "tier: 3")
    assert grade(inventory(service=low), "shop/slow-pages@app1", state=State.WARN) == "P3"
    assert grade(inventory(service=low, more=others), "shop/slow-pages@app1", state=State.WARN) == "P1"


@pytest.mark.parametrize(("moment", "expected"), [("2026-11-20T12:00", "P3"), ("2026-11-21T12:00", "P4")])
def test_the_hours_of_the_team_count(moment: str, expected: str) -> None:
    """A Friday noon and a Saturday noon; the table needs no P3 for that, since the rest falls to the usual rule."""
    table = "severities:\n  P3: {when: {owner: lab, hours: open}}\n  P4: {when: {owner: lab, hours: closed}}\n"
    table += "  P1: {when: {check: login}}\n  P2: {when: {check: login}}\n"
    world = inventory(table, service=SERVICE.replace("tier: 1", "owner: lab"))
    assert grade(world, "shop/web@app1", opened_at=at(moment)) == expected


def test_a_host_is_judged_by_what_runs_on_it() -> None:
    lost = replace(incident(inventory(), "shop/web@app1"), service="", host="app1")
    assert graded(lost, inventory("severities: {P3: {respond_within: 1h}}\n"), 0.0).severity == "P2", (
        "as without a policy"
    )
    table = "severities: {P1: {when: {unreachable: true, tier: 1}}}\n"
    assert graded(lost, inventory(table), 0.0).severity == "P1"
    assert facts_of(lost, inventory()).unreachable


def test_it_only_rises_and_a_person_has_the_last_word() -> None:
    world = inventory()
    half = graded(incident(world, "shop/web@app1"), world, 0.0)
    whole = graded(incident(world, "shop/web@app1", "shop/web@app2"), world, 0.0, worst=half.severity)
    assert (half.severity, whole.severity) == ("P2", "P1")
    assert graded(replace(whole, checks=half.checks), world, 0.0, worst=whole.severity).severity == "P1"
    by_hand = graded(replace(whole, severity="P3", severity_by="ada"), world, 0.0, worst="P1")
    assert by_hand.severity == "P3" and by_hand.respond_by is not None


WEEK = Hours((0, 1, 2, 3, 4), 8 * 3600, 17 * 3600, "UTC", frozenset({"2026-11-23"}))


@pytest.mark.parametrize(
    ("severity", "opened", "hours", "due"),
    [
        ("P1", "2026-11-21T03:06", WEEK, "2026-11-21T03:21"),
        ("P2", "2026-11-20T12:00", WEEK, "2026-11-20T17:00"),  # within a working day: its end
        ("P2", "2026-11-20T18:00", WEEK, "2026-11-24T17:00"),  # Friday evening, and Monday is a holiday
        ("P2", "2026-11-20T12:00", None, "2026-11-21T00:00"),
        ("P3", "2026-11-19T12:00", WEEK, "2026-11-20T17:00"),
        ("P3", "2026-11-20T12:00", WEEK, "2026-11-24T17:00"),
        ("P3", "2026-11-20T12:00", None, "2026-11-24T00:00"),  # Monday, to its end
        ("P3", "2026-11-20T02:00", WEEK, "2026-11-24T17:00"),
    ],
)
def test_until_when_somebody_answers(severity: str, opened: str, hours: Hours | None, due: str) -> None:
    levels = inventory().team.severities
    assert respond_by(levels, severity, hours, "UTC", at(opened)) == at(due)  # type: ignore[arg-type]


def test_a_time_that_counts_within_the_hours() -> None:
    levels = inventory("severities: {P2: {respond_within: 4h, counted: hours}}\n").team.severities
    assert respond_by(levels, "P2", WEEK, "UTC", at("2026-11-20T15:00")) == at("2026-11-24T10:00")


def test_without_a_policy_nothing_changes_and_nothing_is_promised() -> None:
    world = inventory("", "")
    assert world.team.severities == DEFAULT
    first = graded(incident(world, "shop/web@app1"), world, 0.0)
    assert (first.severity, first.respond_by) == ("P1", None)
    assert severity_of(DEFAULT, Facts(State.CRIT, 2), None, 0.0) == "P2"
    assert severity_of(DEFAULT, Facts(State.WARN, 1), None, 0.0) == "P3"


@pytest.mark.parametrize(
    ("now", "answered", "words"),
    [
        (660.0, None, "4 min left"),
        (1080.0, None, "late by 3 min"),
        (9999.0, 240.0, "answered after 4 min, in time"),
        (9999.0, 1080.0, "answered late by 3 min"),
    ],
)
def test_the_promise_in_words(now: float, answered: float | None, words: str) -> None:
    assert promise_words(900.0, 0.0, now, answered) == words


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("severities: {P5: {}}\n", "the unknown key 'P5'"),
        ("severities: {P1: {when: {sevice: shop}}}\n", "the unknown key 'sevice'"),
        ("severities: {P1: {when: {state: critical}}}\n", "'critical'"),
        ("severities: {P1: {when: {tier: 4}}}\n", "4"),
        ("severities: {P1: {when: {kind: htp}}}\n", "'htp'"),
        ("severities: {P1: {respond_within: soon}}\n", "'soon'"),
        ("severities: {P1: {when: {hours: open}}}\n", "speaks of hours"),
        ("severities: {P1: {respond_within: 4h, counted: hours}}\n", "speaks of hours"),
        ("correlate_within: 5m\n", "'5m'"),
    ],
)
def test_mistakes_are_named_with_their_place(table: str, expected: str) -> None:
    loaded = load({"watchkeeper.yaml": f"team: Harbour\n{table}".encode()}, 0.0)
    assert loaded.inventory is None
    found = [each for each in loaded.mistakes if each.level == "error"]
    assert any(expected in each.found for each in found), found
    assert all(each.line == 2 for each in found)
