"""What the watch derives from several readings before it judges one: windows, what is usual, forecasts.

Windows of an hour and less are exact and in memory. Longer ones, what is usual and forecasts come from the roll-ups and are
asked for beside the loop, seldom: judging never waits for the store. After a change that was meant to repair (see `changed`)
a window begins at that change as soon as it holds enough readings, so that proof does not wait for old readings to leave.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from watchkeeper.core.checks import Judged, Reading, Settled, State, Value
from watchkeeper.core.checks.judging import measured
from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.conditions import Condition, parse_condition
from watchkeeper.core.conditions.functions import LEAST_READINGS, Baseline, Derived, Function
from watchkeeper.core.conditions.quantities import as_number
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.readings.deriving import (
    FORECAST_S,
    derived_of,
    in_memory,
    over_samples,
    over_sketches,
    to_target,
    usual,
)
from watchkeeper.core.readings.sketch import Sketch
from watchkeeper.core.readings.trend import Point
from watchkeeper.services.ports import Clock
from watchkeeper.services.ports.rollups import RollupsPort

T = TypeVar("T")
log = logging.getLogger(__name__)

MOST_SAMPLES = 4096
"""Readings of one window in memory; of a check that is asked more often the newest count."""
LOOK_S = 5.0
AGAIN_S = 60.0
FORECAST_AGAIN_S, USUAL_AGAIN_S = 600.0, 600.0
_FAILED = ""
_SLOT_S = 900.0


class Offload(Protocol):
    """Runs blocking work beside the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(slots=True)
class _Kept:
    """One check. longest_s: of its windows in memory. begins: since when readings count, after a change."""

    check: Check
    derived: tuple[Derived, ...]
    longest_s: float
    failed: Condition | None
    samples: dict[str, deque[tuple[float, float]]]
    known: dict[str, float | None] = field(default_factory=dict)
    fetched: dict[str, float] = field(default_factory=dict)
    begins: float = 0.0
    loaded: bool = False
    newest: float | None = None


@dataclass(frozen=True, slots=True)
class Want:
    """What the store is asked for: the readings of the windows (derived None), or one value."""

    check: str
    since: float
    derived: Derived | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Got:
    """The answer to a want."""

    want: Want
    readings: Sequence[Judged] = ()
    value: float | None = None


