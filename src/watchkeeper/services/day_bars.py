"""Each service day by day: its worst state, and the share of the known time in which it was OK.

What is over changes only when a check flips late or a window is moved, so each service is kept until something of it
changes; then only that one is looked at again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.checks.values import State
from watchkeeper.core.readings.availability import Span, Timeline, eased, worst_of
from watchkeeper.core.readings.day_states import day_states, known_ok
from watchkeeper.services.history import History
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import StorePort
from watchkeeper.services.windows.muting import planned_by_check

_MOST_KEPT = 8
"""Of so many zones (their midnights differ) the days are kept."""


@dataclass(frozen=True, slots=True)
class Days:
    """One service. states: of each day; None where nothing was watched. planned: days that were bad only within windows.

    The same object as before while nothing of it changed but the share.
    """

    states: tuple[State | None, ...]
    planned: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Kept:
    worst: Timeline
    spans: tuple[tuple[Span, ...], ...]
    unseen: bool
    days: Days


class DayBars:
    """Reads days of all services at once."""

    def __init__(self, store: StorePort, history: History, holder: InventoryHolder) -> None:
        self._store, self._history, self._holder = store, history, holder
        self._lock = threading.Lock()
        self._kept: dict[tuple[float, ...], dict[str, _Kept]] = {}

    def of(self, edges: Sequence[float], now: float) -> dict[str, tuple[Days, float | None]]:
        """By service: the days between neighbouring edges (rising, the last one in the future), and the share of OK.

        Time after `now` does not count. The share (0..1) is of the known time; None when nothing is known.
        """
        inventory = self._holder.current
        groups = {name: [check.key for check in service.checks] for name, service in inventory.services.items()}
        every_s = {key: check.every_s for key, check in inventory.checks.items()}
        lines, unseen = self._history.worst_lines(groups, every_s)
        with self._store.read() as session:
            planned = planned_by_check(session, inventory, edges[0], now)
        until = min(now, unseen)
        with self._lock:
            kept = self._of(edges)
            found: dict[str, tuple[Days, float | None]] = {}
            for name, keys in groups.items():
                spans = tuple(tuple(planned.get(key, ())) for key in keys) if planned else ()
                line, known = lines[name], kept.get(name)
                if known is None or known.worst is not line or known.spans != spans or known.unseen != (unseen < now):
                    own = self._history.lines(keys, every_s) if any(spans) else {}
                    days = _days(line, [own[key] for key in keys] if own else [], spans, edges, now, unseen)
                    if known is not None and known.days == days:
                        days = known.days
                    known = kept[name] = _Kept(line, spans, unseen < now, days)
                found[name] = (known.days, known_ok(line, edges[0], until))
            return found

    def _of(self, edges: Sequence[float]) -> dict[str, _Kept]:
        key = (edges[0], edges[-1], len(edges))
        if key not in self._kept:
            while len(self._kept) >= _MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = {}
        return self._kept[key]


def _days(
    worst: Timeline, lines: Sequence[Timeline], spans: Sequence[Sequence[Span]], edges: Sequence[float], now: float,
    unseen: float,
) -> Days:  # fmt: skip
    line = worst if unseen >= now else worst.with_unknown([(unseen, math.inf)])
    states = day_states(line, edges)
    planned: set[int] = set()
    if lines:
        rest = day_states(worst_of([eased(each, own) for each, own in zip(lines, spans, strict=True)]), edges)
        for day, (state, other) in enumerate(zip(states, rest, strict=True)):
            if state in (State.WARN, State.CRIT) and other is State.OK:
                planned.add(day)
    return Days(tuple(states), frozenset(planned))


def counted(days: Days) -> Mapping[str, int]:
    """How many days were ``critical``, ``warning``, ``unknown``, ``maintenance``, for words beside a drawing."""
    words = {State.CRIT: "critical", State.WARN: "warning", State.UNKNOWN: "unknown"}
    found: dict[str, int] = {}
    for day, state in enumerate(days.states):
        word = "maintenance" if day in days.planned else words.get(state) if state else None
        if word:
            found[word] = found.get(word, 0) + 1
    return {word: found[word] for word in ("critical", "warning", "unknown", "maintenance") if word in found}
