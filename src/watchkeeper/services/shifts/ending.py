"""The end of a shift: gathers what happened in its time and writes the hand-over, in one transaction."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Entry
from watchkeeper.core.shifts.counters import counted
from watchkeeper.core.shifts.evidence import notes_digest
from watchkeeper.core.shifts.handover import TYPE, Material
from watchkeeper.core.shifts.handover import hand_over as written
from watchkeeper.core.shifts.values import Shift
from watchkeeper.core.times import zone_of
from watchkeeper.services.log.tasks import worked
from watchkeeper.services.ports import Session


def hand_over(
    session: Session, inventory: Inventory, shift: Shift, to: str, said: str, now: float, by: str
) -> int:  # fmt: skip
    """End the shift, write its entry; returns the number of the shift. Work on tasks is paused, and they stay open."""
    for task in session.open_tasks():
        if task.started_at is not None and task.shift == shift.id:
            session.save_task(worked(task, now))
    ended = replace(shift, ended_at=now, handed_to=to)
    notes = session.notes(shift.id)
    material = Material(
        ended, notes, counted(ended, notes, inventory.team.shift.remind_s, now), notes_digest(notes), to,
        said if by == shift.person else f"Ended by {by}. {said}".strip(),
        runs=[run for run in session.runs_between(shift.started_at, now) if run.started_at is not None],
        incidents=_incidents(session, shift, now),
        changes=[each for each in session.changes(shift.started_at, now) if each.kind not in ("log", "run")][::-1],
        entries=[each for each in session.entries_between(shift.started_at, now) if _is_news(each)],
        tasks_done=session.tasks_ended(shift.started_at, now),
        tasks_open=session.open_tasks(200),
        windows=[each for each in session.open_windows() if each.starts_at <= now + 86400.0],
        blockers=session.open_blockers(),
        waiting=sum(1 for each in session.approvals(pending=True) if each.expires_at > now),
    )  # fmt: skip
    entry = session.append_entry(written(material, now, zone_of(inventory.team.timezone)))
    session.save_shift(replace(ended, entry=entry.number, digest=material.digest))
    return shift.id


def _incidents(session: Session, shift: Shift, now: float) -> list[Incident]:
    found = session.incidents_between(shift.started_at, now)
    return [each for each in found if each.status is not Status.MERGED]


def _is_news(entry: Entry) -> bool:
    """What a person or a run wrote; other hand-overs and the entries of incidents are told elsewhere."""
    return entry.draft.type not in (TYPE, "Incident", "Runbook")