class DerivedValues:
    """The windows of every check whose conditions have functions; nothing for the others."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def adopt(self, check: Check) -> None:
        """A check that is new or has another rule. Windows that it had already go on."""
        derived = tuple(sorted(derived_of(check), key=lambda each: each.canonical))
        if not derived:
            self._kept.pop(check.key, None)
            return
        former = self._kept.get(check.key)
        if former is not None and former.derived == derived and former.check.probe == check.probe:
            former.check = check
            return
        short = [each for each in derived if isinstance(each, Function) and in_memory(each)]
        names = {each.name or _FAILED for each in short}
        bad = KINDS[check.probe.kind].crit if _FAILED in names and check.probe.kind in KINDS else ""
        self._kept[check.key] = _Kept(
            check,
            derived,
            max((each.window_s for each in short), default=0.0),
            parse_condition(bad) if bad else None,
            {name: deque(maxlen=MOST_SAMPLES) for name in names},
        )

    def of(self, check: Check, reading: Reading) -> Mapping[str, Value]:
        """The derived values at this reading, which counts already. Those that have no value yet are left out."""
        kept = self._kept.get(check.key)
        if kept is None:
            return {}
        self._add(kept, reading)
        found: dict[str, Value] = {}
        for each in kept.derived:
            value = self._now(kept, each, reading.at) if in_memory(each) else kept.known.get(each.canonical)
            if value is not None:
                found[each.canonical] = float(f"{value:.6g}")
        return found

    def changed(self, check: str, at: float) -> None:
        """Something was repaired at `at`: what was measured before says nothing any more."""
        kept = self._kept.get(check)
        if kept is not None:
            kept.begins = max(kept.begins, at)

    def wanted(self, now: float) -> list[Want]:
        """What is to be asked of the store now."""
        wants: list[Want] = []
        for key, kept in self._kept.items():
            if not kept.loaded and kept.longest_s:
                wants.append(Want(key, now - kept.longest_s))
            for each in kept.derived:
                if not in_memory(each) and now - kept.fetched.get(each.canonical, -1e12) >= _again_s(each):
                    wants.append(Want(key, now, each, kept.newest))
        return wants

    def put(self, found: Sequence[Got], settled: Mapping[str, Settled], now: float) -> None:
        """Take the answers."""
        for got in found:
            kept = self._kept.get(got.want.check)
            if kept is None:
                continue
            if got.want.derived is None:
                self._load(kept, got.readings, settled.get(got.want.check))
            else:
                kept.known[got.want.derived.canonical] = got.value
                kept.fetched[got.want.derived.canonical] = now

    def _add(self, kept: _Kept, reading: Reading) -> None:
        values = measured(reading)
        for name, samples in kept.samples.items():
            if name == _FAILED:
                failed = reading.error is not None or (kept.failed is not None and kept.failed.holds(values) is True)
                samples.append((reading.at, 1.0 if failed else 0.0))
            elif (value := _number(reading, values, name)) is not None:
                samples.append((reading.at, value))
            while samples and samples[0][0] <= reading.at - kept.longest_s:
                samples.popleft()
        forecasts = [each.name for each in kept.derived if isinstance(each, Function) and not each.window_s]
        for name in forecasts:
            kept.newest = _number(reading, values, name) if reading.error is None else kept.newest

    def _now(self, kept: _Kept, derived: Derived, now: float) -> float | None:
        assert isinstance(derived, Function)
        samples = list(kept.samples[derived.name or _FAILED])
        if kept.begins > now - derived.window_s:
            since_change = [sample for sample in samples if sample[0] > kept.begins]
            if len(since_change) >= LEAST_READINGS:
                samples = since_change
        return over_samples(derived, samples, now)

    def _load(self, kept: _Kept, readings: Sequence[Judged], settled: Settled | None) -> None:
        """Put stored readings before those that came meanwhile. After a flip to OK the window begins there, as before."""
        own = {name: list(samples) for name, samples in kept.samples.items()}
        first = min((samples[0][0] for samples in own.values() if samples), default=float("inf"))
        for samples in kept.samples.values():
            samples.clear()
        for judged in readings:
            if judged.reading.at < first:
                self._add(kept, judged.reading)
        for name, newer in own.items():
            kept.samples[name].extend(newer)
        kept.loaded = True
        if settled is not None and settled.state is State.OK:
            kept.begins = max(kept.begins, settled.since - 0.001)


def fetch(wants: Sequence[Want], past: RollupsPort, now: float) -> list[Got]:
    """Ask the store; blocks. What cannot be answered now is left out and asked again."""
    found: list[Got] = []
    for want in wants:
        try:
            if want.derived is None:
                found.append(Got(want, past.readings(want.check, want.since, 5 * MOST_SAMPLES)))
            else:
                found.append(Got(want, (), _value(want, want.derived, past, now)))
        except Exception as error:  # one store for all: what follows would fail as well
            what = want.derived.canonical if want.derived is not None else "the readings"
            log.warning("%s of %s cannot be had from the store, it is tried again: %s", what, want.check, error)
            break
    return found


def _value(want: Want, derived: Derived, past: RollupsPort, now: float) -> float | None:
    def sketches(name: str, since: float, until: float) -> Sketch:
        return past.sketch(want.check, name, since, until)

    if isinstance(derived, Baseline):
        return usual(derived, sketches, now)
    if derived.window_s:
        return over_sketches(derived, sketches, now)
    points = points_of(past, want.check, derived.name, now)
    newest = want.value if want.value is not None else points[-1].mean if points else None
    return None if newest is None else to_target(derived, points, newest, now)


def points_of(past: RollupsPort, check: str, name: str, now: float) -> list[Point]:
    """What was measured in the last two weeks by the hour; of the first day by quarters of an hour."""
    points = [
        Point(at + 1800.0, sketch.mean or 0.0, sketch.low, sketch.high)
        for at, rollup in past.hours(check, now - FORECAST_S, now)
        if (sketch := rollup.sketches.get(name)) is not None and sketch.count
    ]
    if len(points) >= 24:
        return points
    slots: dict[int, list[float]] = {}
    for judged in past.readings(check, now - 86_400.0, 20_000):
        value = _number(judged.reading, judged.reading.values, name)
        if value is not None:
            slots.setdefault(int(judged.reading.at // _SLOT_S), []).append(value)
    return [
        Point((slot + 0.5) * _SLOT_S, sum(values) / len(values), min(values), max(values))
        for slot, values in sorted(slots.items())
    ]


def _number(reading: Reading, values: Mapping[str, Value], name: str) -> float | None:
    """A measured number. The latency of what could not be asked says nothing."""
    if reading.error is not None and name == "latency":
        return None
    value = values.get(name)
    return None if isinstance(value, bool) else as_number(value)


def _again_s(derived: Derived) -> float:
    """How often it is asked of the store."""
    if isinstance(derived, Baseline):
        return USUAL_AGAIN_S
    return max(AGAIN_S, derived.window_s / 60) if derived.window_s else FORECAST_AGAIN_S


class Deriving:
    """Keeps derived values fresh, beside the loop of the watch."""

    def __init__(
        self, values: DerivedValues, settled: Callable[[], Mapping[str, Settled]], past: RollupsPort, clock: Clock,
        offload: Offload,
    ) -> None:  # fmt: skip
        self._values, self._settled, self._past = values, settled, past
        self._clock, self._offload = clock, offload

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.once()

    async def once(self) -> None:
        """Ask for what is due, and take it."""
        now = self._clock()
        wants = self._values.wanted(now)
        if wants:
            found = await self._offload(lambda: fetch(wants, self._past, now))
            self._values.put(found, self._settled(), now)
