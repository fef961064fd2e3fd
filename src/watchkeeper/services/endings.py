"""How a run ends, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.incidents.values import Event, Status
from watchkeeper.core.log.drafts import run_entry
from watchkeeper.core.runs.order import NOT_REACHED
from watchkeeper.core.runs.undoing import sentence, told
from watchkeeper.core.runs.values import ENDED, Run, RunState, StepState
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.locks import let_incident_go
from watchkeeper.services.ports import Session
from watchkeeper.services.quarantine import note_end
from watchkeeper.services.responses import Responder, escalate


def end_run(
    session: Session,
    responder: Responder,
    holder: InventoryHolder,
    number: int,
    state: RunState,
    message: str,
    now: float,
) -> Run:
    """End a run in the caller's transaction: log a manual one, let the next response act, or escalate.

    A run that was ended meanwhile (its incident closed, a person cancelled it) stays as it ended.
    """
    run = session.run(number)
    if run.state in ENDED:
        return run
    if run.undo is not None and not run.undo.verified:  # a person or the time stopped it half way
        undo = told(run, "none")
        message = f"{message}; {sentence(undo)}"
        run = replace(run, undo=undo)
    ended = replace(run, state=state, ended_at=now, message=message)
    let_incident_go(session, run)
    for step in run.steps:
        if step.state in (StepState.PLANNED, StepState.WAITS) and state is not RunState.PROVEN:
            session.save_step(replace(step, state=StepState.SKIPPED, message=NOT_REACHED), run.fence)
    if run.incident is None:
        entry = session.append_entry(run_entry(ended))
        ended = replace(ended, entry=entry.number)
        session.save_run(ended)
        return ended
    session.save_run(ended)
    note_end(session, ended, now)
    session.add_event(
        Event(0, run.incident, now, "run", run.actor, f"Run {number}: {message}.", detail={"run": number})
    )
    incident = session.incident(run.incident)
    if incident.status is not Status.OPEN:
        return ended  # a person had it undone afterwards, and knows
    if run.undo is not None and state in (RunState.UNPROVEN, RunState.FAILED):
        # whoever was called before, for the undo that waited, is told how it ended
        session.save_incident(replace(incident, escalated_at=None))
        escalate(session, holder.current, incident.id, now, message)
    if state is RunState.UNPROVEN:
        responder.respond(session, incident, now)
    elif state in (RunState.FAILED, RunState.DONE):
        escalate(session, holder.current, incident.id, now, message)
    return ended
