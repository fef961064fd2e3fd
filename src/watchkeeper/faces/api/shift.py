"""Shifts: begun with a checklist, reported in, handed over. Parse, call one service, render."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.errors import Usage
from watchkeeper.core.shifts.values import NOTE_KINDS, Item, Note, NoteKind, Shift
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import entry_json
from watchkeeper.faces.api.tasks import seen_json
from watchkeeper.services.log.tasks import Seen
from watchkeeper.services.shifts import Whole

router = Router()


class NewNote(Schema):
    """A report. kind: progress, blocker, next, ready or note. evidence: its full text. shift: default the caller's own."""

    text: str = ""
    kind: str = "note"
    evidence: str = ""
    ready_for: str = ""
    shift: int | None = None


class Signature(Schema):
    """One item of the checklist, counted from 1. missing: why it is not there; text: words to it."""

    item: int
    missing: str = ""
    text: str = ""
    shift: int | None = None


class WhichShift(Schema):
    """Which shift; default the caller's own."""

    shift: int | None = None


class Standby(Schema):
    """Whether the caller stands by, why, and what for."""

    standby: bool = True
    why: str = ""
    ready_for: list[str] = []
    shift: int | None = None


class WorkOn(Schema):
    """The task that is begun: an open one by its number, or a new one by its words."""

    text: str = ""
    task: int | None = None
    estimate_s: float | None = None
    shift: int | None = None


class Finished(Schema):
    """The task that is done; default the one at work."""

    task: int | None = None


class HandOver(Schema):
    """The end. to: "" for whoever comes next. said: last words."""

    to: str = ""
    said: str = ""
    shift: int | None = None


@router.get("/shifts")
def shifts(request: HttpRequest, limit: int = 30, before: int | None = None, person: str = "") -> dict[str, Any]:
    """Newest first."""
    actor_of(request)
    return {"shifts": [shift_json(each) for each in application().shifts.listed(limit, before, person)]}


