"""Tasks as a page: what is due, what is open, what was ended; and the forms to add, tick, take and drop one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.log.due import read_due
from watchkeeper.core.times import format_duration, parse_duration, zone_of
from watchkeeper.faces.web import marks, pages
from watchkeeper.services.log.tasks import Seen


@dataclass(frozen=True, slots=True)
class Row:
    """One task. day: when it is due, or was ended; css: of the rule beside it; waits: what its check says."""

    task: Task
    day: str
    css: str
    words: str
    waits: str
    asks: bool


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    app = application()
    base = pages.shared(app, "tasks")
    mine = actor.name if request.GET.get("mine") == "1" else ""
    rows = [row(each, base["now_at"], base["zone"]) for each in app.tasks.listed(mine)]
    ended = [row(each, base["now_at"], base["zone"]) for each in app.tasks.listed(mine, ended=True)[:30]]
    due = [each for each in rows if each.css]
    context = {
        "due": due, "open_tasks": [each for each in rows if not each.css], "ended": ended, "mine": mine, "count": len(rows),
        "checks": sorted({key.partition("@")[0] for key in app.holder.current.checks}), "actor": actor,
    }  # fmt: skip
    return pages.render(request, "tasks.html", base | context)


def row(seen: Seen, now: float, zone: tzinfo) -> Row:
    """A task as the page shows it."""
    task = seen.task
    at = task.done_at if task.done_at is not None else task.due_at
    moment = marks.local(at, zone) if at is not None else None
    overdue = task.done_at is None and task.due_at is not None and task.due_at <= now
    return Row(
        task, f"{moment:%a} {moment.day} {moment:%b}" if moment else "no date", "warn" if overdue else "",
        seen.due, _waits(seen), task.source.startswith("change:"),
    )  # fmt: skip


def _waits(seen: Seen) -> str:
    """``shop/web is OK for 3 h, done after 48 h``."""
    task, bound = seen.task, seen.bound
    if not task.bound_to or task.done_at is not None:
        return ""
    if bound is None:
        return f"{task.bound_to} was not asked yet"
    said = f"{task.bound_to} is {bound.state}" + (f" for {format_duration(bound.ok_s)}" if bound.ok_s else "")
    return said + (f", done after {format_duration(task.stays_s)}" if task.stays_s else "")


def due_now(app: Application) -> tuple[int, tuple[Task, ...]]:
    """(how many are open, those that are due) for the bridge."""
    return app.tasks.glance()


# ---- what people do --------------------------------------------------------------------------------------------------------


def index(request: HttpRequest) -> HttpResponse:
    """GET: the page; POST: add one."""
    return add(request) if request.method == "POST" else whole(request)


@pages.act
def add(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST text; owner, due, check and stays where given."""
    app, form = application(), request.POST
    stays = form.get("stays", "").strip()[:20]
    made = app.tasks.add(
        actor, form.get("text", "")[:2000], form.get("owner", "")[:200], _due(app, form.get("due", "")),
        form.get("check", "")[:200], _length(stays) if stays else None,
    )  # fmt: skip
    return pages.go(f"/tasks#t{made.id}")


def _due(app: Application, text: str) -> float | None:
    if not text.strip():
        return None
    found = read_due(text[:200], app.clock(), zone_of(app.holder.current.team.timezone))
    if found is None:
        raise Usage(f"'{text[:40]}' is no date.", "Write 2026-12-01, 48h, tomorrow, or next monday.")
    return found


def _length(text: str) -> float:
    found = parse_duration(text)
    if not found:
        raise Usage(f"'{text[:20]}' is no length.", "Write 48h or 2d.")
    return found


@pages.act
def done(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: tick it; undo=1 takes the tick back."""
    application().tasks.done(number, actor, request.POST.get("undo") != "1")
    return pages.go(f"/tasks#t{number}")


@pages.act
def drop(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST why."""
    application().tasks.drop(number, actor, request.POST.get("why", "")[:300])
    return pages.go("/tasks")


@pages.act
def assign(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST owner; the caller's when empty."""
    application().tasks.assign(number, actor, request.POST.get("owner", "")[:80])
    return pages.go(f"/tasks#t{number}")


@pages.act
def due(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST due."""
    app = application()
    app.tasks.due(number, actor, _due(app, request.POST.get("due", "")))
    return pages.go(f"/tasks#t{number}")
