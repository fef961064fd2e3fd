"""The drill's own judgement: figures from an incident, what counts as expected, percentiles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from watchkeeper.adapters.sample.breaks import SCENARIOS
from watchkeeper.core.times import utc_text
from watchkeeper.faces.cli.drill import Played, percentile, result, show, summary, was_told

AT = 1_760_000_000.0


def incident(**changes: Any) -> dict[str, Any]:
    """An incident as the API shows it: closed 4 s after the break."""
    told = {"message": {"kind": "escalated"}, "delivered_at": None}
    return {
        "id": 7, "service": "worker", "status": "closed", "ending": "fixed", "entry": 3,
        "opened_at": utc_text(AT + 1), "diagnosed_at": utc_text(AT + 1.5), "fix_started_at": utc_text(AT + 2),
        "closed_at": utc_text(AT + 4), "escalated_at": None,
        "checks": [{"proven_at": utc_text(AT + 3.5)}, {"proven_at": utc_text(AT + 3.75)}],
        "runs": [{"steps": [{"evidence": {"size": 1}}, {"evidence": None}], "fix_started_at": utc_text(AT + 2)}],
        "notifications": [told],
    } | changes  # fmt: skip


def test_figures_are_seconds_from_the_break() -> None:
    played = result(SCENARIOS["worker-down"], incident(), AT, "closed", True)
    assert played == Played("worker-down", "closed", "closed", 1.0, 1.5, 2.0, 3.75, 4.0, 7, 3, 1, True)


def test_what_did_not_happen_is_null() -> None:
    open_one = incident(
        status="open", closed_at=None, escalated_at=utc_text(AT + 9), fix_started_at=None, entry=None,
        checks=[{"proven_at": None}],
    )  # fmt: skip
    played = result(SCENARIOS["certificate"], open_one, AT, "escalated", True)
    assert (played.fix_started_s, played.verified_s, played.total_s) == (None, None, 9.0)


def test_times_of_an_earlier_opening_do_not_count() -> None:
    played = result(SCENARIOS["worker-down"], incident(diagnosed_at=utc_text(AT - 60)), AT, "closed", True)
    assert played.diagnosed_s is None


def test_closed_counts_only_when_it_works() -> None:
    good = Played("worker-down", "closed", "closed", works=True)
    assert good.as_expected and not good.false_closure
    assert not replace(good, works=False).as_expected and replace(good, works=False).false_closure
    assert replace(good, outcome="closed, then open again").false_closure
    by_itself = replace(good, outcome="closed: recovered_by_itself")
    assert not by_itself.as_expected


def test_an_escalated_scenario_that_is_closed_is_a_false_closure() -> None:
    assert Played("bad-config", "escalated", "closed", works=False).false_closure
    assert Played("bad-config", "escalated", "escalated", works=False).as_expected


def test_told_means_delivered() -> None:
    assert not was_told(incident())
    assert was_told(incident(notifications=[{"message": {"kind": "escalated"}, "delivered_at": utc_text(AT)}]))
    assert not was_told(incident(notifications=[{"message": {"kind": "opened"}, "delivered_at": utc_text(AT)}]))


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (95, 4.0), (1, 1.0), (100, 4.0)])
def test_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([3.0, 1.0, 4.0, 2.0], percent) == expected


def test_a_wrong_outcome_stands_out_in_words() -> None:
    text = show(
        [Played("web-down", "closed", "escalated", total_s=3.0), Played("web-down", "closed", "closed", works=True)]
    )
    assert "escalated, expected closed" in text and "1 of 2 as expected." in text
    assert summary([Played("web-down", "closed", "closed", works=False)])[-1] == "false closures: 1 of 1"
