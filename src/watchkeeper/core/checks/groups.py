"""Groups: a check whose value is how many of its members are OK. Pure: the members' settled states are passed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.core.checks.values import Reading, Settled, State, Value
from watchkeeper.core.inventory.values import Check

_SHOWN, _SHORT = 8, 80


def members(check: Check) -> Mapping[str, Sequence[str]]:
    """The checks behind each member of a group, as they were resolved when the files were loaded."""
    found = check.probe.options.get("members")
    return found if isinstance(found, Mapping) else {}


def state_of(keys: Sequence[str], settled: Mapping[str, Settled]) -> tuple[State, str]:
    """(state, reason) of a member: that of its worst check. One that was never answered is UNKNOWN."""
    worst: tuple[State, str] = (State.OK, "")
    for key in keys:
        known = settled.get(key)
        found = (known.state, known.reason) if known is not None else (State.UNKNOWN, "not asked yet")
        if found[0].rank > worst[0].rank:
            worst = found
    return worst if keys else (State.UNKNOWN, "it has no checks")


def reading_of(check: Check, settled: Mapping[str, Settled], now: float) -> Reading:
    """The reading of a group: its counts, and as its problem every member that is not OK.

    Where too few members work and those that are UNKNOWN could make up for it, nobody can say: that is an error.
    """
    states = {name: state_of(keys, settled) for name, keys in members(check).items()}
    count = {state: sum(1 for each, _ in states.values() if each is state) for state in State}
    total, working = len(states), count[State.OK] + count[State.WARN]
    least = check.probe.options.get("at_least")
    needed = least if isinstance(least, int) else total
    problem = _problem(states, count[State.OK], total)
    if working < needed <= working + count[State.UNKNOWN]:
        words = f"{working} of {total} work, {needed} must, and {count[State.UNKNOWN]} cannot be seen: {problem}"
        return Reading(check.key, now, 0.0, _values(count, total, working, needed), words)
    values = _values(count, total, working, needed)
    if count[State.OK] < total:
        values["problem"] = problem
    return Reading(check.key, now, 0.0, values)


def _values(count: Mapping[State, int], total: int, working: int, needed: int) -> dict[str, Value]:
    return {
        "ok": count[State.OK], "warn": count[State.WARN], "crit": count[State.CRIT], "unknown": count[State.UNKNOWN],
        "total": total, "bad": total - count[State.OK], "working": working, "missing": max(0, needed - working),
        "value": count[State.OK],
    }  # fmt: skip


def _problem(states: Mapping[str, tuple[State, str]], ok: int, total: int) -> str:
    bad = sorted(((name, *found) for name, found in states.items() if found[0] is not State.OK), key=_worst_first)
    named = [f"{name} {state} ({reason.partition(';')[0][:_SHORT]})" for name, state, reason in bad[:_SHOWN]]
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{ok} of {total} {'is' if ok == 1 else 'are'} OK: {', '.join(named)}{more}"


def _worst_first(member: tuple[str, State, str]) -> tuple[int, str]:
    return -member[1].rank, member[0]
