"""From a reading to a verdict: crit, then warn, then not ok is WARN, else OK; what could not be asked is UNKNOWN."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.core.checks.values import Reading, State, Value, Verdict
from watchkeeper.core.inventory.values import Check, Rule

TEXT_LIMIT = 400


def judge(check: Check, reading: Reading) -> Verdict:
    """The verdict of one reading. `for N of M` is not counted here; `settling.settle` counts.

    A rule that needs a value which was not measured gives UNKNOWN, unless a graver rule matched without it. A function that
    has too few readings yet (decision 0041) does not: its rule is simply not met.
    """
    if reading.error is not None:
        return Verdict(State.UNKNOWN, reading.error)
    values = measured(reading)
    unmeasured: Rule | None = None
    for rule, state, word in ((check.crit, State.CRIT, "crit"), (check.warn, State.WARN, "warn")):
        answer = rule.condition.met(values, otherwise=False) if rule is not None else False
        if rule is not None and answer:
            return Verdict(state, _with_problem(rule.condition.measured(values, word), values))
        if answer is None:
            unmeasured = unmeasured or rule
    if check.ok is not None:
        answer = check.ok.condition.met(values, otherwise=True)
        if answer is False:
            return Verdict(State.WARN, _with_problem(check.ok.condition.measured(values), values))
        if answer is None:
            unmeasured = unmeasured or check.ok
    if unmeasured is not None:
        return Verdict(State.UNKNOWN, _with_problem(unmeasured.condition.measured(values), values))
    return Verdict(State.OK, _fine(check, values))


def measured(reading: Reading) -> Mapping[str, Value]:
    """The values that conditions see: those of the probe, and `latency` where the probe does not give its own."""
    return reading.values if "latency" in reading.values else {**reading.values, "latency": reading.latency_s}


def brief(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values as they are kept with a flip: texts cut to 400 characters."""
    return {name: value[:TEXT_LIMIT] if isinstance(value, str) else value for name, value in values.items()}


def _with_problem(phrase: str, values: Mapping[str, Value]) -> str:
    """The probe's own sentence, where it has one, then the measured number."""
    problem = values.get("problem")
    return f"{problem.rstrip('.')[:TEXT_LIMIT]}; {phrase}" if isinstance(problem, str) and problem else phrase


def _fine(check: Check, values: Mapping[str, Value]) -> str:
    told = values.get("told")  # whose word it is, where nobody was asked
    by = f"{told[:TEXT_LIMIT]}; " if isinstance(told, str) and told else ""
    for rule, word in ((check.ok, "limit"), (check.warn, "warn"), (check.crit, "crit")):
        if rule is not None:
            return by + rule.condition.measured(values, word)
    return "answered"
