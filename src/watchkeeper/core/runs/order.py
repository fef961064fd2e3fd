"""What comes next in a run, and on how many hosts at once."""

from __future__ import annotations

from typing import Final

from watchkeeper.core.runs import conditions
from watchkeeper.core.runs.captures import value_on
from watchkeeper.core.runs.values import SETTLED, PlanStep, Run, RunStep, StepState

NOT_REACHED: Final = "not reached"
"""The message of a step before which its run ended."""
READS_AT_ONCE: Final = 32
"""On how many hosts a step that only reads runs at once; one that changes goes from host to host unless `serial` says."""


def is_over(run: Run, step: RunStep) -> bool:
    """Whether the run has this step behind it: a diagnosis that failed is an answer too, a background step goes on beside."""
    if step.state in SETTLED or (step.plan.background and step.state is StepState.RUNNING):
        return True
    return step.plan.phase == "diagnose" and step.state is StepState.FAILED


def next_steps(run: Run) -> tuple[RunStep, ...]:
    """The next step on all hosts where it is not over yet, in the order of the plan; empty when nothing is left.

    Diagnose, fix, verify; a run that takes back what it did goes through its undo and then verifies again.
    """
    phases = ("diagnose", "fix", "verify") if run.undo is None else ("rollback", "verify")
    for phase in phases:
        if phase == "rollback" and any(_stopped(step) for step in run.steps):
            continue
        for step in run.steps:
            if step.plan.phase == phase and not is_over(run, step):
                return tuple(each for each in _siblings(run, step) if not is_over(run, each))
    return ()


def _stopped(step: RunStep) -> bool:
    """An undo that failed: what stands behind it is not taken back over its head."""
    return step.plan.phase == "rollback" and step.state in (StepState.FAILED, StepState.REFUSED)


def _siblings(run: Run, step: RunStep) -> list[RunStep]:
    """The same step on the other hosts: rows that stand next to it with the same id."""
    found = [step]
    for each in run.steps[step.index + 1 :]:
        if (each.plan.id, each.plan.phase, bool(each.plan.undoes)) != (
            step.plan.id,
            step.plan.phase,
            bool(step.plan.undoes),
        ):
            break
        found.append(each)
    return found


def at_once(step: PlanStep) -> int:
    """On how many hosts this step runs at the same time."""
    return step.serial or (READS_AT_ONCE if step.risk == "read" else 1)


def judged(run: Run, step: RunStep) -> tuple[bool, str]:
    """(whether its condition holds, the sentence why not) with the values as they are now.

    Raises `ConditionError` when it cannot be decided.
    """
    seen: list[str] = []

    def value_of(reference: conditions.Reference) -> str | None:
        value = _value(run, step, reference)
        seen.append(f"{reference} is {value[:80] if value is not None else 'not known'}")
        return value

    holds = conditions.holds(conditions.parse(step.plan.when), value_of)
    return holds, "" if holds else f"its condition is not met: {step.plan.when} ({', '.join(dict.fromkeys(seen))})"


def _value(run: Run, step: RunStep, reference: conditions.Reference) -> str | None:
    if reference.field:
        return _of_step(run, step, reference)
    if reference.name in run.plan.params:
        return run.plan.params[reference.name]
    captured = value_on(run.captures, reference.name, step.plan.host)
    return captured if captured is not None else run.plan.values.get(reference.name)


def _of_step(run: Run, step: RunStep, reference: conditions.Reference) -> str | None:
    """State or exit code of an earlier step: on the same host, else when it is the same wherever it ran."""
    rows = [each for each in run.steps if each.plan.id == reference.name and not each.plan.undoes]
    rows = [each for each in rows if each.plan.host == step.plan.host] or rows
    if reference.field == "state":
        found = {str(each.state) for each in rows}
    else:
        found = {str(each.exit_code) for each in rows if each.exit_code is not None}
        if any(each.exit_code is None for each in rows):
            return None
    return next(iter(found)) if len(found) == 1 else None


def hosts_not_through(run: Run) -> tuple[str, ...]:
    """Hosts on which a step of an ended run failed, is unclear, or was not reached, in the order of the plan."""
    unclear = (StepState.FAILED, StepState.REFUSED, StepState.INTERRUPTED, StepState.CANCELLED)
    found = [
        step.plan.host
        for step in run.steps
        if step.plan.phase != "rollback"
        and (step.state in unclear or (step.state is StepState.SKIPPED and step.message == NOT_REACHED))
    ]
    return tuple(dict.fromkeys(found))


def menu_of(run: Run, step: RunStep) -> list[RunStep]:
    """The other ways of the menu this step belongs to, on its host, of which none was taken yet."""
    return [
        each
        for each in run.steps
        if each.index != step.index
        and each.plan.alternatives == step.plan.alternatives
        and each.plan.host == step.plan.host
        and each.state in (StepState.PLANNED, StepState.WAITS)
        and not each.plan.undoes
    ]
