"""A check over time for charts, from an hour to years: percentiles of one measured name in evenly spaced slots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.checks import Flip
from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.conditions.quantities import as_number
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.readings.rollup import STATES, Rollup
from watchkeeper.core.readings.sketch import Sketch, merged, sketch_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports.rollups import RollupsPort

MOST_POINTS = 2000
DAY_S, HOUR_S = 86_400.0, 3600.0
RAW_S = 2 * DAY_S
"""Of a shorter span every single reading is looked at; of a longer one hours, and then days."""


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One slot. at: its start. numbers are None where nothing was measured: a gap is a gap. counts: by state, see STATES."""

    at: float
    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    avg: float | None
    low: float | None
    high: float | None
    counts: tuple[int, int, int, int]


class SeriesReader:
    """Reads raw readings, hours or days, whatever the span asks for."""

    def __init__(self, past: RollupsPort, holder: InventoryHolder) -> None:
        self._past, self._holder = past, holder

    def of(
        self, check: str, since: float, until: float, points: int = 240, name: str = ""
    ) -> tuple[str, float, list[SeriesPoint]]:
        """(measured name, seconds of a slot, the slots that hold readings). Raises `NotFound`, `Usage`.

        name: "" is what its kind shows where there is room for one number, or latency where that is no number.
        """
        found = self._holder.current.checks.get(check)
        if found is None:
            raise NotFound(f"There is no check {check}.", "List them: wk status.")
        if not 1 <= points <= MOST_POINTS:
            raise Usage(f"{points} points cannot be drawn.", f"Ask for 1 to {MOST_POINTS}.")
        kind = KINDS[found.probe.kind]
        if not name:
            main = kind.values.get(kind.main)
            name = kind.main if main is not None and main.quantity not in ("text", "truth") else "latency"
        slot_s = (until - since) / points
        if until - since <= RAW_S and slot_s < HOUR_S:
            return name, slot_s, self._raw(check, name, since, until, slot_s)
        length_s = DAY_S if slot_s >= DAY_S else HOUR_S
        slot_s = math.ceil(slot_s / length_s) * length_s
        start = math.floor(since / length_s) * length_s
        read = self._past.days if length_s == DAY_S else self._past.hours
        rollups = read(check, start, until)
        slots: dict[int, list[Rollup]] = {}
        for at, rollup in rollups:
            slots.setdefault(int((at - start) // slot_s), []).append(rollup)
        newest = rollups[-1][0] + length_s if rollups else start
        drawn = [_point(start + slot * slot_s, name, each) for slot, each in sorted(slots.items())]
        if until > newest and (length_s == HOUR_S or not rollups):  # the newest readings are not folded yet
            begin = max(newest, start)
            drawn += self._raw(check, name, begin, until, slot_s)
        return name, slot_s, drawn

    def flips(self, check: str, since: float, until: float, limit: int = 200) -> list[Flip]:
        """The newest flips of one check within [since, until), newest first; also of one that is watched no more."""
        return self._past.flips_of(check, since, until, limit)

    def _raw(self, check: str, name: str, since: float, until: float, slot_s: float) -> list[SeriesPoint]:
        slots: dict[int, tuple[list[float], list[int]]] = {}
        for judged in self._past.readings(check, since, 200_000, until):
            values, counts = slots.setdefault(int((judged.reading.at - since) // slot_s), ([], [0, 0, 0, 0]))
            counts[STATES.index(judged.verdict.state.value)] += 1
            value = judged.reading.values.get(name)
            if value is None and name == "latency" and judged.reading.error is None:
                value = judged.reading.latency_s
            number = None if isinstance(value, bool) else as_number(value)
            if number is not None:
                values.append(number)
        return [
            _drawn(since + slot * slot_s, sketch_of(values), (counts[0], counts[1], counts[2], counts[3]))
            for slot, (values, counts) in sorted(slots.items())
        ]


def _point(at: float, name: str, rollups: Sequence[Rollup]) -> SeriesPoint:
    sketch = merged([each.sketches[name] for each in rollups if name in each.sketches])
    counts = [sum(each.counts[place] for each in rollups) for place in range(4)]
    return _drawn(at, sketch, (counts[0], counts[1], counts[2], counts[3]))


def _drawn(at: float, sketch: Sketch, counts: tuple[int, int, int, int]) -> SeriesPoint:
    some = sketch.count > 0
    return SeriesPoint(
        at, sum(counts), sketch.percentile(0.5), sketch.percentile(0.95), sketch.percentile(0.99), sketch.mean,
        sketch.low if some else None, sketch.high if some else None, counts,
    )  # fmt: skip
