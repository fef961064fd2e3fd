"""Escalation tables of documents as keys: what a person completes is read without a mistake and does what the table says."""

from __future__ import annotations

import pytest

from watchkeeper.core.importing.telling import drafted_keys
from watchkeeper.core.importing.writing import escalation_lines
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Team
from watchkeeper.core.runbooks import read_runbook

HEAD = 'team: x\nhours: {from: "08:00", to: "17:00"}\nchannels: {mail: {script: tools/a.sh}}\n'
SEVERITIES = """# Escalation

| Level | Condition | Who | Response time |
|---|---|---|---|
| P1 | everything is down | operator on duty | immediately |
| P1 | everything is down | head of operations | 30 minutes |
| P2 | part of it is down | operator on duty | 4 hours |
| P3 | a warning | | next business day |
"""
TIERS = """# Escalation

| Level | Who | Time |
|---|---|---|
| L1 | support desk | 15 minutes |
| L2 | administrator | 30 minutes |
| L3 | manager, director | 2 hours |
"""


def team(document: str) -> Team:
    keys = drafted_keys(read_runbook(document, "runbooks/x.md").escalations)
    loaded = load({"watchkeeper.yaml": (HEAD + "\n".join(keys) + "\n").encode(), "tools/a.sh": b""}, 0.0)
    assert loaded.inventory is not None, (keys, loaded.mistakes)
    return loaded.inventory.team


def test_severities_become_policies_and_routes() -> None:
    made = team(SEVERITIES).telling
    assert list(made.policies) == ["p1", "p2", "p3"]
    assert [(step.after_s, [target.name for target in step.targets]) for step in made.policies["p1"].steps] == [
        (0.0, ["operator-on-duty"]), (1800.0, ["head-of-operations"]),
    ]  # fmt: skip
    assert [(step.business, str(step.targets[0])) for step in made.policies["p3"].steps] == [(True, "everybody")]
    assert [(route.severities, route.escalation) for route in made.routes] == [
        (("P1",), "p1"),
        (("P2",), "p2"),
        (("P3",), "p3"),
    ]


def test_tiers_become_the_steps_of_the_default_policy() -> None:
    steps = team(TIERS).telling.policies["default"].steps
    assert [(step.after_s, [target.name for target in step.targets]) for step in steps] == [
        (0.0, ["support-desk"]), (900.0, ["administrator"]), (2700.0, ["manager", "director"]),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["# x\n\nCall somebody.\n", "# Escalation\n\n- call the boss if it burns\n"])
def test_what_names_no_level_stays_text(text: str) -> None:
    assert drafted_keys(read_runbook(text, "runbooks/x.md").escalations) == []


def test_all_of_it_is_comments_until_a_person_takes_the_signs_away() -> None:
    rules = [("ops.md", rule) for rule in read_runbook(SEVERITIES, "runbooks/x.md").escalations]
    lines = escalation_lines(rules)
    assert all(line.startswith("#") or not line for line in lines)
    assert "#   - {severity: P1, escalation: p1}" in lines