@router.post("/shifts")
def start(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    app = application()
    return {"shift": whole_json(app, app.shifts.start(actor_of(request)))}


@router.get("/shifts/current")
def current(request: HttpRequest) -> dict[str, Any]:
    """The caller's own shift, null when he has none; and the hand-over that waits for him."""
    app, actor = application(), actor_of(request)
    own, waiting = app.shifts.current(actor), app.shifts.waiting_for(actor)
    return {
        "shift": whole_json(app, app.shifts.get(own.id)) if own is not None else None,
        "waiting": shift_json(waiting) if waiting is not None else None,
    }


@router.post("/shifts/look")
def look(request: HttpRequest, body: WhichShift) -> dict[str, Any]:
    """Look at the checklist again."""
    app, actor = application(), actor_of(request)
    number = body.shift if body.shift is not None else _current(app, request)
    return {"shift": whole_json(app, app.shifts.look(number, actor))}


def _current(app: Application, request: HttpRequest) -> int:
    actor = actor_of(request)
    assert_allowed(actor, "shifts.write")
    own = app.shifts.current(actor)
    if own is None:
        raise Usage("You have no shift.", "Begin one: wk shift start.")
    return own.id


@router.post("/shifts/tick")
def tick(request: HttpRequest, body: Signature) -> dict[str, Any]:
    app = application()
    kept = app.shifts.tick(actor_of(request), body.item, body.missing, body.text, body.shift)
    return {"shift": whole_json(app, app.shifts.get(kept.id))}


@router.post("/shifts/sign")
def sign(request: HttpRequest, body: WhichShift) -> dict[str, Any]:
    app = application()
    kept = app.shifts.sign(actor_of(request), body.shift)
    return {"shift": whole_json(app, app.shifts.get(kept.id))}


@router.post("/shifts/notes")
def note(request: HttpRequest, body: NewNote) -> dict[str, Any]:
    kept = application().shifts.note(
        actor_of(request), body.text, kind_of(body.kind), body.evidence, body.ready_for, body.shift
    )
    return {"note": note_json(kept)}


def kind_of(word: str) -> NoteKind:
    """A kind of note. Raises `Usage`."""
    found = next((each for each in NOTE_KINDS if each == word), None)
    if found is None:
        raise Usage(f"There are no notes of kind {word[:40]!r}.", f"There are: {', '.join(NOTE_KINDS)}.")
    return found


@router.post("/shifts/notes/{number}/over")
def over(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    """A blocker is over."""
    return {"note": note_json(application().shifts.unblock(actor_of(request), number))}


@router.post("/shifts/standby")
def standby(request: HttpRequest, body: Standby) -> dict[str, Any]:
    app = application()
    kept = app.shifts.standby(actor_of(request), body.standby, body.why, body.ready_for, body.shift)
    return {"shift": whole_json(app, app.shifts.get(kept.id))}


@router.post("/shifts/tasks")
def begin_task(request: HttpRequest, body: WorkOn) -> dict[str, Any]:
    app = application()
    kept = app.shifts.begin_task(actor_of(request), body.text, body.task, body.estimate_s, body.shift)
    return {"task": seen_json(app, app.tasks.get(kept.id))}


@router.post("/shifts/tasks/finish")
def finish_task(request: HttpRequest, body: Finished) -> dict[str, Any]:
    app = application()
    kept = app.shifts.finish_task(actor_of(request), body.task)
    return {"task": seen_json(app, app.tasks.get(kept.id))}


@router.post("/shifts/end")
def end(request: HttpRequest, body: HandOver) -> dict[str, Any]:
    app = application()
    return {"shift": whole_json(app, app.shifts.end(actor_of(request), body.to, body.said, body.shift))}


@router.post("/shifts/accept")
def accept(request: HttpRequest, body: WhichShift) -> dict[str, Any]:
    """Take a hand-over: the one that waits for the caller, or that of `shift`."""
    return {"shift": shift_json(application().shifts.accept(actor_of(request), body.shift))}


@router.get("/shifts/evidence/{number}")
def evidence(request: HttpRequest, number: int) -> HttpResponse:
    """The full text of some evidence."""
    actor_of(request)
    found = application().shifts.evidence(number)
    answer = HttpResponse(found.text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")
    answer["X-Digest"] = f"sha256={found.digest}"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@router.get("/shifts/{number}")
def shift(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    app = application()
    return {"shift": whole_json(app, app.shifts.get(number))}


# ---- what is shown -------------------------------------------------------------------------------------------------------


def shift_json(shift: Shift) -> dict[str, Any]:
    """A shift in a list."""
    return {
        "id": shift.id,
        "person": shift.person,
        "agent": shift.agent,
        "state": "ended" if shift.ended_at is not None else shift.state,
        "ready_for": list(shift.ready_for),
        "started_at": utc_text(shift.started_at),
        "ended_at": utc_text(shift.ended_at),
        "signed_at": utc_text(shift.signed_at),
        "handed_to": shift.handed_to,
        "entry": shift.entry,
        "accepted_at": utc_text(shift.accepted_at),
        "accepted_by": shift.accepted_by,
        "previous": shift.previous,
        "reported_at": utc_text(shift.reported_at),
        "notes_digest": shift.digest,
        "checklist": [item_json(each, place) for place, each in enumerate(shift.items, 1)],
    }


def item_json(item: Item, place: int) -> dict[str, Any]:
    """An item of the checklist; evidence: the address of its full text, null when `short` is all of it."""
    return {
        "item": place,
        "name": item.name,
        "kind": item.kind,
        "state": item.state,
        "by_hand": item.by_hand,
        "text": item.text,
        "short": item.short,
        "evidence": f"/api/v1/shifts/evidence/{item.evidence}" if item.evidence is not None else None,
        "at": utc_text(item.at),
        "by": item.by,
        "used_s": item.used_s,
        "budget_s": item.budget_s,
    }


def note_json(note: Note) -> dict[str, Any]:
    """A note; evidence as in an item."""
    return {
        "id": note.id,
        "shift": note.shift,
        "at": utc_text(note.at),
        "kind": note.kind,
        "actor": note.actor,
        "text": note.text,
        "short": note.short,
        "evidence": f"/api/v1/shifts/evidence/{note.evidence}" if note.evidence is not None else None,
        "evidence_digest": note.evidence_digest,
        "over_at": utc_text(note.over_at),
    }


def whole_json(app: Application, whole: Whole) -> dict[str, Any]:
    """A shift with its notes, tasks, counters, and what was handed over to it."""
    handed = whole.handed
    return {
        **shift_json(whole.shift),
        "notes": [note_json(each) for each in whole.notes],
        "tasks": [seen_json(app, Seen(each, None, "")) for each in whole.tasks],
        "compliance": asdict(whole.counters),
        "handed_over": {
            "shift": handed.id,
            "person": handed.person,
            "accepted_at": utc_text(handed.accepted_at),
            "accepted_by": handed.accepted_by,
            "entry": entry_json(whole.entry) if whole.entry is not None else None,
        } if handed is not None else None,
    }  # fmt: skip
