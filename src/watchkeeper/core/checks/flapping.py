"""Flapping: a check that falls and rises again and again is one trouble, not many.

Two bounds keep a signal that comes and goes from becoming a stream of messages:

- An incident that nobody fixed closes only when its checks stayed good for `calm_s` after their last bad reading, so the
  good halves of a fast signal close nothing.
- A check that turned `Flapping.flips` times within `Flapping.within_s` *flaps*: it keeps its bad state, and its time counts
  as bad, until it has not turned for `Flapping.quiet_s`. So its journal stays bounded too.

Readings are judged and kept as ever; only the settled state is held. What watchkeeper itself fixed is no flap, see `forget`.
"""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.times import format_duration

KEPT_TURNS = 64
BAD = (State.CRIT, State.WARN)
CALM_READINGS, CALM_LEAST_READINGS = 4, 1.5
CALM_MOST_S = 120.0
CALM_RHYTHM_S = 900.0
"""A check that is asked less often than this closes its incident by its readings alone: it cannot flap within an hour."""


def calm_s(check: Check, flapping: bool = False) -> float:
    """How long after its last bad reading a check must have been good before its incident closes without a fix, seconds."""
    if check.flapping is None or check.every_s > CALM_RHYTHM_S:
        return 0.0
    if flapping:
        return check.flapping.quiet_s
    return max(min(CALM_MOST_S, CALM_READINGS * check.every_s), CALM_LEAST_READINGS * check.every_s)


def held(check: Check, before: Settled, by_rules: State, at: float) -> tuple[State, tuple[float, ...], float | None]:
    """(settled state, turns, flapping since) after a reading at `at`, when the rules alone say `by_rules`.

    A turn is a fall from OK to WARN or CRIT, or a rise to OK from there; that nobody could see is none. It begins to flap
    at a fall only, so that a flip tells of it.
    """
    limits = check.flapping
    if limits is None:
        return by_rules, (), None
    was = before.by_rules or before.state
    fell, rose = was is State.OK and by_rules in BAD, was in BAD and by_rules is State.OK
    turns = before.turns
    if turns and at - turns[0] > limits.within_s:
        turns = tuple(turn for turn in turns if at - turn <= limits.within_s)
    if fell or (rose and before.turns):
        turns = (*turns, at)[-KEPT_TURNS:]
    since = before.flapping_since
    if since is None and fell and len(turns) >= limits.flips:
        since = at
    elif since is not None and (not turns or at - turns[-1] >= limits.quiet_s):
        since = None
    return _shown(before.state, by_rules) if since is not None else by_rules, turns, since


def _shown(before: State, by_rules: State) -> State:
    """While it flaps: never better than it was. That nobody can see is said at once."""
    if by_rules is State.OK or (before is State.CRIT and by_rules is State.WARN):
        return before
    return by_rules


def forget(settled: Settled) -> Settled:
    """The turns before a proven fix of ours do not count: the fix is why it rose."""
    return replace(settled, turns=(), flapping_since=None)


def words(check: Check, turns: tuple[float, ...], at: float) -> str:
    """``flapping: 9 flips in 12 min``."""
    count = f"at least {KEPT_TURNS}" if len(turns) >= KEPT_TURNS else str(len(turns))
    span = format_duration(max(at - turns[0], check.every_s) if turns else 0.0)
    return f"flapping: {count} flips in {span}"
