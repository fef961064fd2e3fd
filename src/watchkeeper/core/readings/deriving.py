"""The value of a function over the readings of some time. Exact over what is in memory; from sketches over longer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

from watchkeeper.core.conditions.functions import LEAST_READINGS, NEVER_S, SHARES, Baseline, Derived, Function
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.readings.sketch import Sketch
from watchkeeper.core.readings.trend import Forecast, Point, forecast

WEEK_S, HOUR_S = 7 * 86_400.0, 3600.0
WEEKS = 4
IN_MEMORY_S = 3600.0
"""Windows up to this length are exact; longer ones come from roll-ups."""
USUAL_READINGS = 10
"""An hour of a week ago with fewer readings says nothing of what is usual."""
FORECAST_S = 14 * 86_400.0
_TENTH = 0.1

Sketches = Callable[[str, float, float], Sketch]
"""(measured name, since, until) -> the sketch of all numbers then."""
Sample = tuple[float, float]


def derived_of(check: Check) -> frozenset[Derived]:
    """Everything that the conditions of a check need derived."""
    conditions = [rule.condition for rule in (check.ok, check.warn, check.crit) if rule is not None]
    conditions += [check.recover_when] if check.recover_when is not None else []
    return frozenset[Derived]().union(*(condition.derived for condition in conditions))


def in_memory(derived: Derived) -> bool:
    """Whether its value comes from the readings in memory."""
    return isinstance(derived, Function) and 0 < derived.window_s <= IN_MEMORY_S


def has_windows(check: Check) -> bool:
    """Whether a change that repairs it leaves old readings in its windows for a while."""
    return any(in_memory(each) for each in derived_of(check))


def over_samples(function: Function, samples: Sequence[Sample], now: float) -> float | None:
    """The exact value over samples (time, number; oldest first) of the window that ends now; None below LEAST_READINGS.

    For error_rate a number is 1 for a reading that failed, else 0.
    """
    since = now - function.window_s
    values = [value for at, value in samples if at > since]
    if len(values) < LEAST_READINGS:
        return None
    if function.call in SHARES:
        return sorted(values)[max(1, math.ceil(SHARES[function.call] * len(values) - 1e-9)) - 1]
    if function.call == "change":
        tenth = _TENTH * function.window_s
        before = [value for at, value in samples if since < at <= since + tenth]
        newest = [value for at, value in samples if at > now - tenth] or [samples[-1][1]]
        return _changed(median(before) if before else None, median(newest))
    if function.call == "error_rate":
        return 100.0 * sum(values) / len(values)
    return {"avg": math.fsum(values) / len(values), "min": min(values), "max": max(values)}[function.call]


def over_sketches(function: Function, sketches: Sketches, now: float) -> float | None:
    """The value over a longer window, percentiles within 1 %."""
    since = now - function.window_s
    if function.call == "change":
        tenth = _TENTH * function.window_s
        before, newest = sketches(function.name, since, since + tenth), sketches(function.name, now - tenth, now)
        later = newest.percentile(0.5)
        return None if later is None else _changed(before.percentile(0.5), later)
    return of_sketch(function, sketches(function.name, since, now))


def of_sketch(function: Function, sketch: Sketch, least: int = LEAST_READINGS) -> float | None:
    """The value of a percentile, mean or end of one sketch; None when it holds fewer than `least` numbers."""
    if sketch.count < least:
        return None
    if function.call in SHARES:
        return sketch.percentile(SHARES[function.call])
    return {"avg": sketch.mean, "min": sketch.low, "max": sketch.high}.get(function.call)


def usual(baseline: Baseline, sketches: Sketches, now: float) -> float | None:
    """The median of what was measured at this time of the last four weeks; None before the first of them is full.

    Of each week the same window, at least an hour of it.
    """
    function = baseline.function or Function("p50", baseline.name, HOUR_S)
    length_s = max(HOUR_S, function.window_s)
    found = [
        value
        for week in range(1, WEEKS + 1)
        if (until := now - week * WEEK_S)
        and (value := of_sketch(function, sketches(baseline.name, until - length_s, until), USUAL_READINGS)) is not None
    ]
    return median(found) if found else None


def to_target(function: Function, points: Sequence[Point], value: float, now: float) -> float | None:
    """Seconds until the target; NEVER_S when it does not go there; None with too little history."""
    target = 100.0 if function.call == "full" else function.target
    found: Forecast = forecast(points, target, value, now)
    if found.word == "too little":
        return None
    return NEVER_S if found.in_s is None else found.in_s


def _changed(before: float | None, later: float) -> float | None:
    """Per cent, up or down, never negative: a fall to a half and a rise by a half are both 50 %."""
    if before is None:
        return None
    if before == 0:
        return 0.0 if later == 0 else 1000.0
    return abs(later - before) / abs(before) * 100.0
