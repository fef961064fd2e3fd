"""When a growing number reaches a limit: a robust trend that ignores saw-teeth, single jumps and noise.

A file system with log rotation grows and falls for ever; only when the tops of its teeth grow too is it filling up. So the
points are cut at their drops. Without a drop the trend is that of all points, and it must go on in their newer half. With
drops it is that of the tops, unless the present tooth has already risen above them all: then its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

LEAST_POINTS = 6
FARTHEST = 10.0
"""A trend is not trusted for longer than so many times the time it was seen."""
_MOST_POINTS = 120
_DROP_SHARE = 0.02
_TOPS = 3
_ABOVE = 0.1
"""A tooth that rises above the others by this share of their height is one whose end did not come."""

Word = Literal["reached", "filling", "not filling", "too little"]


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured around a time. mean, low and high: of all readings of that while."""

    at: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """word: what can be said. in_s: seconds until the limit is reached, with "filling" (and 0 with "reached")."""

    word: Word
    in_s: float | None = None


def forecast(points: Sequence[Point], target: float, value: float, now: float) -> Forecast:
    """When the measured number reaches `target`. points: oldest first, regular as far as they were seen.

    value: the newest reading. A target below the value is approached from above. "too little": fewer than LEAST_POINTS
    points, or a trend that leads farther ahead than FARTHEST times what was seen of it.
    """
    sign = 1.0 if target >= value else -1.0
    rising = [_turned(point, sign) for point in points]
    goal, level = target * sign, value * sign
    if level >= goal:
        return Forecast("reached", 0.0)
    if len(rising) < LEAST_POINTS:
        return Forecast("too little")
    teeth = _teeth(rising, goal)
    if len(teeth) == 1:
        return _line(rising, goal, level, now)
    tops = [max(point.high for point in tooth) for tooth in teeth[:-1]]
    ends = [Point(tooth[-1].at, top, top, top) for tooth, top in zip(teeth[:-1], tops, strict=True)]
    growth = max(0.0, theil_sen([(end.at, end.mean) for end in ends])) if len(tops) >= _TOPS else 0.0
    height = median(top - min(point.low for point in tooth) for tooth, top in zip(teeth[:-1], tops, strict=True))
    if level > max(max(tops), tops[-1] + growth * (now - ends[-1].at)) + _ABOVE * height:
        return _line(teeth[-1], goal, level, now) if len(teeth[-1]) >= LEAST_POINTS else Forecast("not filling")
    if len(tops) < _TOPS:
        return Forecast("not filling")
    return _line(ends, goal, max(tops[-2:]), now, rough=True)


def _line(points: Sequence[Point], goal: float, level: float, now: float, rough: bool = False) -> Forecast:
    """The forecast of points without teeth. rough: few points that are tops."""
    thin = _thinned(points)
    slope = theil_sen([(point.at, point.mean) for point in thin])
    newer = theil_sen([(point.at, point.mean) for point in thin[len(thin) // 2 :]]) if not rough else slope
    span_s = points[-1].at - points[0].at
    rests = [point.mean - slope * (point.at - thin[0].at) for point in thin]
    middle = median(rests)
    noise = 1.4826 * median([abs(rest - middle) for rest in rests])
    least = max(2.0 * noise, 1e-9 * max(abs(goal), 1.0))
    if slope * span_s <= least or newer * span_s <= 0.25 * slope * span_s or newer * span_s <= least / 2:
        return Forecast("not filling")
    in_s = max(0.0, (goal - level) / newer - max(0.0, now - points[-1].at if rough else 0.0))
    return Forecast("filling", in_s) if in_s <= FARTHEST * span_s else Forecast("too little")


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes of all pairs: a quarter of the points may be wrong. 0 for fewer than two."""
    slopes = [
        (later - value) / (then - at)
        for place, (at, value) in enumerate(points)
        for then, later in points[place + 1 :]
        if then > at
    ]
    return median(slopes) if slopes else 0.0


def _teeth(points: Sequence[Point], goal: float) -> list[list[Point]]:
    """The points cut where they fall: by more than noise, and more than a fiftieth of what they range over."""
    steps = [abs(later.mean - point.mean) for point, later in pairwise(points)]
    spread = max(point.high for point in points) - min(point.low for point in points)
    usual = median(steps) if steps else 0.0
    drop = max(6.0 * usual, 0.2 * spread, _DROP_SHARE * 0.1 * abs(goal), 1e-12)
    teeth = [[points[0]]]
    top = points[0].mean
    for point in points[1:]:
        if top - point.mean > drop:
            teeth.append([])
            top = point.mean
        teeth[-1].append(point)
        top = max(top, point.mean)
    return [tooth for tooth in teeth if tooth]


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most _MOST_POINTS points: of neighbours their middle."""
    size = math.ceil(len(points) / _MOST_POINTS)
    if size < 2:
        return list(points)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        Point(
            sum(each.at for each in group) / len(group),
            sum(each.mean for each in group) / len(group),
            min(each.low for each in group),
            max(each.high for each in group),
        )
        for group in groups
    ]


def _turned(point: Point, sign: float) -> Point:
    """The same seen from the side on which the number rises towards its limit."""
    if sign > 0:
        return point
    return Point(point.at, -point.mean, -point.high, -point.low)
