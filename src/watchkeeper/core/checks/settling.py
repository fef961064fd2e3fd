"""When a check flips: a pure state machine over verdicts. Nothing is read here; times are passed in.

- CRIT is entered when the crit rule held in N of the last M readings, or in every reading for its hold; WARN likewise; CRIT
  goes before WARN. An UNKNOWN reading within a hold neither counts nor ends it.
- A reading that matches crit also counts for warn when both rules read the same names (50 and 100 of one number).
- CRIT and WARN are left for OK after `recover` good readings in a row that span `recover_s`; readings from before do not
  count again. Good is OK and, where the check has one, `recover_when`: what lies between the two neither proves nor worsens.
- Two UNKNOWN in a row, or one when nothing is remembered before it, settle the check as UNKNOWN.
  A single one only does not match.
- The first reading of a check settles it: without a flip when OK, as a flip from UNKNOWN otherwise.
- What the rules say is then held while the check flaps, see `flapping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from watchkeeper.core.checks import flapping
from watchkeeper.core.checks.judging import brief
from watchkeeper.core.checks.proof import is_good
from watchkeeper.core.checks.values import NO_ROWS, Flip, Reading, Rows, Settled, State, Value, Verdict
from watchkeeper.core.inventory.values import Check, Rule

UNKNOWN_IN_A_ROW = 2
BLIND = (State.UNKNOWN,) * UNKNOWN_IN_A_ROW
BAD = (State.CRIT, State.WARN)
_NOT_OK = "not ok"


def settle(check: Check, settled: Settled | None, verdict: Verdict, reading: Reading) -> tuple[Settled, Flip | None]:
    """The settled state after one more verdict, and the flip when it changed.

    settled: None before the first reading. reading: the one that was judged; the flip takes its time and its values.
    """
    at = reading.at
    if settled is not None and verdict.state is State.OK and _is_steady(check, settled):
        return Settled(State.OK, settled.since, settled.recent, settled.good_in_row + 1, verdict.reason), None
    before = settled if settled is not None else Settled(State.UNKNOWN, at)
    recent = (*before.recent, verdict.state)[-memory(check) :]
    good = before.good_in_row + 1 if is_good(check, verdict, reading) else 0
    rows = _rows(check, before.rows, verdict.state, good, at)
    blind = recent[-UNKNOWN_IN_A_ROW:] == BLIND or (not before.recent and verdict.state is State.UNKNOWN)
    was = before.by_rules or before.state
    inner = State.UNKNOWN if blind else _next(check, was, recent, good, rows, at)
    if settled is None and inner is State.OK:
        return Settled(inner, at, recent, good, verdict.reason, rows), None
    pending = settled is None and inner is State.UNKNOWN and verdict.state is not State.UNKNOWN
    if pending:
        return replace(before, recent=recent, good_in_row=good, reason=verdict.reason, rows=rows), None
    if blind:
        rows = NO_ROWS
    elif inner is State.OK and was is not State.OK:
        recent = recent[-max(good, 1) :]
    state, turns, since = flapping.held(check, before, inner, at)
    told = f"{flapping.words(check, turns, at)}; " if since is not None else ""
    after = Settled(
        state, before.since, recent, good, before.reason, rows, turns, since, inner if inner is not state else None
    )
    if settled is not None and state is before.state:
        if verdict.state is state or since is not None:
            after = replace(after, reason=told + verdict.reason)
        return after, None
    reason = told + verdict.reason
    values: Mapping[str, Value] = {**reading.values, "flapping": len(turns)} if since is not None else reading.values
    return replace(after, since=at, reason=reason), _flip(check, before.state, state, at, reason, values)


def _is_steady(check: Check, settled: Settled) -> bool:
    """OK for longer than anything is remembered: one more OK changes nothing. This is what nearly every reading is."""
    return (
        settled.state is State.OK
        and settled.good_in_row > len(settled.recent)
        and not settled.turns
        and check.recover_when is None
        and not check.recover_s
    )


def fixed(check: Check, settled: Settled, at: float) -> tuple[Settled, Flip | None]:
    """The settled state after a fix of ours was proven: it does not flap, whatever it did before."""
    after = flapping.forget(settled)
    if settled.by_rules is None:
        return after, None
    reason = "a fix was proven"
    after = replace(after, state=settled.by_rules, by_rules=None, since=at, reason=reason)
    return after, _flip(check, settled.state, after.state, at, reason, {})


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


def begun_anew(settled: Settled) -> Settled:
    """For a check whose rule changed: it keeps its state, and nothing that was measured under the old rule counts."""
    return Settled(settled.state, settled.since, reason=settled.reason)


def memory(check: Check) -> int:
    """How many recent verdicts must be remembered to settle this check."""
    windows = [rule.window for rule in (check.crit, check.warn, check.ok) if rule is not None]
    return max(UNKNOWN_IN_A_ROW, *windows, 0)


def _next(check: Check, state: State, recent: tuple[State, ...], good: int, rows: Rows, at: float) -> State:
    """The state by the rules alone, while somebody can see."""
    if recent[-1] is State.CRIT and _met(check.crit, recent, (State.CRIT,), rows.crit, at):
        return State.CRIT
    if state is not State.CRIT and recent[-1] in BAD and _warns(check, recent, rows, at):
        return State.WARN
    if state not in BAD:
        return State.OK if recent[-1] is State.OK else state
    lasted = not check.recover_s or (rows.good is not None and at - rows.good >= check.recover_s)
    return State.OK if good >= check.recover and lasted else state


def _rows(check: Check, before: Rows, state: State, good: int, at: float) -> Rows:
    """The rows after a reading of this state; only what the check measures in time is kept."""
    crit = check.crit is not None and check.crit.hold_s > 0
    warn = check.warn is not None and check.warn.hold_s > 0
    if not (crit or warn or check.recover_s):
        return NO_ROWS
    return Rows(
        _on(before.crit, state, (State.CRIT,), at) if crit else None,
        _on(before.warn, state, _counted(check), at) if warn else None,
        (before.good if before.good is not None else at) if check.recover_s and good else None,
    )


def _on(since: float | None, state: State, counted: tuple[State, ...], at: float) -> float | None:
    if state is State.UNKNOWN:
        return since
    return None if state not in counted else at if since is None else since


def _counted(check: Check) -> tuple[State, ...]:
    """The verdicts that count for warn."""
    return BAD if _crit_implies_warn(check) else (State.WARN,)


def _warns(check: Check, recent: tuple[State, ...], rows: Rows, at: float) -> bool:
    """Whether the warn window is met, or the newest reading is simply not ok."""
    if check.warn is None:
        return recent[-1] is State.WARN
    counted = _counted(check)
    return recent[-1] in counted and _met(check.warn, recent, counted, rows.warn, at)


def _crit_implies_warn(check: Check) -> bool:
    if check.crit is None or check.warn is None:
        return False
    return check.crit.condition.names == check.warn.condition.names


def _met(
    rule: Rule | None, recent: tuple[State, ...], counted: tuple[State, ...], since: float | None, at: float
) -> bool:
    if rule is None:
        return True
    if rule.hold_s:
        return since is not None and at - since >= rule.hold_s
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
