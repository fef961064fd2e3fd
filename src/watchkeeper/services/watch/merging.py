"""Merging an incident into its cause: one story, one page, and every check keeps its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.incidents.correlation import has_its_cause, merged
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.runs.values import Run, RunState, StepState
from watchkeeper.services.locks import let_incident_go
from watchkeeper.services.ports import Session

TELLING = ("opened", "escalated")
SEVERITY_COVERS = "its page had reached people with the same severity"


def merge_into(session: Session, inventory: Inventory, cause: Incident, at: float, now: float) -> list[Incident]:
    """Merge every living incident whose cause this is, since it failed at `at`. Returns them as they are now."""
    found = []
    for each in session.living_incidents():
        if each.status is Status.OPEN and has_its_cause(each, cause, at, inventory):
            found.append(_merge(session, each, cause, now))
    roots = {each.id for each in found}
    for each in session.living_incidents():
        if each.status is Status.MERGED and each.merged_into in roots:
            session.save_incident(replace(each, merged_into=cause.id))
    return found


def _merge(session: Session, child: Incident, cause: Incident, now: float) -> Incident:
    told = was_told(session, child.id)
    changed = merged(child, cause)
    session.save_incident(changed)
    name = cause.service or f"host {cause.host}"
    text = f"Incident {cause.id} ({name}) is the cause: this one is part of it now. Its checks go on."
    session.add_event(Event(0, child.id, now, "correlated", "watchkeeper", text, detail={"cause": cause.id}))
    after = "" if told else ", nobody was told of it alone"
    text = f"Incident {child.id} ({child.service}: {child.title}) is part of this one{after}."
    session.add_event(Event(0, cause.id, now, "correlated", "watchkeeper", text, detail={"incident": child.id}))
    withdraw_pages(session, child.id, cause.id, now)
    withdraw_runs(session, changed, now)
    if child.acknowledged_at is not None and session.incident(cause.id).acknowledged_at is None:
        _hand_over(session, child, cause.id, now)
    return changed


def _hand_over(session: Session, child: Incident, cause: int, now: float) -> None:
    """Who had acknowledged the part has the whole."""
    whole = session.incident(cause)
    session.save_incident(
        replace(whole, acknowledged_at=now, acknowledged_by=child.acknowledged_by, owner=whole.owner or child.owner)
    )
    text = f"Acknowledged by {child.acknowledged_by}, who has incident {child.id}."
    session.add_event(Event(0, cause, now, "acknowledged", str(child.acknowledged_by), text))


def was_told(session: Session, number: int) -> bool:
    """Whether a page about this incident reached anybody since it was opened last."""
    opened = session.incident(number).opened_at - 1.0
    return any(
        each.message.kind in TELLING
        and each.delivered_at is not None
        and each.delivered_by
        and each.created_at >= opened
        for each in session.notifications(incident=number)
    )


def covered_by(session: Session, cause: Incident, parts: Sequence[Incident]) -> Incident | None:
    """The part whose page has told people already, with no milder severity than the whole; None: the whole is told."""
    told = [each for each in parts if each.severity <= cause.severity and was_told(session, each.id)]
    return min(told, key=lambda each: (each.severity, each.id), default=None)


def withdraw_pages(session: Session, number: int, cause: int, now: float) -> None:
    """Pages of a part that nobody has got yet are not sent: the whole is told instead."""
    for each in session.notifications(incident=number, undelivered=True):
        if each.message.kind != "closed":
            session.save_notification(
                replace(each, delivered_at=now, delivered_by="", failed=False, last_error=f"told with incident {cause}")
            )


def withdraw_runs(session: Session, child: Incident, now: float) -> None:
    """Runs that have changed nothing are withdrawn: they were aimed at the wrong place. One at work ends first."""
    for run in session.runs(incident=child.id, limit=50):
        if run.state in (RunState.READY, RunState.PARKED) and run.fix_started_at is None:
            _withdraw(session, child, run, now)


def _withdraw(session: Session, child: Incident, run: Run, now: float) -> None:
    message = f"withdrawn: incident {child.merged_into} is the cause"
    for step in run.steps:
        if step.state in (StepState.PLANNED, StepState.WAITS):
            session.save_step(replace(step, state=StepState.SKIPPED, message="not needed any more"), run.fence)
    for approval in session.approvals(run=run.id, pending=True):
        session.save_approval(replace(approval, decided="expired", decided_at=now))
    session.save_run(replace(run, state=RunState.CANCELLED, ended_at=now, message=message))
    let_incident_go(session, run)
    text = f"Run {run.id}: {message}."
    session.add_event(Event(0, child.id, now, "run", "watchkeeper", text, detail={"run": run.id}))
