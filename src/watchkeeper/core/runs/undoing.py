"""Taking back what a run did: which rows run, which do not, and what is said about it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from watchkeeper.core.runs.values import Run, RunStep, StepState, Undo

NOT_NEEDED = "not needed: nothing it takes back was done"
BEFORE = "before the undo: "


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """rows: indexes of the steps that take back, in their order. idle: index -> why the others of that phase do not run."""

    rows: tuple[int, ...] = ()
    idle: Mapping[int, str] = field(default_factory=dict)


def plan_undo(run: Run) -> UndoPlan:
    """What would take back what this run has changed so far.

    Completed changing steps that name an undo, the last one first. When none of them names one, the document's own
    rollback phase, as far as something was started at all. No rows: nothing can be taken back.
    """
    done = {step.index for step in completed(run)}
    named = [step for step in run.steps if done & set(step.plan.undoes)]
    own = [step for step in run.steps if step.plan.phase == "rollback" and not step.plan.undoes]
    if named:
        rows, why = named, "not run: each step that was done names its own undo"
    elif own and any(_begun(step) for step in run.steps):
        rows, why = own, NOT_NEEDED
    else:
        rows, why = [], NOT_NEEDED
    indexes = tuple(step.index for step in rows)
    rest = [step for step in run.steps if step.plan.phase == "rollback" and step.index not in indexes]
    return UndoPlan(indexes, {step.index: NOT_NEEDED if step.plan.undoes else why for step in rest})


def completed(run: Run) -> list[RunStep]:
    """Changing steps of the run that were done; what it takes back is no such step. A background step that began counts."""
    return [
        step
        for step in run.steps
        if step.plan.risk != "read"
        and step.plan.phase != "rollback"
        and (step.state is StepState.DONE or (step.plan.background and step.sent))
    ]


def _begun(step: RunStep) -> bool:
    """Whether a changing step may have changed something."""
    changing = step.plan.risk != "read" and step.plan.phase != "rollback"
    return changing and (step.state is StepState.DONE or (step.attempt > 0 and step.sent))


def reset(run: Run) -> list[RunStep]:
    """The rows that change when an undo begins: what takes back is planned, what verifies is planned again.

    What was not reached stays planned and is skipped at the end; the result of the first verification stays readable in
    its message, and its output under its attempt.
    """
    plan = plan_undo(run)
    changed = []
    for step in run.steps:
        if step.index in plan.idle and step.state is not StepState.SKIPPED:
            changed.append(replace(step, state=StepState.SKIPPED, message=plan.idle[step.index]))
        elif step.plan.phase == "verify" and step.state in (StepState.DONE, StepState.FAILED):
            said = f"{step.state}" + (f", {step.message}" if step.message else "")
            changed.append(replace(step, state=StepState.PLANNED, message=BEFORE + said, decided_by="", exit_code=None))
    return changed


def told(run: Run, verified: Literal["good", "failed", "none"]) -> Undo:
    """The undo as it ended: which steps were taken back, and which were not and why."""
    assert run.undo is not None
    undone: list[str] = []
    left: list[str] = []
    rows = [step for step in run.steps if step.plan.phase == "rollback"]
    for step in reversed(completed(run)):
        name = f"{step.plan.id} on {step.plan.host}"
        row = next((each for each in rows if step.index in each.plan.undoes), None)
        if row is None:
            by_phase = [each for each in rows if not each.plan.undoes and each.attempt]
            left += [] if by_phase else [f"{name} (it names no undo)"]
        elif row.state is StepState.DONE:
            undone.append(f"{name} by {row.plan.id}")
        else:
            left.append(f"{name} ({row.plan.id} {_how(row)})")
    for row in rows:
        if not row.plan.undoes and row.state is StepState.DONE:
            undone.append(f"rollback step {row.plan.id} on {row.plan.host} was run")
        elif not row.plan.undoes and row.state in (
            StepState.FAILED,
            StepState.REFUSED,
            StepState.PLANNED,
            StepState.WAITS,
        ):
            left.append(f"rollback step {row.plan.id} on {row.plan.host} ({_how(row)})")
    for step in run.steps:
        if step.plan.phase == "fix" and step.state in (StepState.FAILED, StepState.INTERRUPTED) and step.attempt:
            left.append(f"{step.plan.id} on {step.plan.host} (it {step.state}, and may have partly run)")
    return replace(run.undo, verified=verified, undone=tuple(undone), left=tuple(left))


def _how(row: RunStep) -> str:
    if row.state in (StepState.PLANNED, StepState.WAITS):
        return "did not run"
    return f"{row.state}: {row.message}" if row.message else str(row.state)


def sentence(undo: Undo) -> str:
    """What is said when it is over, to whoever is called: why, what was taken back, what was not, and what holds now."""
    parts = [undo.why.rstrip(".")]
    parts.append(f"undone: {', '.join(undo.undone)}" if undo.undone else "nothing was undone")
    if undo.left:
        parts.append(f"not undone: {', '.join(undo.left)}")
    words = {"good": "the verification after it is good", "failed": "the verification after it failed",
             "none": "there is no verification after it", "": "it is not over"}  # fmt: skip
    return "; ".join([*parts, words[undo.verified]])
