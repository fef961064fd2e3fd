"""When a disk is full: steady growth is seen, saw-teeth, jumps and noise are not growth."""

from __future__ import annotations

import math
import random

import pytest

from watchkeeper.core.readings.trend import Point, forecast, theil_sen

HOUR, DAY = 3600.0, 86_400.0
NOW = 1_763_000_000.0


def points(values: list[float], every_s: float = HOUR) -> list[Point]:
    start = NOW - len(values) * every_s
    return [Point(start + place * every_s, value, value - 0.1, value + 0.1) for place, value in enumerate(values)]


def word(values: list[float], target: float = 100.0, every_s: float = HOUR) -> str:
    return forecast(points(values, every_s), target, values[-1], NOW).word


def days(values: list[float], target: float = 100.0, every_s: float = HOUR) -> float | None:
    found = forecast(points(values, every_s), target, values[-1], NOW).in_s
    return None if found is None else found / DAY


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("per_day", [1.0, 2.5, 10.0])
def test_a_steady_growth_is_seen_to_a_tenth(per_day: float, noise: float) -> None:
    chance = random.Random(5)
    values = [
        50 + per_day * hour / 24 + chance.uniform(-noise, noise) for hour in range(14 * 24 if per_day < 3 else 48)
    ]
    expected = (100 - values[-1]) / per_day
    found = days(values)
    assert found is not None and abs(found - expected) < 0.12 * expected + 0.3


@pytest.mark.parametrize("period_h", [6, 24, 24 * 7])
def test_saw_teeth_are_not_filling_whatever_part_of_the_tooth_it_is(period_h: int) -> None:
    """Log rotation: 60 % to 85 % and back, for two to three weeks."""
    for phase in range(0, period_h, max(1, period_h // 12)):
        values = [60 + 25 * ((hour + phase) % period_h) / period_h for hour in range(21 * 24)]
        assert word(values) in ("not filling", "too little"), phase


def test_teeth_whose_tops_grow_are_filling() -> None:
    """Each day 10 % up and 10 % down, and below it 2 % a day."""
    values = [30 + 2 * hour / 24 + 10 * (hour % 24) / 24 for hour in range(14 * 24)]
    found = days(values)
    assert found is not None and 12 < found < 26  # the top is at 66 to 68 %: 16 days


def test_a_tooth_above_all_others_is_a_rotation_that_failed() -> None:
    values = [60 + 10 * (hour % 24) / 24 for hour in range(10 * 24)]
    values += [70 + 10 * hour / 24 for hour in range(1, 30)]
    found = days(values)
    assert found is not None and 1.0 < found < 2.5


def test_one_jump_is_not_filling() -> None:
    for place in (5, 100, 200, 300):
        values = [40.0 if hour < place else 70.0 for hour in range(14 * 24)]
        assert word(values) == "not filling", place


def test_noise_and_a_daily_wave_are_not_filling() -> None:
    chance = random.Random(1)
    assert word([50 + chance.gauss(0, 3) for _ in range(336)]) == "not filling"
    assert word([50 + 20 * math.sin(hour / 24 * 2 * math.pi) for hour in range(336)]) in ("not filling", "too little")
    assert word([50.0] * 336) == "not filling"


def test_shrinking_is_not_filling_and_a_number_may_fall_to_its_limit() -> None:
    shrinking = [80 - hour / 24 for hour in range(240)]
    assert word(shrinking) == "not filling"
    found = days(shrinking, target=60.0)
    assert found is not None and 9.5 < found < 10.6


def test_too_little_history_and_a_far_future_say_so() -> None:
    assert word([50.0, 60.0, 70.0]) == "too little"
    assert word([50 + 0.1 * hour for hour in range(8)]) == "too little"  # full in 20 days, seen for 8 hours
    assert forecast([], 100.0, 50.0, NOW).word == "too little"
    assert forecast([], 100.0, 100.0, NOW).word == "reached"


def test_what_was_deleted_by_hand_does_not_hide_that_it_fills_again() -> None:
    """9 % a day; somebody made room once."""
    values = [40 + 9 * hour / 24 for hour in range(5 * 24)] + [30 + 9 * hour / 24 for hour in range(7 * 24)]
    found = days(values)
    assert found is not None and found < 3


def test_the_slope_stands_a_quarter_of_wrong_points() -> None:
    line = [(float(place), 3.0 * place) for place in range(40)]
    for place in range(0, 40, 5):
        line[place] = (float(place), 1000.0)
    assert theil_sen(line) == pytest.approx(3.0, rel=0.05)
    assert theil_sen([(0.0, 1.0)]) == 0.0
