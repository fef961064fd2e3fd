"""Sketches: within 1 % at every percentile, and parts add up to the whole; packed forms come back as they were."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.readings.folding import first_time, numbers_in, pack_samples, unpack_samples
from watchkeeper.core.readings.rollup import (
    Rollup,
    Sample,
    merged_rollups,
    pack_rollup,
    rollup_of,
    seconds_by_state,
    sketch_of_all,
    unpack_rollup,
)
from watchkeeper.core.readings.sketch import ERROR, SMALLEST, Sketch, merged, pack, sketch_of, unpack

NUMBERS = st.one_of(
    st.floats(-1e17, 1e17, allow_nan=False), st.integers(-1000, 1000).map(float), st.floats(1e-6, 100.0), st.just(0.0)
)
MANY = st.lists(NUMBERS, min_size=1, max_size=80)


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]


def near(found: float | None, true: float) -> bool:
    return found is not None and abs(found - true) <= ERROR * abs(true) * (1 + 1e-9) + SMALLEST


@settings(deadline=None)
@given(MANY, st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]))
def test_every_percentile_is_within_one_per_cent(values: list[float], share: float) -> None:
    assert near(sketch_of(values).percentile(share), exact(values, share))


@pytest.mark.parametrize("seed", range(5))
def test_a_month_of_latencies_is_within_one_per_cent(seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.lognormvariate(-3, chance.choice((0.1, 0.5, 1.5))) for _ in range(20_000)]
    values += [chance.uniform(5, 30) for _ in range(200)]
    sketch = merged(sketch_of(values[start : start + 500]) for start in range(0, len(values), 500))
    for share in (0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999):
        assert near(sketch.percentile(share), exact(values, share))


@settings(deadline=None)
@given(st.lists(MANY, min_size=1, max_size=6), st.randoms())
def test_parts_merged_in_any_order_are_the_whole(parts: list[list[float]], chance: random.Random) -> None:
    whole = sketch_of([value for part in parts for value in part])
    sketches = [sketch_of(part) for part in parts]
    chance.shuffle(sketches)
    middle = len(sketches) // 2
    again = merged([merged(sketches[:middle]), merged(sketches[middle:])])
    assert (again.count, again.low, again.high, again.zeros) == (whole.count, whole.low, whole.high, whole.zeros)
    assert again.total == pytest.approx(
        whole.total, rel=1e-9, abs=1.0 if whole.high > 1e12 or whole.low < -1e12 else 1e-6
    )
    assert (again.positive, again.negative) == (whole.positive, whole.negative)


@settings(deadline=None)
@given(MANY)
def test_a_packed_sketch_comes_back(values: list[float]) -> None:
    sketch = sketch_of(values)
    found = unpack(b"..." + pack(sketch), 3)
    assert found.total == pytest.approx(sketch.total) and found.count == sketch.count
    for share in (0.0, 0.5, 0.95, 1.0):
        assert found.percentile(share) == sketch.percentile(share)
    assert unpack(pack(Sketch())).percentile(0.5) is None


def test_many_readings_in_one_bucket_do_not_overflow() -> None:
    """A check of 200 ms has 432,000 readings a day, for five years."""
    day = sketch_of([0.01] * 432_000 + [0.02])
    years = merged([day] * (5 * 365))
    assert years.count == 432_001 * 1825 and near(years.percentile(0.5), 0.01)
    assert unpack(pack(years)).percentile(0.95) == years.percentile(0.95)


TEXTS = st.text(max_size=12)
VALUES = st.dictionaries(
    st.sampled_from(["status", "value", "latency", "free", "own name"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    max_size=4,
)
SAMPLES = st.lists(
    st.builds(
        Sample,
        st.integers(1_700_000_000_000, 1_700_003_599_999).map(lambda milli: milli / 1000),
        st.integers(0, 60_000_000).map(lambda micro: micro / 1e6),
        st.integers(0, 3),
        st.integers(1, 90_000),
        VALUES,
        st.one_of(st.none(), TEXTS),
        st.one_of(st.none(), TEXTS),
    ),
    min_size=1,
    max_size=30,
).map(lambda samples: sorted(samples, key=lambda sample: sample.at))


def test_numbers_near_the_end_of_what_floats_hold_stop_nothing() -> None:
    large = sketch_of([1.7e308, 1.6e308, -1.0])
    both = merged([large, large, sketch_of([-1.7e308, -1.7e308, -1.6e308])])
    assert (large.count, both.count, both.low, both.high) == (3, 9, -1.7e308, 1.7e308)
    assert unpack(pack(both)).count == 9


@settings(deadline=None)
@given(SAMPLES)
def test_folded_readings_come_back_exactly(samples: list[Sample]) -> None:
    found = unpack_samples(pack_samples(samples))
    assert found == samples
    assert first_time(pack_samples(samples)) == samples[0].at
    assert [[type(value) for value in each.values.values()] for each in found] == [
        [type(each.values[name]) for name in sorted(each.values)] for each in samples
    ]


@settings(deadline=None)
@given(SAMPLES, st.integers(0, 3600), st.integers(0, 3600))
def test_one_name_of_a_folded_hour_is_read_alone(samples: list[Sample], a: int, b: int) -> None:
    since, until = 1_700_000_000.0 + min(a, b), 1_700_000_000.0 + max(a, b)
    data = pack_samples(samples)
    inside = [each for each in unpack_samples(data) if since <= each.at < until]
    for name in ("latency", "value", "own name", "nothing"):
        whole = rollup_of(inside, since, 3600)
        expected = (
            whole.sketches.get(name, Sketch()).count
            if name != "own name"
            else sum(1 for each in inside if type(each.values.get(name)) in (int, float))
        )
        assert len(numbers_in(data, name, since, until)) == expected


@settings(deadline=None)
@given(SAMPLES, st.integers(0, 30))
def test_a_roll_up_of_parts_is_the_roll_up_of_all(samples: list[Sample], cut: int) -> None:
    start = 1_700_000_000.0
    parts = [rollup_of(part, start, 3600) for part in (samples[:cut], samples[cut:])]
    whole, again = rollup_of(samples, start, 3600), merged_rollups(parts)
    assert (again.counts, again.errors, set(again.sketches)) == (whole.counts, whole.errors, set(whole.sketches))
    assert all(again.sketches[name].positive == sketch.positive for name, sketch in whole.sketches.items())
    assert "own name" not in whole.sketches
    for small in (True, False):
        data = pack_rollup(whole, small)
        found = unpack_rollup(data)
        assert (found.counts, found.errors, set(found.sketches)) == (whole.counts, whole.errors, set(whole.sketches))
        for name, sketch in whole.sketches.items():
            assert sketch_of_all([data], name).percentile(0.9) == sketch.percentile(0.9)
        assert sketch_of_all([data], "nothing") == Sketch()
    packed = [pack_rollup(part, small) for part in parts for small in (True, False)]
    for name, sketch in whole.sketches.items():
        twice = sketch_of_all(packed, name)
        one_by_one = merged([each.sketches[name] for each in (*parts, *parts) if name in each.sketches])
        assert (twice.count, twice.zeros, twice.low, twice.high) == (
            2 * sketch.count,
            2 * sketch.zeros,
            sketch.low,
            sketch.high,
        )
        assert (twice.positive, twice.negative) == (one_by_one.positive, one_by_one.negative)
        assert twice.total == pytest.approx(2 * sketch.total, abs=1e-6)


def test_seconds_are_those_that_somebody_saw() -> None:
    start = 3600.0 * 100
    every_30 = [Sample(start + 30 * number + 7, 0.1, 0, 1) for number in range(120)]
    assert seconds_by_state(every_30, start, 3600) == (3600.0, 0.0, 0.0, 0.0)
    hole = [*every_30[:40], *every_30[80:]]  # 20 minutes without a look: three distances of them are bridged
    assert seconds_by_state(hole, start, 3600)[0] == pytest.approx(3600 - 41 * 30 + 90)
    bad = [Sample(each.at, 0.1, 2 if 10 <= place < 20 else 0, 1) for place, each in enumerate(every_30)]
    assert seconds_by_state(bad, start, 3600) == (3300.0, 0.0, 300.0, 0.0)
    assert seconds_by_state([], start, 3600) == (0.0, 0.0, 0.0, 0.0)
    assert sum(seconds_by_state([Sample(start + 1800, 0.1, 1, 1)], start, 3600)) == 3600.0
    assert Rollup().covered_s == 0.0


def test_the_form_of_a_newer_program_is_refused() -> None:
    with pytest.raises(ValueError, match="this program knows 1"):
        unpack_rollup(bytes((9,)))
    with pytest.raises(ValueError, match="this program knows 1"):
        unpack_samples(bytes((9,)))
