"""Availability: five parts that add up to the span, whatever the flips, gaps, windows and time zones."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.checks.values import State
from watchkeeper.core.readings.availability import Timeline, merged_spans, shares, split, worst_of

OK, WARN, CRIT, UNKNOWN = State.OK, State.WARN, State.CRIT, State.UNKNOWN
TIMES = st.integers(0, 1000).map(float)
SPANS = st.lists(st.tuples(TIMES, TIMES), max_size=6)
TURNS = st.lists(st.tuples(TIMES, st.sampled_from([OK, WARN, CRIT, UNKNOWN])), max_size=12).map(
    lambda turns: sorted(turns, key=lambda turn: turn[0])
)


def state_at(turns: list[tuple[float, State]], at: float) -> State | None:
    """The slow truth: one look at one moment."""
    found = None
    for since, state in turns:
        if since <= at:
            found = state
    return found


@settings(deadline=None, max_examples=200)
@given(TURNS, SPANS, SPANS, TIMES, TIMES)
def test_the_parts_are_what_every_single_second_says(
    turns: list[tuple[float, State]],
    hidden: list[tuple[float, float]],
    planned: list[tuple[float, float]],
    a: float,
    b: float,
) -> None:
    since, until = min(a, b), max(a, b)
    found = split(Timeline(turns).with_unknown(hidden), since, until, planned)
    expected = dict.fromkeys(("up", "degraded", "down", "maintenance", "unknown", "unwatched"), 0.0)
    for second in range(int(since), int(until)):
        at = second + 0.5
        state = state_at(turns, at)
        if state is not None and any(start <= at < end for start, end in hidden):
            state = UNKNOWN
        inside = any(start <= at < end for start, end in planned)
        if state in (WARN, CRIT) and inside:
            expected["maintenance"] += 1
        else:
            word = {OK: "up", WARN: "degraded", CRIT: "down", UNKNOWN: "unknown", None: "unknown"}[state]
            expected[word] += 1
            expected["unwatched"] += state is None
    assert (found.up_s, found.degraded_s, found.down_s, found.maintenance_s, found.unknown_s, found.unwatched_s) == (
        pytest.approx(tuple(expected.values()))
    )
    parts = found.up_s + found.degraded_s + found.down_s + found.maintenance_s + found.unknown_s
    assert parts == pytest.approx(found.span_s)


@settings(deadline=None, max_examples=100)
@given(st.lists(TURNS, min_size=1, max_size=4))
def test_a_service_is_the_worst_of_its_checks_at_every_moment(lines: list[list[tuple[float, State]]]) -> None:
    together = worst_of([Timeline(turns) for turns in lines])
    for second in range(0, 1000, 7):
        at = second + 0.5
        states = [state for turns in lines if (state := state_at(turns, at)) is not None]
        expected = max(states, key=lambda state: state.rank, default=None)
        assert state_at(list(zip(together.starts, together.states, strict=True)), at) == expected


@settings(deadline=None)
@given(SPANS)
def test_spans_are_joined_without_losing_time(spans: list[tuple[float, float]]) -> None:
    joined = merged_spans(spans)
    for second in range(0, 1000, 3):
        at = second + 0.5
        assert any(a <= at < b for a, b in joined) == any(a <= at < b for a, b in spans)
    assert all(later[0] > earlier[1] for earlier, later in pairwise(joined))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_the_days_of_a_year_with_its_clock_changes_add_up(zone: str) -> None:
    """Local days are 23, 23.5, 24, 24.5 or 25 hours; a window from 02:00 to 03:00 may be empty or last two."""
    place = ZoneInfo(zone)
    start = datetime(2026, 1, 1, tzinfo=place)
    edges = [(start + timedelta(days=day)).timestamp() for day in range(366)]
    line = Timeline([(edges[0] + 3600.0 * hour, (OK, CRIT, OK, WARN)[hour % 4]) for hour in range(0, 24 * 366, 5)])
    planned = [
        ((start + timedelta(days=day, hours=2)).timestamp(), (start + timedelta(days=day, hours=3)).timestamp())
        for day in range(365)
    ]
    days = [split(line, since, until, planned) for since, until in pairwise(edges)]
    whole = split(line, edges[0], edges[-1], planned)
    assert len({round(day.span_s / 1800) for day in days}) == 3
    for name in ("span_s", "up_s", "degraded_s", "down_s", "maintenance_s", "unknown_s"):
        assert sum(getattr(day, name) for day in days) == pytest.approx(getattr(whole, name))


def test_reclassifying_a_time_afterwards_changes_the_answer_and_only_that() -> None:
    line = Timeline([(0.0, OK), (100.0, CRIT), (160.0, OK)])
    before, after = split(line, 0.0, 1000.0), split(line, 0.0, 1000.0, [(90.0, 150.0)])
    assert (before.down_s, before.maintenance_s, before.up_s) == (60.0, 0.0, 940.0)
    assert (after.down_s, after.maintenance_s, after.up_s) == (10.0, 50.0, 940.0)
    assert after.available == pytest.approx(940 / 950)
    assert shares(after)["down"] == pytest.approx(0.01)


def test_what_nobody_watched_is_unknown_and_has_no_share() -> None:
    nothing = split(Timeline([]), 0.0, 100.0)
    assert (nothing.unknown_s, nothing.unwatched_s, nothing.known_s, nothing.available) == (100.0, 100.0, 0.0, None)
    assert shares(nothing)["up"] is None and shares(nothing)["unknown"] == 1.0
    late = split(Timeline([(60.0, OK)]), 0.0, 100.0)
    assert (late.up_s, late.unknown_s, late.unwatched_s, late.available) == (40.0, 60.0, 60.0, 1.0)
