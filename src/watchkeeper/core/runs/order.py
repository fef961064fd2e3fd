"""What comes next in a run, and on how many hosts at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from watchkeeper.core.runs import conditions
from watchkeeper.core.runs.captures import value_on
from watchkeeper.core.runs.values import SETTLED, PlanStep, Run, RunStep, StepState

NOT_REACHED: Final = "not reached"
"""The message of a step before which its run ended."""
READS_AT_ONCE: Final = 32
"""On how many hosts a step that only reads runs at once; one that changes goes from host to host unless `serial` says."""
DIAGNOSIS_HOLDS_S: Final = 1.5
"""How long a diagnosis that only reads holds up the fix, unless its runbook says `wait` or uses what it finds."""


def is_over(run: Run, step: RunStep) -> bool:
    """Whether the run has this step behind it: a diagnosis that failed is an answer too, a background step goes on beside."""
    if step.state in SETTLED or (step.plan.background and step.state is StepState.RUNNING):
        return True
    return step.plan.phase == "diagnose" and step.state is StepState.FAILED


def next_steps(run: Run, beside: Collection[int] = ()) -> tuple[RunStep, ...]:
    """The next step on all hosts where it is not over yet, in the order of the plan; empty when nothing is left.

    Diagnose, fix, verify; a run that takes back what it did goes through its undo and then verifies again.
    beside: indexes of the steps that go on beside it.
    """

    def left(step: RunStep) -> bool:
        return step.index not in beside and not is_over(run, step)

    phases = ("diagnose", "fix", "verify") if run.undo is None else ("rollback", "verify")
    for phase in phases:
        if phase == "rollback" and any(_stopped(step) for step in run.steps):
            continue
        for step in run.steps:
            if step.plan.phase == phase and left(step):
                return tuple(each for each in _siblings(run, step) if left(each))
    return ()


def diagnoses(run: Run, at_work: Collection[int] = ()) -> tuple[RunStep, ...]:
    """The diagnosis steps that may start now, beside each other: they only read, and need nothing of one that is not over.

    A run that a person started by hand goes in the order of its document. What may change something, what waits for a
    choice and what goes from host to host (`serial`) keeps its place: nothing behind it starts before it.
    at_work: indexes of those that were started already.
    """
    if run.mode == "manual" or run.undo is not None:
        return ()
    found: list[RunStep] = []
    for step in run.steps:
        if step.plan.phase != "diagnose" or is_over(run, step) or step.index in at_work:
            continue
        if not _only_reads(step):
            break
        if not any(step.index != need and not is_over(run, run.steps[need]) for need in needs_of(run, step)):
            found.append(step)
    return tuple(found)


def _only_reads(step: RunStep) -> bool:
    plan = step.plan
    alone = plan.manual or plan.background or plan.alternatives or plan.serial or plan.approve or plan.missing
    return plan.risk == "read" and not alone


def needs_of(run: Run, step: RunStep) -> frozenset[int]:
    """Indexes of the steps whose output, state or exit code this step uses, on whatever host."""
    names, steps = set(step.plan.needs), set[str]()
    for reference in conditions.references(conditions.parse(step.plan.when)) if step.plan.when else ():
        (steps if reference.field else names).add(reference.name)
    return frozenset(
        each.index
        for each in run.steps
        if not each.plan.undoes and (each.plan.id in steps or (each.plan.capture and each.plan.capture in names))
    )


def held_for(run: Run) -> frozenset[int]:
    """Indexes of the diagnosis steps that a fix has to wait for, however long: `wait` says so, or another step uses them."""
    asked = {step.index for step in run.steps if step.plan.wait}
    used = {need for step in run.steps for need in needs_of(run, step)}
    return frozenset(index for index in asked | used if run.steps[index].plan.phase == "diagnose")


def has_fix(run: Run) -> bool:
    """Whether there is anything that a diagnosis could hold up."""
    return any(step.plan.phase == "fix" for step in run.steps)


def is_diagnosed(run: Run) -> bool:
    """Whether it has its diagnosis behind it, with all that goes on beside the fix."""
    return all(is_over(run, step) for step in run.steps if step.plan.phase == "diagnose")


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
