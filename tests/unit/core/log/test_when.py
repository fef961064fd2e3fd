"""When something belongs into the log, and whether an entry tells of a change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.changes import Change
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.log.when import KINDS, WhenToLog, logs_itself, prefilled, question, tells_of, together

NOW = 1_763_000_000.0
CHANGE = Change(7, NOW, "configuration", "/srv/shop/shop.env was edited", "ana", "shop", "app1")


def entry(title: str = "", at: float = NOW + 60, **facts: object) -> Entry:
    return Entry(1, Draft(at, "Maintenance", title or "x", "ana", facts=facts), "d", "p", "h")  # type: ignore[arg-type]


def policy(text: str) -> WhenToLog:
    loaded = load({"watchkeeper.yaml": f"team: T\nlog: {{when: {text}}}\n".encode()}, NOW)
    assert loaded.inventory is not None, loaded.mistakes
    return loaded.inventory.team.log.when


def test_the_usual_rules() -> None:
    usual = WhenToLog()
    assert [usual.of(kind) for kind in ("deployment", "migration", "package", "configuration", "commit")] == [
        "always", "always", "ask", "ask", "never"
    ]  # fmt: skip
    assert {usual.of(kind) for kind in ("run", "window", "log")} == {"never"}, "these write their entries themselves"


def test_what_a_team_names_moves() -> None:
    rules = policy("{always: [config], never: [packages, deployment]}")
    assert (rules.of("configuration"), rules.of("package"), rules.of("deployment")) == ("always", "never", "never")
    assert rules.of("migration") == "never" and rules.of("image") == "ask", "a list that is given replaces its default"
    assert policy("{always: [run]}").of("run") == "never"


@pytest.mark.parametrize("text", ["{always: [party]}", "{always: [package], ask: [packages]}", "{sometimes: []}", "[]"])
def test_rules_that_do_not_hold(text: str) -> None:
    loaded = load({"watchkeeper.yaml": f"team: T\nlog: {{when: {text}}}\n".encode()}, NOW)
    assert loaded.inventory is None and loaded.mistakes


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (entry(change=7), True), (entry(change=8), False), (entry(service="shop"), True), (entry(service="desk"), False),
        (entry("Edited the shop by hand"), True), (entry("Edited /srv/shop/shop.env"), True), (entry("app1 was touched"), True),
        (entry("Went shopping"), False), (entry("shop", NOW - 3600), False), (entry("shop", NOW - 600), True),
        (entry("shop", NOW + 90_000), False), (entry(at=NOW + 9e6, change=7), True),
    ],
)  # fmt: skip
def test_an_entry_that_tells_of_a_change(told: Entry, expected: bool) -> None:
    assert tells_of(told, CHANGE) is expected


def test_an_entry_of_a_status_tells_of_nothing() -> None:
    told = entry("shop")
    assert not tells_of(replace(told, draft=replace(told.draft, status_of=1)), CHANGE)


def test_what_logs_itself() -> None:
    assert logs_itself(replace(CHANGE, own=True), ()) and logs_itself(replace(CHANGE, incident=3), ())
    assert not logs_itself(CHANGE, ())


def test_one_question_for_what_belongs_together() -> None:
    others = [
        replace(CHANGE, id=8, at=NOW + 60),
        replace(CHANGE, id=9, at=NOW + 700),
        replace(CHANGE, id=10, actor="ben"),
    ]
    assert [each.id for each in together(CHANGE, [CHANGE, *others])] == [7, 8]
    assert question(CHANGE, 1, "ask").endswith("and 1 more like it: not in the log. Log it?")
    assert question(CHANGE, 0, "always").endswith("Log it")
    kind, title, body = prefilled(CHANGE, [others[0]])
    assert kind == "Configuration" and "shop" in title and body.count("\n") == 1


def test_every_kind_has_a_rule() -> None:
    assert all(WhenToLog().of(kind) in ("always", "ask", "never") for kind in KINDS)
