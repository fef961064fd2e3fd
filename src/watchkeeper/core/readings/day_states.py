"""Bars of days: the worst state of each day, from the timeline of what is drawn."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from watchkeeper.core.checks.values import State
from watchkeeper.core.readings.availability import Timeline


def day_states(timeline: Timeline, edges: Sequence[float]) -> list[State | None]:
    """The worst state within each [edges[n], edges[n + 1]); None where nothing was watched. Edges rise."""
    starts, states = timeline.starts, timeline.states
    found: list[State | None] = []
    last = len(starts)
    place = bisect_right(starts, edges[0]) - 1
    for day in range(len(edges) - 1):
        start, end = edges[day], edges[day + 1]
        while place + 1 < last and starts[place + 1] <= start:
            place += 1
        worst = states[place] if place >= 0 else None
        step = place + 1
        while step < last and starts[step] < end:
            if worst is None or states[step].rank > worst.rank:
                worst = states[step]
            step += 1
        place = step - 1
        found.append(worst)
    return found


def known_ok(timeline: Timeline, since: float, until: float) -> float | None:
    """The share (0..1) of the known time of [since, until) that was OK; None when nothing is known."""
    ok, warn, crit, _unknown = timeline.seconds(since, until)
    known = ok + warn + crit
    return ok / known if known > 1e-6 else None
