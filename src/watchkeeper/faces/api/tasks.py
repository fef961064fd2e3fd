"""Tasks: follow-ups of entries, incidents and shifts. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.errors import Usage
from watchkeeper.core.log.due import read_due
from watchkeeper.core.times import utc_text, zone_of
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json
from watchkeeper.services.log.tasks import Seen

router = Router()


class NewTask(Schema):
    """Something to do. due: a date, a length, or words such as ``next monday``. check, stays_s: see `wk task add`."""

    text: str
    owner: str = ""
    due: str = ""
    check: str = ""
    stays_s: float | None = None
    entry: int | None = None
    estimate_s: float | None = None


class TaskDone(Schema):
    """Whether it is done. entry: the one that tells how it ended."""

    done: bool = True
    entry: int | None = None


class Dropped(Schema):
    """Why nobody will do it."""

    why: str = ""


class NewOwner(Schema):
    """Whose it is; the caller's when empty."""

    owner: str = ""


class NewDue(Schema):
    """When it is due; never when empty."""

    due: str = ""


class Binding(Schema):
    """The check that is shown with it; none when empty. stays_s: done once that check stayed OK for so long."""

    check: str = ""
    stays_s: float | None = None


@router.get("/tasks")
def tasks(
    request: HttpRequest, mine: bool = False, owner: str = "", due: bool = False, ended: bool = False, entry: int | None = None
) -> dict[str, Any]:  # fmt: skip
    """What is open, due first. mine: the caller's. ended: what was ended in the last 30 days instead."""
    actor = actor_of(request)
    app = application()
    found = app.tasks.listed(actor.name if mine else owner, due, ended, entry)
    return {"tasks": [seen_json(app, each) for each in found]}


@router.post("/tasks")
def add_task(request: HttpRequest, body: NewTask) -> dict[str, Any]:
    app = application()
    due_at = due_of(app, body.due)
    made = app.tasks.add(
        actor_of(request),
        body.text,
        body.owner,
        due_at,
        body.check,
        body.stays_s,
        body.entry,
        estimate_s=body.estimate_s,
    )
    return {"task": seen_json(app, app.tasks.get(made.id))}


@router.get("/tasks/{number}")
def task(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    app = application()
    return {"task": seen_json(app, app.tasks.get(number))}


@router.get("/tasks/{number}/draft")
def draft(request: HttpRequest, number: int) -> dict[str, Any]:
    """The entry that would tell of it, for `wk task log`."""
    actor_of(request)
    return {"draft": to_json(application().unlogged.prefilled(number))}


@router.post("/tasks/{number}/done")
def done(request: HttpRequest, number: int, body: TaskDone) -> dict[str, Any]:
    app = application()
    app.tasks.done(number, actor_of(request), body.done, body.entry)
    return {"task": seen_json(app, app.tasks.get(number))}


@router.post("/tasks/{number}/drop")
def drop(request: HttpRequest, number: int, body: Dropped) -> dict[str, Any]:
    app = application()
    app.tasks.drop(number, actor_of(request), body.why)
    return {"task": seen_json(app, app.tasks.get(number))}


@router.post("/tasks/{number}/assign")
def assign(request: HttpRequest, number: int, body: NewOwner) -> dict[str, Any]:
    app = application()
    app.tasks.assign(number, actor_of(request), body.owner)
    return {"task": seen_json(app, app.tasks.get(number))}


@router.post("/tasks/{number}/due")
def due(request: HttpRequest, number: int, body: NewDue) -> dict[str, Any]:
    app = application()
    app.tasks.due(number, actor_of(request), due_of(app, body.due))
    return {"task": seen_json(app, app.tasks.get(number))}


@router.post("/tasks/{number}/check")
def bind(request: HttpRequest, number: int, body: Binding) -> dict[str, Any]:
    app = application()
    app.tasks.bind(number, actor_of(request), body.check, body.stays_s)
    return {"task": seen_json(app, app.tasks.get(number))}


def glance_json() -> dict[str, Any]:
    """How many tasks are open, and those that are due: for `wk status`."""
    app = application()
    count, due = app.tasks.glance()
    return {
        "open": count,
        "due": [
            {"id": each.id, "text": each.text, "owner": each.owner, "due_at": utc_text(each.due_at)}
            for each in due[:20]
        ],
        "due_count": len(due),
    }


def due_of(app: Application, text: str) -> float | None:
    """The moment that a person means; None for an empty text. Raises `Usage`."""
    if not text.strip():
        return None
    found = read_due(text[:200], app.clock(), zone_of(app.holder.current.team.timezone))
    if found is None:
        raise Usage(f"{text[:40]!r} is no date.", "Write 2026-12-01, 2026-12-01T09:00, 48h, tomorrow, or next monday.")
    return found


def seen_json(app: Application, seen: Seen) -> dict[str, Any]:
    """A task as JSON: its own fields, what its check says, and whether its time has come."""
    task, now = seen.task, app.clock()
    return {
        "id": task.id,
        "text": task.text,
        "owner": task.owner,
        "state": (task.outcome or "done") if task.done_at is not None else "open",
        "due_at": utc_text(task.due_at),
        "due": seen.due,
        "overdue": task.done_at is None and task.due_at is not None and task.due_at <= now,
        "incident": task.incident or None,
        "entry": task.entry,
        "shift": task.shift,
        "asks_to_log": task.source.startswith("change:"),
        "check": task.bound_to,
        "check_state": seen.bound.state.value if seen.bound else None,
        "check_reason": seen.bound.reason if seen.bound else "",
        "ok_s": round(seen.bound.ok_s, 1) if seen.bound else None,
        "stays_s": task.stays_s,
        "created_at": utc_text(task.created_at),
        "created_by": task.created_by,
        "done_at": utc_text(task.done_at),
        "done_by": task.done_by,
        "why": task.why,
        "closing_entry": task.closing,
        "estimate_s": task.estimate_s,
        "started_at": utc_text(task.started_at),
        "worked_s": round(task.worked_s + (max(0.0, now - task.started_at) if task.started_at is not None else 0.0), 1),
    }
