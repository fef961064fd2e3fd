"""What was: the states of the last day and the last months, drawn together from the flip journal and our own gaps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchkeeper.core.checks.values import Flip, Judged, Settled, State
from watchkeeper.services.ports import Clock

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Stretch:
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


class History:
    """Reads the past. Nothing is counted as up that nobody saw: gaps are UNKNOWN, before the first reading is None."""

    def __init__(self, past: PastPort, clock: Clock) -> None:
        self._past = past
        self._clock = clock

    def newest_flip(self) -> int:
        """The number of the newest flip, for live views."""
        return self._past.newest_flip()

    def readings(self, check: str, since: float, limit: int = 5000) -> list[Judged]:
        """Readings of one check, oldest first."""
        return self._past.readings(check, since, limit)

    def worst(self, groups: Mapping[str, Collection[str]], since: float, until: float) -> dict[str, list[Stretch]]:
        """For each named group of checks: its worst state over [since, until), without overlaps, oldest first."""
        before = self._past.states_at(since)
        settled = self._past.settled()
        flips: dict[str, list[Flip]] = {}
        for flip in self._past.flips_between(since, until):
            flips.setdefault(flip.check, []).append(flip)
        lines: dict[str, list[Stretch]] = {}
        for check in {check for checks in groups.values() for check in checks}:
            first = self._past.first_reading(check) if check in flips and check not in before else None
            lines[check] = list(_line(flips.get(check, ()), before.get(check), settled.get(check), first, since, until))
        gaps = [Stretch(max(a, since), min(b, until), State.UNKNOWN) for a, b in self._past.gaps(since) if a < until]
        return {
            name: fold([*(s for check in checks for s in lines[check]), *gaps], since, until)
            for name, checks in groups.items()
        }


def _line(
    flips: Sequence[Flip],
    before: State | None,
    settled: Settled | None,
    first: float | None,
    since: float,
    until: float,
) -> Iterable[Stretch]:
    """The stretches of one check; what lies before its first known state is left out. first: its oldest reading."""
    state, start = before, since
    if before is None and flips and first is not None and first < flips[0].at:
        state, start = flips[0].before, max(since, first)
    if before is None and not flips and settled is not None:
        state, start = settled.state, max(since, settled.since)
    for flip in flips:
        if state is not None and flip.at > start:
            yield Stretch(start, flip.at, state)
        state, start = flip.after, flip.at
    if state is not None and until > start:
        yield Stretch(start, until, state)


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
        now = max((state for state in counts if counts[state] > 0), key=lambda state: state.rank, default=None)
        if now is not worst:
            if moment > start:
                found.append(Stretch(start, moment, worst))
            worst, start = now, max(moment, since)
    if until > start:
        found.append(Stretch(start, until, worst))
    return found


def per_day(stretches: Sequence[Stretch], days: Sequence[tuple[float, float]]) -> list[State | None]:
    """The worst state within each (start, end); None where nothing was watched."""
    found: list[State | None] = []
    for start, end in days:
        states = [each.state for each in stretches if each.state is not None and each.start < end and each.end > start]
        found.append(max(states, key=lambda state: state.rank, default=None))
    return found


def known_ok(stretches: Sequence[Stretch]) -> float | None:
    """The share (0..1) of the known time that was OK; None when nothing is known."""
    ok = sum(each.end - each.start for each in stretches if each.state is State.OK)
    known = sum(each.end - each.start for each in stretches if each.state not in (None, State.UNKNOWN))
    return ok / known if known > 0 else None
