"""How long something was up, degraded, down, under maintenance or unknown, over any span.

A timeline holds the whole past of one check, or of a service as the worst of its checks, with running sums: a span of any
length costs two look-ups. Nothing is up that nobody saw: our own downtimes, times in which a check was not asked, and what
lies before its first reading are unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from watchkeeper.core.checks.values import State

Span = tuple[float, float]
_OK = State.OK
_LEAST_S = 1e-6
"""Less than this is what is left over from adding."""
_new = tuple.__new__  # a page makes thousands of them
_BY_RANK = sorted(State, key=lambda state: state.rank)
_moment = itemgetter(0)


class Availability(NamedTuple):
    """Seconds. They add up to `span_s`. unwatched_s: the part of `unknown_s` before anything was watched at all.

    maintenance_s: time within planned windows in which it was degraded or down; up stays up, unknown stays unknown.
    """

    span_s: float
    up_s: float
    degraded_s: float
    down_s: float
    maintenance_s: float
    unknown_s: float
    unwatched_s: float = 0.0

    @property
    def known_s(self) -> float:
        """Time of which it is known how it was."""
        return self.span_s - self.unknown_s

    def share(self, seconds: float) -> float | None:
        """A part of the known time (0..1); None when nothing is known."""
        return seconds / self.known_s if self.known_s > 1e-6 else None

    @property
    def available(self) -> float | None:
        """The share (0..1) of the known time, maintenance left out, in which it was not down; None without any."""
        counted = self.known_s - self.maintenance_s
        return (self.up_s + self.degraded_s) / counted if counted > 1e-6 else None


class Timeline:
    """States one after the other; each holds until the next, the last one without end. Before the first: not watched."""

    __slots__ = ("_sums", "grown_from", "starts", "states")

    def __init__(self, turns: Iterable[tuple[float, State]]) -> None:
        """turns: (since, state), oldest first. Of several at one moment the last one counts."""
        self.grown_from: Timeline | None = None
        self.starts: list[float] = []
        self.states: list[State] = []
        for at, state in turns:
            if self.starts and at <= self.starts[-1]:
                self.states[-1] = state
            elif not self.states or self.states[-1] is not state:
                self.starts.append(at)
                self.states.append(state)
        sums = [(0.0, 0.0, 0.0, 0.0)]
        for place in range(len(self.starts) - 1):
            sums.append(_plus(sums[-1], self.states[place], self.starts[place + 1] - self.starts[place]))
        self._sums = sums

    def then(self, at: float, state: State) -> Timeline:
        """The same with one turn more, which must be later than all others; itself when the state does not change.

        `grown_from` of the new one is this one, until that grows too: whoever knew this one need not look at all of it.
        """
        if self.states and self.states[-1] is state:
            return self
        grown = Timeline(())
        grown.starts, grown.states = [*self.starts, at], [*self.states, state]
        last = self._sums[-1]
        grown._sums = [*self._sums, _plus(last, self.states[-1], at - self.starts[-1])] if self.states else self._sums
        grown.grown_from, self.grown_from = self, None
        return grown

    def state_at(self, at: float) -> State | None:
        """The state at a moment; None before the first."""
        place = bisect_right(self.starts, at) - 1
        return self.states[place] if place >= 0 else None

    def seconds(self, since: float, until: float) -> tuple[float, float, float, float]:
        """Seconds of OK, WARN, CRIT and UNKNOWN within [since, until)."""
        starts, states = self.starts, self.states
        last = bisect_right(starts, until) - 1
        if until <= since or last < 0:
            return (0.0, 0.0, 0.0, 0.0)
        ok, warn, crit, unknown = self._sums[last]
        rest, state = until - starts[last], states[last]
        if state is _OK:
            ok += rest
        else:
            ok, warn, crit, unknown = _plus((ok, warn, crit, unknown), state, rest)
        first = bisect_right(starts, since, 0, last + 1) - 1
        if first < 0:
            return (ok, warn, crit, unknown)
        ok_before, warn_before, crit_before, unknown_before = self._sums[first]
        rest, state = since - starts[first], states[first]
        if state is _OK:
            return (ok - ok_before - rest, warn - warn_before, crit - crit_before, unknown - unknown_before)
        before = _plus((ok_before, warn_before, crit_before, unknown_before), state, rest)
        return (ok - before[0], warn - before[1], crit - before[2], unknown - before[3])

    def with_unknown(self, spans: Sequence[Span]) -> Timeline:
        """The same, UNKNOWN within these spans. Before its first state it stays not watched."""
        joined = merged_spans(spans)
        if not joined or not self.starts:
            return self
        moves = sorted({*self.starts, *(max(at, self.starts[0]) for span in joined for at in span)})
        begins = [span[0] for span in joined]
        turns = []
        for at in moves:
            place = bisect_right(begins, at) - 1
            hidden = place >= 0 and at < joined[place][1]
            turns.append((at, State.UNKNOWN if hidden else self.states[bisect_right(self.starts, at) - 1]))
        return Timeline(turns)


def eased(timeline: Timeline, planned: Sequence[Span]) -> Timeline:
    """The same, but OK where it was degraded or down within planned maintenance."""
    joined = merged_spans(planned)
    if not joined or not timeline.starts:
        return timeline
    begins = [span[0] for span in joined]
    turns = []
    for at in sorted({*timeline.starts, *(at for span in joined for at in span if at > timeline.starts[0])}):
        place = bisect_right(begins, at) - 1
        state = timeline.states[bisect_right(timeline.starts, at) - 1]
        inside = place >= 0 and at < joined[place][1]
        turns.append((at, State.OK if inside and state in (State.WARN, State.CRIT) else state))
    return Timeline(turns)


def split_together(
    timelines: Sequence[Timeline], since: float, until: float, planned: Sequence[Sequence[Span]] = (),
    worst: Timeline | None = None,
) -> Availability:  # fmt: skip
    """Several checks as one thing, which is as bad as the worst of them; planned: of each its own windows.

    What a check does within its own window is maintenance, and hides no other check. worst: `worst_of` them, where known.
    """
    whole = split(worst if worst is not None else worst_of(timelines), since, until)
    if not any(planned):
        return whole
    rest = split(worst_of([eased(each, own) for each, own in zip(timelines, planned, strict=True)]), since, until)
    maintenance_s = max(0.0, rest.up_s - whole.up_s)
    return rest._replace(up_s=whole.up_s, maintenance_s=maintenance_s)


def split(timeline: Timeline, since: float, until: float, planned: Sequence[Span] = ()) -> Availability:
    """The span [since, until), which a half-open one is; planned: spans of planned maintenance, in any order."""
    span_s = until - since if until > since else 0.0
    ok, warn, crit, unknown = timeline.seconds(since, until)
    if not planned:
        unwatched_s = span_s - ok - warn - crit - unknown
        if unwatched_s < _LEAST_S:
            unwatched_s = 0.0
        warn, crit = warn if warn > _LEAST_S else 0.0, crit if crit > _LEAST_S else 0.0
        return _new(Availability, (span_s, ok, warn, crit, 0.0, unknown + unwatched_s, unwatched_s))
    maintenance_s = 0.0
    for start, end in merged_spans(planned):
        _ok, degraded_s, down_s, _unknown = timeline.seconds(max(start, since), min(end, until))
        maintenance_s += degraded_s + down_s
        warn, crit = warn - degraded_s, crit - down_s
    unwatched_s = span_s - (ok + warn + crit + unknown + maintenance_s)
    if unwatched_s < _LEAST_S:
        unwatched_s = 0.0
    warn, crit = warn if warn > _LEAST_S else 0.0, crit if crit > _LEAST_S else 0.0
    return Availability(span_s, ok, warn, crit, maintenance_s, unknown + unwatched_s, unwatched_s)


def worst_of(timelines: Sequence[Timeline]) -> Timeline:
    """The worst state at every moment of those that are watched then."""
    if len(timelines) < 2:
        return timelines[0] if timelines else Timeline(())
    turns: list[tuple[float, int, State]] = []
    for number, timeline in enumerate(timelines):
        turns += [(at, number, state) for at, state in zip(timeline.starts, timeline.states, strict=True)]
    turns.sort(key=_moment)
    ranks = [-1] * len(timelines)
    found: list[tuple[float, State]] = []
    for at, number, state in turns:
        ranks[number] = state.rank
        found.append((at, _BY_RANK[max(ranks)]))
    return Timeline(found)


def merged_spans(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that neither touch nor overlap, oldest first; empty ones are left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def shares(split_: Availability) -> Mapping[str, float | None]:
    """Each part as a share (0..1) of the known time; `unknown` of the whole span."""
    return {
        "up": split_.share(split_.up_s),
        "degraded": split_.share(split_.degraded_s),
        "down": split_.share(split_.down_s),
        "maintenance": split_.share(split_.maintenance_s),
        "unknown": split_.unknown_s / split_.span_s if split_.span_s else None,
    }


def _plus(sums: tuple[float, float, float, float], state: State, seconds: float) -> tuple[float, float, float, float]:
    ok, warn, crit, unknown = sums
    if state is State.OK:
        return (ok + seconds, warn, crit, unknown)
    if state is State.WARN:
        return (ok, warn + seconds, crit, unknown)
    if state is State.CRIT:
        return (ok, warn, crit + seconds, unknown)
    return (ok, warn, crit, unknown + seconds)
