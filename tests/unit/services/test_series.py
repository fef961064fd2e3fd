"""The course of a check: raw readings for hours, roll-ups for months, no number where nothing was measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from watchkeeper.core.checks import Judged, Reading, State, Verdict
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.inventory.values import Probe
from watchkeeper.core.readings.rollup import Rollup
from watchkeeper.core.readings.sketch import sketch_of
from watchkeeper.services.series import SeriesReader

DAY = 20_000 * 86_400.0
HOUR = 3600.0


class Past:
    """Readings of one minute each, and roll-ups of all hours and days before `folded`."""

    def __init__(self, hours: int, folded: float) -> None:
        self.times = [DAY + 60.0 * number for number in range(hours * 60)]
        self.folded = folded

    def readings(self, check: str, since: float, limit: int = 1000, until: float = float("inf")) -> list[Judged]:
        return [
            Judged(Reading(check, at, (at % HOUR) / 1000, {"status": 200}), Verdict(State.OK, ""), "r")
            for at in self.times
            if since <= at < until
        ][:limit]

    def _rollups(self, length: float, since: float, until: float) -> list[tuple[float, Rollup]]:
        found = []
        start = since - since % length
        while start < min(until, self.folded):
            inside = [(at % HOUR) / 1000 for at in self.times if start <= at < start + length]
            if inside and start >= since:
                found.append((start, Rollup((len(inside), 0, 0, 0), sketches={"latency": sketch_of(inside)})))
            start += length
        return found

    def hours(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        return self._rollups(HOUR, since, until)

    def days(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        return self._rollups(86_400.0, since, until)


def reader(past: Past) -> SeriesReader:
    check = SimpleNamespace(probe=Probe("tcp", {}))
    holder: Any = SimpleNamespace(current=SimpleNamespace(checks={"s/c": check}))
    return SeriesReader(past, holder)  # type: ignore[arg-type]


@pytest.mark.parametrize(("hours", "points"), [(1, 60), (24, 100), (24 * 5, 60), (24 * 30, 240), (24 * 90, 30)])
def test_every_reading_is_in_one_slot_whatever_the_span(hours: int, points: int) -> None:
    end = DAY + hours * HOUR
    past = Past(hours, end - 2 * HOUR if hours > 48 else DAY)
    name, slot_s, series = reader(past).of("s/c", DAY, end, points)
    assert name == "latency" and slot_s * points >= hours * HOUR * 0.99
    assert len(series) <= points + 2
    folded_days = slot_s >= 86_400
    assert sum(each.count for each in series) == (
        hours * 60 if not folded_days else pytest.approx(hours * 60, rel=0.02)
    )
    assert [each.at for each in series] == sorted(each.at for each in series)
    for each in series:
        assert each.p50 is not None and each.low is not None and each.high is not None
        assert each.low <= each.p50 <= (each.p95 or 0) <= (each.p99 or 0) <= each.high


def test_gaps_are_gaps_and_names_without_numbers_have_none() -> None:
    past = Past(4, DAY)
    past.times = [at for at in past.times if not DAY + HOUR <= at < DAY + 2 * HOUR]
    _name, _slot_s, series = reader(past).of("s/c", DAY, DAY + 4 * HOUR, 240)
    assert not [each for each in series if DAY + HOUR <= each.at < DAY + 2 * HOUR]
    nothing = reader(past).of("s/c", DAY, DAY + 4 * HOUR, 4, "other")[2]
    assert [(each.count, each.p50) for each in nothing] == [(60, None)] * 3


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(NotFound, match="no check s/d"):
        reader(Past(1, DAY)).of("s/d", DAY, DAY + 1)
    for points in (0, 2001):
        with pytest.raises(Usage, match="cannot be drawn"):
            reader(Past(1, DAY)).of("s/c", DAY, DAY + 1, points)
