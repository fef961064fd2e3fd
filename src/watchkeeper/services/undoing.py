"""Undo: what a run has done is taken back in reverse order, verified again, and a person is told either way."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from watchkeeper.core.incidents.values import Event
from watchkeeper.core.runs.undoing import plan_undo, reset, sentence, told
from watchkeeper.core.runs.values import Run, RunState, StepState, Undo
from watchkeeper.services.endings import end_run
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Session
from watchkeeper.services.responses import Responder


def begin_undo(session: Session, number: int, why: str, ends: RunState, now: float) -> bool:
    """Turn a run round, in the caller's transaction; False when nothing of it can be taken back.

    From now on its rows of phase rollback are what comes next, then its verification once more. All of it is in the rows,
    so a run that is interrupted here goes on with the undo. The caller sees to it that somebody executes the run.
    ends: the state the run ends in afterwards.
    """
    run = session.run(number)
    plan = plan_undo(run)
    if run.undo is not None or not plan.rows:
        return False
    for step in reset(run):
        session.save_step(step, run.fence)
    for index in plan.rows:
        session.save_step(replace(run.steps[index], state=StepState.PLANNED, message=""), run.fence)
    session.save_run(replace(run, undo=Undo(why, now, ends), message="", ended_at=None))
    if run.incident is not None:
        names = ", ".join(f"{run.steps[index].plan.id} on {run.steps[index].plan.host}" for index in plan.rows)
        text = f"Run {number}: {why.rstrip('.')}. Taking back what it did: {names}."
        session.add_event(Event(0, run.incident, now, "run", run.actor, text, detail={"run": number}))
    return True


def end_undo(
    session: Session, responder: Responder, holder: InventoryHolder, run: Run, verified: Literal["good", "failed", "none"],
    now: float,
) -> Run:  # fmt: skip
    """End a run whose undo is over: it says what was taken back and what was not, and people are told."""
    undo = told(run, verified)
    ends = undo.ends
    if ends is RunState.UNPROVEN and undo.left:
        ends = RunState.FAILED  # something of this run is still in place: no other runbook acts on top of it
    session.save_run(replace(session.run(run.id), undo=undo))
    return end_run(session, responder, holder, run.id, ends, sentence(undo), now)
