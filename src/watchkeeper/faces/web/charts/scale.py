"""Where a time and a value stand in a drawing, round numbers for its edge, and the ticks below it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from watchkeeper.faces.web import marks

LEFT, RIGHT, TOP, FOOT = 56, 12, 40, 34
SIZES = (("wide", 760, 236), ("narrow", 344, 224))
"""Each chart is drawn twice, in user units; the sheet shows one. Text sizes stay the same in both."""
_STEPS_S = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_DAYS = (1, 2, 5, 7, 10, 15)
_MONTHS = (1, 2, 3, 6)
DAY_S = 86_400.0
CLOCK_S = 2 * DAY_S
"""Up to this length ticks are times of the day, beyond it days, and beyond ten weeks months."""
MONTHS_S = 70 * DAY_S


@dataclass(frozen=True, slots=True)
class Scale:
    """since, until: epoch seconds; low, high: values; right, base: the inner edge of the drawing in user units."""

    since: float
    until: float
    low: float
    high: float
    right: float
    base: float

    def x(self, at: float) -> float:
        """A time, kept within the drawing."""
        share = (at - self.since) / max(self.until - self.since, 1.0)
        return round(LEFT + min(max(share, 0.0), 1.0) * (self.right - LEFT), 1)

    def y(self, value: float) -> float:
        """A value, kept within the drawing."""
        share = (value - self.low) / max(self.high - self.low, 1e-9)
        return round(self.base - min(max(share, 0.0), 1.0) * (self.base - TOP), 1)


def nice(value: float) -> float:
    """The next round number that is not less."""
    if value <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * unit >= value * 0.999)


def ticks(scale: Scale, zone: tzinfo, most: int) -> list[tuple[float, str]]:
    """(x, words) of at most `most` + 1 moments on the clock or the calendar of the zone."""
    length = scale.until - scale.since
    if length <= CLOCK_S:
        return _clock_ticks(scale, zone, most)
    if length <= MONTHS_S:
        step = next((each for each in _DAYS if length / DAY_S / each <= most), 30)
        days = [each for number, each in enumerate(_midnights(scale, zone)) if number % step == 0]
        form = "%a" if length <= 8 * DAY_S else ""
        return [(scale.x(each.timestamp()), f"{each:{form or '%b'}} {each.day}") for each in days]
    step = next((each for each in _MONTHS if length / DAY_S / 30 / each <= most), 12)
    first = [each for each in _midnights(scale, zone) if each.day == 1 and (each.month - 1) % step == 0]
    return [(scale.x(each.timestamp()), f"{each:%b}" + (f" {each.year}" if each.month == 1 else "")) for each in first]


def _clock_ticks(scale: Scale, zone: tzinfo, most: int) -> list[tuple[float, str]]:
    length = scale.until - scale.since
    step = next((each for each in _STEPS_S if length / each <= most), _STEPS_S[-1])
    offset = (marks.local(scale.since, zone).utcoffset() or timedelta(0)).total_seconds()
    first = math.ceil((scale.since + offset) / step) * step - offset
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    times = [first + step * index for index in range(most + 1) if first + step * index <= scale.until]
    return [(scale.x(at), f"{marks.local(at, zone):{form}}") for at in times]


def _midnights(scale: Scale, zone: tzinfo) -> Iterator[datetime]:
    """Every midnight of the zone within the drawing; days of 23 and 25 hours too."""
    day = marks.local(scale.since, zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while day.timestamp() <= scale.until:
        yield day
        day += timedelta(days=1)
