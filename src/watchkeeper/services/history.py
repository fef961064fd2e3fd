"""What was: the states of the last day and the last months, drawn together from the flip journal and our own gaps."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from watchkeeper.core.checks.values import Flip, Judged, Settled, State
from watchkeeper.core.readings.availability import (
    Availability,
    Span,
    Timeline,
    merged_spans,
    split,
    split_together,
    worst_of,
)
from watchkeeper.services.ports import Clock

DAY_S = 86400.0
UNSEEN_S = 30.0
"""A watch that has not marked itself alive for longer sees nothing now."""
AGAIN_S = 2.0
_WORST_FIRST = sorted(State, key=lambda state: -state.rank)
HOLES_S, HOLES_SINCE_S = 600.0, 400 * DAY_S


class Stretch(NamedTuple):
    """One state from `start` to `end` (epoch seconds). state None: nothing was watched yet."""

    start: float
    end: float
    state: State | None


class PastPort(Protocol):
    """What the readings store can tell about the past."""

    def flips_between(self, since: float, until: float) -> list[Flip]:
        """Flips with since <= at < until, oldest first."""
        ...

    def states_at(self, at: float) -> dict[str, State]:
        """The settled state of every check that had flipped before `at`."""
        ...

    def newest_flip(self) -> int:
        """The seq of the newest flip; 0 when there is none. Cheap."""
        ...

    def first_reading(self, check: str) -> float | None:
        """The time of the oldest reading that is kept of a check."""
        ...

    def gaps(self, since: float) -> list[tuple[float, float]]: ...

    def settled(self) -> dict[str, Settled]: ...

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]: ...


class AvailabilityPort(PastPort, Protocol):
    """What availability needs besides."""

    def turns(self, after: int) -> list[tuple[int, str, float, State, State]]:
        """(seq, check, at, before, after) of all flips with seq > after, in their order."""
        ...

    def last_alive(self) -> float | None:
        """When the watch marked last that it lives."""
        ...

    def holes(self, since: float, least_s: float = 7200.0) -> dict[str, list[tuple[float, float]]]:
        """By check: times in which nobody asked it, between readings that are folded."""
        ...


class History:
    """Reads the past. Nothing is counted as up that nobody saw: gaps are UNKNOWN, before the first reading is None."""

    def __init__(self, past: AvailabilityPort, clock: Clock) -> None:
        self._past = past
        self._clock = clock
        self._lines = Lines(past)

    def newest_flip(self) -> int:
        """The number of the newest flip, for live views."""
        return self._past.newest_flip()

    def readings(self, check: str, since: float, limit: int = 5000) -> list[Judged]:
        """Readings of one check, oldest first."""
        return self._past.readings(check, since, limit)

    def splits(
        self, checks: Collection[str], since: float, until: float, planned: Mapping[str, Sequence[Span]] | None = None,
        every_s: Mapping[str, float] | None = None,
    ) -> dict[str, Availability]:  # fmt: skip
        """How long each check was up, degraded, down, under maintenance or unknown within [since, until).

        planned: by check, spans of planned maintenance. every_s: how often each is asked; what is asked seldom has pauses.
        Time that has not come yet does not count.
        """
        end = min(until, self._clock())
        lines = self._lines.of(checks, end, every_s or {})
        start, given = min(since, end), planned or {}
        if not given:
            return {check: split(lines[check], start, end) for check in checks}
        return {check: split(lines[check], start, end, given.get(check, ())) for check in checks}

    def split_together(
        self, groups: Mapping[str, Collection[str]], since: float, until: float,
        planned: Mapping[str, Sequence[Span]] | None = None, every_s: Mapping[str, float] | None = None,
    ) -> dict[str, Availability]:  # fmt: skip
        """The same for named groups of checks, each as the worst of its checks; planned: by check."""
        end = min(until, self._clock())
        lines = self._lines.of({check for checks in groups.values() for check in checks}, end, every_s or {})
        start, given = min(since, end), planned or {}
        found: dict[str, Availability] = {}
        for name, checks in groups.items():
            own = tuple(lines[check] for check in checks)
            spans = [given.get(check, ()) for check in checks] if given else ()
            found[name] = split_together(own, start, end, spans, self._lines.worst(name, own))
        return found

    def lines(self, checks: Collection[str], every_s: Mapping[str, float] | None = None) -> dict[str, Timeline]:
        """The whole past of each check; the same object as before while nothing of it changed."""
        return self._lines.of(checks, self._clock(), every_s or {})

    def worst_lines(
        self, groups: Mapping[str, Collection[str]], every_s: Mapping[str, float] | None = None
    ) -> tuple[dict[str, Timeline], float]:
        """The whole past of each named group as the worst of its checks, and since when nobody looks (inf: somebody does).

        A timeline stays the same object until something of its checks changes, so what is drawn from it can be kept.
        """
        checks = {check for names in groups.values() for check in names}
        lines, unseen = self._lines.known(checks, self._clock(), every_s or {})
        found = {
            name: self._lines.worst(f"whole {name}", tuple(lines[check] for check in names))
            for name, names in groups.items()
        }
        return found, unseen

    def worst(self, groups: Mapping[str, Collection[str]], since: float, until: float) -> dict[str, list[Stretch]]:
        """For each named group of checks: its worst state over [since, until), without overlaps, oldest first."""
        checks = {check for names in groups.values() for check in names}
        lines, unseen = self._lines.known(checks, self._clock(), {})
        found = {}
        for name, names in groups.items():
            # most checks of a day did not move, or all together
            alike: set[tuple[tuple[float, ...], tuple[State, ...]]] = set()
            for check in names:
                line = lines[check]
                first, last = max(0, bisect_right(line.starts, since) - 1), bisect_left(line.starts, until)
                if last > first:
                    begins = (max(since, line.starts[first]), *line.starts[first + 1 : last])
                    alike.add((begins, tuple(line.states[first:last])))
            moving = [
                Stretch(start, end, state)
                for begins, states in alike
                for start, end, state in zip(begins, (*begins[1:], until), states, strict=True)
            ]
            if unseen < until and moving:
                moving.append(Stretch(max(unseen, since), until, State.UNKNOWN))
            found[name] = fold(moving, since, until)
        return found


class Lines:
    """The timeline of every check, kept in memory: only new flips are read, and only what they change is made anew."""

    def __init__(self, past: AvailabilityPort) -> None:
        self._past = past
        self._lock = threading.Lock()
        self._seq = 0
        self._turns: dict[str, list[tuple[float, State, State]]] = {}
        self._made: dict[str, Timeline] = {}
        self._away: tuple[Span, ...] = ()
        self._holes: dict[str, list[Span]] = {}
        self._holes_at = self._looked_at = -math.inf
        self._worst: dict[str, tuple[Sequence[Timeline], Timeline]] = {}

    def of(self, checks: Collection[str], now: float, every_s: Mapping[str, float]) -> dict[str, Timeline]:
        """The timelines of these checks as of `now`. One that was never asked has none and is not watched."""
        lines, unseen = self.known(checks, now, every_s)
        if unseen == math.inf:
            return lines
        return {check: line.with_unknown([(unseen, math.inf)]) for check, line in lines.items()}

    def known(
        self, checks: Collection[str], now: float, every_s: Mapping[str, float]
    ) -> tuple[dict[str, Timeline], float]:
        """The same as it was kept, and since when nobody looks any more; inf while the watch lives."""
        with self._lock:
            self._follow(now)
            missing = [check for check in checks if check not in self._made]
            if missing:
                settled = self._past.settled()
                for check in missing:
                    self._made[check] = self._make(check, settled.get(check), every_s.get(check, 0.0))
            lines = {check: self._made[check] for check in checks}
        alive = self._past.last_alive()
        return lines, math.inf if alive is None or now - alive <= UNSEEN_S else alive

    def worst(self, name: str, lines: Sequence[Timeline]) -> Timeline:
        """The worst of the timelines of a group; made anew when one of them is another one than before.

        Where they only grew, so does what was known.
        """
        known, worst = self._worst.get(name, ((), None))
        if worst is None or len(known) != len(lines):
            worst = worst_of(lines)
        elif all(a is b for a, b in zip(known, lines, strict=True)):
            return worst
        else:
            worst = _grown(worst, known, lines) or worst_of(lines)
        self._worst[name] = (lines, worst)
        return worst

    def _follow(self, now: float) -> None:
        newest = self._past.newest_flip()
        if newest < self._seq:  # the store was begun anew
            self._seq, self._turns, self._made, self._holes_at = 0, {}, {}, -math.inf
        if newest > self._seq:
            away_until = self._away[-1][1] if self._away else -math.inf
            for seq, check, at, before, after in self._past.turns(self._seq):
                turns = self._turns.setdefault(check, [])
                turns.append((at, before, after))
                line = self._made.pop(check, None)
                if line is not None and len(turns) > 1 and line.starts and at > max(line.starts[-1], away_until):
                    self._made[check] = line.then(at, after)
                self._seq = max(self._seq, seq)
        away = tuple(merged_spans(self._past.gaps(0.0)))
        if away != self._away:
            self._away, self._made = away, {}
        if now - self._holes_at > HOLES_S or now < self._holes_at:
            self._holes_at = now
            holes = self._past.holes(now - HOLES_SINCE_S)
            for check in holes.keys() | self._holes.keys():
                if holes.get(check) != self._holes.get(check):
                    self._made.pop(check, None)
            self._holes = holes
        if now - self._looked_at > AGAIN_S or now < self._looked_at:  # what was never asked may begin any time
            self._looked_at = now
            self._made = {check: line for check, line in self._made.items() if line.starts}

    def _make(self, check: str, settled: Settled | None, every_s: float) -> Timeline:
        flips = self._turns.get(check, [])
        turns: list[tuple[float, State]] = []
        if flips:
            flips.sort(key=lambda flip: flip[0])  # a downtime is noticed after it began
            first = self._past.first_reading(check)
            if first is not None and first < flips[0][0]:
                turns.append((first, flips[0][1]))
            turns += [(at, after) for at, _before, after in flips]
        elif settled is not None:
            turns.append((settled.since, settled.state))
        unseen = [hole for hole in self._holes.get(check, ()) if hole[1] - hole[0] > 2 * every_s]
        return Timeline(turns).with_unknown([*self._away, *unseen])


def _grown(worst: Timeline, known: Sequence[Timeline], lines: Sequence[Timeline]) -> Timeline | None:
    """What `worst_of` would give for lines of which some grew by one turn; None when it cannot be told so."""
    moments = []
    for former, line in zip(known, lines, strict=True):
        if line is former:
            continue
        if line.grown_from is not former:
            return None
        moments.append(line.starts[-1])
    if not worst.starts or min(moments) <= worst.starts[-1]:
        return None
    for at in sorted(moments):
        states = [state for line in lines if (state := line.state_at(at)) is not None]
        worst = worst.then(at, max(states, key=lambda state: state.rank))
    return worst


def fold(stretches: Iterable[Stretch], since: float, until: float) -> list[Stretch]:
    """The worst of all stretches at every moment, as neighbouring stretches over the whole span."""
    moves: dict[float, dict[State, int]] = {}
    for each in stretches:
        if each.state is not None and each.end > each.start:
            at = moves.setdefault(each.start, {})
            at[each.state] = at.get(each.state, 0) + 1
            at = moves.setdefault(each.end, {})
            at[each.state] = at.get(each.state, 0) - 1
    counts = dict.fromkeys(State, 0)
    worst: State | None = None
    found: list[Stretch] = []
    start = since
    for moment in sorted(moves):
        for state, move in moves[moment].items():
            counts[state] += move
        now = next((state for state in _WORST_FIRST if counts[state] > 0), None)
        if now is not worst:
            if moment > start:
                found.append(Stretch(start, moment, worst))
            worst, start = now, max(moment, since)
    if until > start:
        found.append(Stretch(start, until, worst))
    return found
