"""Bars of days: what a day shows is the worst that was in it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from watchkeeper.core.checks.values import State
from watchkeeper.core.readings.availability import Timeline, worst_of
from watchkeeper.core.readings.day_states import day_states, known_ok

OK, WARN, CRIT, UNKNOWN = State.OK, State.WARN, State.CRIT, State.UNKNOWN


def test_each_day_shows_its_worst_and_nothing_before_the_first_reading() -> None:
    line = Timeline([(15.0, OK), (22.0, CRIT), (23.0, WARN), (29.0, OK), (41.0, UNKNOWN)])
    assert day_states(line, [0, 10, 20, 30, 40, 50]) == [None, OK, CRIT, OK, UNKNOWN]


def test_a_state_that_lasts_over_days_is_in_each_of_them_and_one_that_ends_at_midnight_is_not_in_the_next() -> None:
    line = Timeline([(0.0, OK), (5.0, CRIT), (20.0, OK)])
    assert day_states(line, [0, 10, 20, 30]) == [CRIT, CRIT, OK]


def test_nothing_watched_is_no_state_and_no_share() -> None:
    assert day_states(Timeline([]), [0, 1, 2]) == [None, None]
    assert known_ok(Timeline([]), 0, 10) is None
    assert known_ok(Timeline([(0.0, UNKNOWN)]), 0, 10) is None


def test_the_share_leaves_out_what_nobody_saw() -> None:
    line = Timeline([(10.0, OK), (20.0, CRIT), (25.0, UNKNOWN)])
    assert known_ok(line, 0.0, 40.0) == pytest.approx(10 / 15)


@pytest.mark.parametrize("seed", range(20))
def test_it_says_the_same_as_one_who_looks_at_every_moment(seed: int) -> None:
    chance = random.Random(seed)
    line = Timeline(
        sorted((chance.randrange(300) / 2, chance.choice(list(State))) for _ in range(chance.randrange(40)))
    )
    edges = sorted(chance.sample(range(160), 8))
    slow = []
    for start, end in pairwise(edges):
        states = [each for at in range(start * 2, end * 2) if (each := line.state_at(at / 2)) is not None]
        slow.append(max(states, key=lambda state: state.rank, default=None))
    assert day_states(line, edges) == slow


@pytest.mark.parametrize("seed", range(20))
def test_a_timeline_that_grows_is_the_one_made_at_once(seed: int) -> None:
    chance = random.Random(seed)
    at, turns, grown = 0.0, list[tuple[float, State]](), Timeline([])
    others = Timeline([(3.0, WARN), (9.0, OK)])
    for _ in range(30):
        at += 1.0 + chance.random()
        state = chance.choice(list(State))
        turns.append((at, state))
        grown = grown.then(at, state)
        whole = Timeline(turns)
        assert (grown.starts, grown.states) == (whole.starts, whole.states)
        assert grown.seconds(0.0, at + 5) == pytest.approx(whole.seconds(0.0, at + 5))
        assert worst_of([grown, others]).states == worst_of([whole, others]).states
    assert grown.then(at + 1, grown.states[-1]) is grown, "no turn, no change"
