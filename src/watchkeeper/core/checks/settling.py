"""When a check flips: a pure state machine over verdicts. Nothing is read here; times are passed in.

- CRIT is entered when the crit rule held in N of the last M readings, WARN likewise; CRIT goes before WARN.
- A reading that matches crit also counts for warn when both rules read the same names (50 and 100 of one number).
- CRIT and WARN are left for OK after `recover` OK readings in a row; readings from before do not count again.
- Two UNKNOWN in a row, or one when nothing is remembered before it, settle the check as UNKNOWN.
  A single one only does not match.
- The first reading of a check settles it: without a flip when OK, as a flip from UNKNOWN otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from watchkeeper.core.checks.judging import brief
from watchkeeper.core.checks.values import Flip, Reading, Settled, State, Value, Verdict
from watchkeeper.core.inventory.values import Check, Rule

UNKNOWN_IN_A_ROW = 2
_NOT_OK = "not ok"


def settle(check: Check, settled: Settled | None, verdict: Verdict, reading: Reading) -> tuple[Settled, Flip | None]:
    """The settled state after one more verdict, and the flip when it changed.

    settled: None before the first reading. reading: the one that was judged; the flip takes its time and its values.
    """
    at, values = reading.at, reading.values
    before = settled if settled is not None else Settled(State.UNKNOWN, at)
    recent = (*before.recent, verdict.state)[-memory(check) :]
    good = before.good_in_row + 1 if verdict.state is State.OK else 0
    state = _next(check, before.state, not before.recent, recent, good)
    if settled is None and state is State.OK:
        return Settled(state, at, recent, good, verdict.reason), None
    pending = settled is None and state is State.UNKNOWN and verdict.state is not State.UNKNOWN
    if pending or (settled is not None and state is before.state):
        reason = verdict.reason if verdict.state is state or pending else before.reason
        return replace(before, recent=recent, good_in_row=good, reason=reason), None
    if state is State.OK:
        recent = recent[-good:]
    after = Settled(state, at, recent, good, verdict.reason)
    return after, _flip(check, before.state, state, at, verdict.reason, values)


def gap(check: Check, settled: Settled | None, since: float, until: float) -> tuple[Settled, Flip | None]:
    """The settled state after our own downtime: nobody could see, so it is UNKNOWN, and nothing from before counts.

    since, until: epoch seconds of the downtime. The flip is dated at its beginning, when we stopped seeing.
    """
    from watchkeeper.core.times import format_duration

    reason = f"watchkeeper itself was down for {format_duration(max(until - since, 0.0))}"
    if settled is None or settled.state is State.UNKNOWN:
        return Settled(State.UNKNOWN, settled.since if settled else since, (), 0, reason), None
    flip = _flip(check, settled.state, State.UNKNOWN, since, reason, {"down_s": round(until - since, 3)})
    return Settled(State.UNKNOWN, since, (), 0, reason), flip


def memory(check: Check) -> int:
    """How many recent verdicts must be remembered to settle this check."""
    windows = [rule.window for rule in (check.crit, check.warn, check.ok) if rule is not None]
    return max(UNKNOWN_IN_A_ROW, *windows, 0)


def _next(check: Check, state: State, first: bool, recent: tuple[State, ...], good: int) -> State:
    if recent[-UNKNOWN_IN_A_ROW:] == (State.UNKNOWN,) * UNKNOWN_IN_A_ROW or (first and recent[-1] is State.UNKNOWN):
        return State.UNKNOWN
    if recent[-1] is State.CRIT and _met(check.crit, recent, (State.CRIT,)):
        return State.CRIT
    if state is not State.CRIT and recent[-1] in (State.CRIT, State.WARN) and _warns(check, recent):
        return State.WARN
    needed = check.recover if state in (State.CRIT, State.WARN) else 1
    return State.OK if good >= needed else state


def _warns(check: Check, recent: tuple[State, ...]) -> bool:
    """Whether the warn window is met, or the newest reading is simply not ok."""
    counted = (State.WARN, State.CRIT) if _crit_implies_warn(check) else (State.WARN,)
    if recent[-1] in counted and check.warn is not None and _met(check.warn, recent, counted):
        return True
    return recent[-1] is State.WARN and check.warn is None


def _crit_implies_warn(check: Check) -> bool:
    if check.crit is None or check.warn is None:
        return False
    return check.crit.condition.names == check.warn.condition.names


def _met(rule: Rule | None, recent: tuple[State, ...], counted: tuple[State, ...]) -> bool:
    if rule is None:
        return True
    return sum(state in counted for state in recent[-rule.window :]) >= rule.hits


def _flip(check: Check, before: State, after: State, at: float, reason: str, values: Mapping[str, Value]) -> Flip:
    return Flip(
        seq=0,
        check=check.key,
        service=check.service,
        host=check.host,
        at=at,
        before=before,
        after=after,
        reason=reason,
        values=brief(values),
        rule_hash=check.rule_hash,
        rule=rule_text(check, after),
    )


def rule_text(check: Check, state: State) -> str:
    """The rule behind a state, as the team wrote it; "" when there is none."""
    if state is State.CRIT and check.crit is not None:
        return check.crit.text
    if state is State.WARN:
        rule = check.warn or check.ok
        return f"{_NOT_OK}: {rule.text}" if rule is check.ok and rule is not None else rule.text if rule else ""
    rule = check.ok or check.warn or check.crit
    if state is State.OK and rule is not None:
        return rule.text if rule is check.ok else f"not {rule.text}"
    return ""
