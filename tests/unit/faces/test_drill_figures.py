"""The drill's own judgement: figures from an incident, what counts as expected, percentiles."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.adapters.sample.breaks import SCENARIOS
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer, Usage
from watchkeeper.core.times import utc_text
from watchkeeper.faces.cli import demo
from watchkeeper.faces.cli.drill import (
    Fleets,
    Played,
    percentile,
    result,
    show,
    skipped,
    summary,
    upper_bound,
    was_told,
)
from watchkeeper.faces.cli.drill.fleets import default_fleets

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
    assert not by_itself.as_expected and not by_itself.false_closure, "it works; only the credit is not ours"
    assert replace(by_itself, works=False).false_closure


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
    assert summary([Played("web-down", "closed", "closed", works=False)])[-1].startswith("false closures: 1 of 1")


def test_a_skipped_one_is_named_with_its_reason_and_counts_for_nothing() -> None:
    left_out = skipped(SCENARIOS["inodes"], "mounting needs root")
    good = Played("web-down", "closed", "closed", works=True)
    assert left_out.skipped and not left_out.as_expected and not left_out.false_closure
    assert "1 of 1 as expected, 1 skipped." in show([good, left_out])
    assert "skipped: mounting needs root" in show([good, left_out])
    assert summary([good, left_out])[1:] == [
        "inodes, skipped: mounting needs root",
        "false closures: 0 of 1, so with 95 % confidence below 95.0 %",
    ]


@pytest.mark.parametrize(
    ("events", "trials", "bound"), [(0, 20, 0.1391), (0, 380, 0.00785), (1, 20, 0.2161), (3, 100, 0.0757), (5, 5, 1.0)]
)
def test_the_upper_bound_is_the_exact_one(events: int, trials: int, bound: float) -> None:
    assert upper_bound(events, trials) == pytest.approx(bound, abs=0.0002)


def test_with_no_event_the_bound_is_about_three_by_the_number_of_trials() -> None:
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.02)


def test_the_help_names_every_scenario_where_it_belongs() -> None:
    by_runbook, by_person = demo.EXAMPLES.split("closed by a runbook:")[1].split("escalated to a person:")
    for expected, text in (("closed", by_runbook), ("escalated", by_person)):
        named = {word.strip(" ,\n") for word in text.split()}
        assert named == {each.name for each in SCENARIOS.values() if each.expected == expected}


def test_told_again_after_it_came_back_counts_from_then_on() -> None:
    told = incident(notifications=[{"message": {"kind": "escalated"}, "delivered_at": utc_text(AT)}])
    assert was_told(told, AT - 1) and not was_told(told, AT + 1)


def test_when_no_fleet_starts_the_reason_is_raised_and_others_play_on(tmp_path: Path) -> None:
    said: list[str] = []

    def start(places: Places) -> None:
        raise NoAnswer(f"{places.directory.name} did not start.")

    several = [Places(tmp_path / "a"), Places(tmp_path / "b")]
    with pytest.raises(NoAnswer, match="did not start"):
        Fleets(several, start, said.append).play(["worker-down", "web-down"])
    assert len(said) == 2 and all("plays no more" in line for line in said)


def test_fleets_follow_the_cores_and_never_outnumber_the_scenarios() -> None:
    assert default_fleets(1) == 1
    assert 2 <= default_fleets(100) <= 3


@pytest.mark.parametrize("count", [0, 10, -1])
def test_a_number_of_fleets_that_cannot_be_is_refused(count: int, short_path: Path) -> None:
    arguments = Namespace(dir=str(short_path / "d"), repeat=1, fleets=count, stop=False)
    with pytest.raises(Usage, match=f"--fleets {count}"):
        demo.run(arguments)


def test_the_demos_of_a_drill_lie_below_the_first(short_path: Path) -> None:
    first = Places.of(short_path / "d")
    assert first.siblings() == []
    second = first.sibling(2)
    second.fleet.mkdir(parents=True)
    (first.directory / "9").mkdir()
    assert first.siblings() == [second] and second.directory == first.directory / "2"
