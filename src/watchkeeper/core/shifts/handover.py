"""The hand-over of a shift as one entry of the operations log: what was done, is in the way, is open, and is next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from watchkeeper.core.changes import Change
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.log.markdown import inline
from watchkeeper.core.log.tasks import task_line
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.runs.values import Run
from watchkeeper.core.shifts.counters import Counters
from watchkeeper.core.shifts.values import Note, Shift
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.core.windows import Window

TYPE = "Hand-over"
MOST = 60
"""Lines of one list; what is beyond is counted."""
_MARKS = {"ok": "[x]", "signed": "[x]", "failed": "[ ] FAILED", "missing": "[ ] MISSING", "open": "[ ] not answered"}


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a hand-over is written from. blockers: those that are not over, of earlier shifts too.

    entries, runs, incidents, changes, tasks_done: of the time of the shift. said: the last words of who ends it.
    """

    shift: Shift
    notes: Sequence[Note]
    counters: Counters
    digest: str
    to: str = ""
    said: str = ""
    runs: Sequence[Run] = ()
    incidents: Sequence[Incident] = ()
    changes: Sequence[Change] = ()
    entries: Sequence[Entry] = ()
    tasks_done: Sequence[Task] = ()
    tasks_open: Sequence[Task] = ()
    windows: Sequence[Window] = ()
    blockers: Sequence[Note] = ()
    waiting: int = 0


def hand_over(material: Material, now: float, zone: tzinfo) -> Draft:
    """The entry. Its digest binds the notes of the shift with their evidence."""
    shift = material.shift
    names = f"{shift.person} to {material.to}" if material.to else f"{shift.person} to whoever comes next"
    sections = (
        ("Change", _done(material, zone)),
        ("Problem", _lines(_blocker(note, zone) for note in material.blockers)),
        ("Verification", _checklist(shift)),
        ("Results", _results(material)),
        ("Follow-up Actions", _open(material, now)),
        ("Next Steps", _next(material)),
    )
    begin = datetime.fromtimestamp(shift.started_at, zone)
    end = datetime.fromtimestamp(now, zone)
    return Draft(
        at=now,
        type=TYPE,
        title=f"Hand-over of shift {shift.id}: {names}",
        actor=shift.person,
        status="Complete",
        sections=tuple((heading, text) for heading, text in sections if text),
        facts={
            "shift": shift.id, "person": shift.person, "to": material.to, "notes": len(material.notes),
            "notes_digest": material.digest, "duration_s": round(now - shift.started_at, 3),
        },
        fields=(
            ("Handed off to", material.to or "whoever comes next"),
            ("Duration", f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M}, {format_duration(now - shift.started_at)}"),
        ),
    )  # fmt: skip


def accepted(shift: Shift, by: str, now: float) -> Draft:
    """The entry that somebody has taken a hand-over."""
    return Draft(
        now, TYPE, f"{by} accepted the hand-over of {shift.person} (shift {shift.id})", by,
        sections=(("Change", f"{by} has what {shift.person} handed over at {utc_words(shift.ended_at)}."),),
        facts={"shift": shift.id, "person": shift.person, "to": by}, thread=shift.entry,
    )  # fmt: skip


def _done(material: Material, zone: tzinfo) -> str:
    told = [note for note in material.notes if note.kind in ("progress", "note")]
    ended = [
        task for task in material.tasks_done if not any(note.text.startswith(f"Task {task.id} done") for note in told)
    ]
    return _lines([
        *([material.said] if material.said else []),
        *(_note(note, zone) for note in told),
        *(f"Task {task.id}, {_ended(task)}: {task.text}" for task in ended),
        *(f"Run {run.id} of {inline(run.plan.runbook)}: {run.state.value}, by {run.actor}" for run in material.runs),
        *(_incident(each) for each in material.incidents),
        *(f"{each.kind.capitalize()}: {inline(each.title)}, by {each.actor}" for each in material.changes),
        *(f"Log entry {each.number}: {inline(each.draft.title)}, by {each.draft.actor}" for each in material.entries),
    ]) or "Nothing was reported and nothing happened."  # fmt: skip


def _note(note: Note, zone: tzinfo) -> str:
    proof = f" (evidence {note.evidence_digest[:12]})" if note.evidence_digest else ""
    return f"{datetime.fromtimestamp(note.at, zone):%H:%M} {note.text}{proof}"


def _blocker(note: Note, zone: tzinfo) -> str:
    return f"since {datetime.fromtimestamp(note.at, zone):%a %H:%M}, {note.actor}: {note.text}"


def _ended(task: Task) -> str:
    took = f" in {format_duration(task.worked_s)}" if task.worked_s else ""
    planned = f" (estimated {format_duration(task.estimate_s)})" if task.estimate_s else ""
    return f"{task.outcome or 'done'}{took}{planned}"


def _incident(incident: Incident) -> str:
    how = "open" if incident.status is Status.OPEN else f"{incident.status.value}, {incident.ending or 'no ending'}"
    return f"Incident {incident.id} ({incident.severity}) {inline(incident.title)}: {how}"


def _checklist(shift: Shift) -> str:
    lines = [
        f"- {_MARKS[item.state]} {item.name}: {inline(item.text) if item.text else 'no answer'} "
        f"({format_duration(item.used_s)} of {format_duration(item.budget_s)})"
        for item in shift.items
    ]
    if not lines:
        return ""
    signed = f"Signed off by {shift.person} at {utc_words(shift.signed_at)}." if shift.signed_at else "Not signed off."
    return "\n".join([*lines, "", signed])


def _results(material: Material) -> str:
    found = material.counters
    rows = (
        ("Reports", f"{found.reports}"),
        (
            "Longest silence",
            format_duration(found.longest_silence_s) + ("" if found.in_time else ", longer than the rule"),
        ),
        ("Reports with evidence", f"{found.with_evidence} of {found.reports}"),
        ("Checklist", f"{found.answered} of {found.items} answered, {found.failed} failed or missing"),
        ("Time for the checklist", f"{format_duration(found.used_s)} of {format_duration(found.budget_s)}"),
        ("Asked for a report", f"{found.reminders} times" if found.reminders else "never"),
        ("Digest of the notes", f"`{material.digest}`"),
    )
    return "\n".join(["| What | Figure |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _open(material: Material, now: float) -> str:
    still = [each for each in material.incidents if each.status is Status.OPEN]
    waits = [f"{material.waiting} steps wait for a decision" if material.waiting > 1 else "1 step waits for a decision"]
    items = [
        *(f"incident {each.id} ({each.severity}): {each.title}" for each in still),
        *(waits if material.waiting else []),
        *(task_line(task, now) for task in material.tasks_open),
        *(f"{each.kind} {each.id} until {utc_words(each.ends_at)}: {each.why}" for each in material.windows),
    ]
    return _lines(items, "- [ ] ")


def _next(material: Material) -> str:
    told = [note.text for note in material.notes if note.kind == "next"]
    ready = [f"ready for {each}" for each in material.shift.ready_for]
    return _lines([*told[-10:], *ready])


def _lines(items: Iterable[str], mark: str = "- ") -> str:
    """A list, each item on one line, bounded."""
    flat = [" ".join(each.split()) for each in items]
    more = [f"- and {len(flat) - MOST} more"] if len(flat) > MOST else []
    return "\n".join([*(f"{mark}{each}" for each in flat[:MOST]), *more])
