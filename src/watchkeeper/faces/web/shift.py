"""Shifts as pages: who has the watch, the checklist, the reports, the hand-over; and the forms for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.shifts.values import NOTE_KINDS, Item, Note, Shift
from watchkeeper.core.times import format_duration, parse_duration
from watchkeeper.faces.web import marks, pages
from watchkeeper.services.shifts import Whole

PAGE = 30
_CSS = {"ok": "ok", "signed": "ok", "failed": "crit", "missing": "warn", "open": ""}
_MARKS = {"ok": "done", "signed": "done", "failed": "failed", "missing": "lost", "open": "wait"}


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item of the checklist as the page shows it."""

    item: Item
    place: int
    css: str
    mark: str
    took: str


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One shift in a list. day: of its beginning."""

    shift: Shift
    day: str
    took: str


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Who has the watch now, what was before, and the way into one's own."""
    app = application()
    base = pages.shared(app, "shifts")
    before = request.GET.get("before", "")
    listed = app.shifts.listed(PAGE, int(before) if before.isdigit() and len(before) < 12 else None)
    own = app.shifts.current(actor)
    waiting = app.shifts.waiting_for(actor)
    rows = [_row(each, base) for each in listed]
    context = {
        "own": own, "waiting": waiting, "now_rows": [_row(each, base) for each in app.shifts.opened()],
        "ended": [each for each in rows if each.shift.ended_at is not None], "actor": actor,
        "more": listed[-1].id if len(listed) == PAGE else None,
    }  # fmt: skip
    return pages.render(request, "shifts.html", base | context)


def _row(shift: Shift, base: dict[str, Any]) -> ShiftRow:
    moment = marks.local(shift.started_at, base["zone"])
    end = shift.ended_at if shift.ended_at is not None else base["now_at"]
    return ShiftRow(shift, f"{moment:%a} {moment.day} {moment:%b}", format_duration(max(0.0, end - shift.started_at)))


@pages.page
def one(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """One shift: to work in when it is one's own and open, to read else."""
    app = application()
    base = pages.shared(app, "shifts")
    found: Whole = app.shifts.get(number)
    shift = found.shift
    own = shift.ended_at is None and shift.person == actor.name
    rows = [_item(each, place) for place, each in enumerate(shift.items, 1)]
    left = [each for each in rows if each.item.state == "open"]
    bad = [each for each in rows if each.item.state in ("failed", "missing")]
    context = {
        "shift": shift, "row": _row(shift, base), "items": rows, "left": left, "bad": bad, "own": own,
        "counters": found.counters, "notes": list(reversed(found.notes)), "tasks": found.tasks, "handed": found.handed,
        "entry": found.entry,
        "at_work": [each for each in found.tasks if each.started_at is not None and each.done_at is None],
        "may_accept": shift.ended_at is not None and shift.accepted_at is None and shift.handed_to in ("", actor.name),
        "kinds": [each for each in NOTE_KINDS if each != "ready"], "blockers": [each for each in found.notes if _blocks(each)],
    }  # fmt: skip
    return pages.render(request, "shift.html", base | context)


def _blocks(note: Note) -> bool:
    return note.kind == "blocker" and note.over_at is None


def _item(item: Item, place: int) -> ItemRow:
    waits = item.state == "open"
    budget = format_duration(item.budget_s)
    took = f"{budget} planned" if waits or item.at is None else f"{format_duration(item.used_s)} of {budget}"
    return ItemRow(item, place, _CSS[item.state], _MARKS[item.state], took)


@pages.page
def evidence(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """The full text of some evidence, as text."""
    found = application().shifts.evidence(number)
    answer = HttpResponse(found.text.encode("utf-8", "replace"), content_type="text/plain; charset=utf-8")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


# ---- what people do --------------------------------------------------------------------------------------------------------


def index(request: HttpRequest) -> HttpResponse:
    """GET: the page; POST: begin a shift."""
    return start(request) if request.method == "POST" else whole(request)


@pages.act
def start(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST: begin."""
    return pages.go(f"/shifts/{application().shifts.start(actor).shift.id}")


@pages.act
def look(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: look at the checklist again."""
    application().shifts.look(number, actor)
    return pages.go(f"/shifts/{number}#checklist")


@pages.act
def tick(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST item, and why when it is missing."""
    place, why = request.POST.get("item", ""), request.POST.get("missing", "")[:300]
    application().shifts.tick(actor, int(place) if place.isdigit() and len(place) < 4 else 0, why, number=number)
    return pages.go(f"/shifts/{number}#i{place if place.isdigit() else ''}")


@pages.act
def sign(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: sign the checklist off."""
    application().shifts.sign(actor, number)
    return pages.go(f"/shifts/{number}#checklist")


@pages.act
def accept(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: take the hand-over of this shift."""
    shifts = application().shifts
    shifts.accept(actor, number)
    own = shifts.current(actor)
    return pages.go(f"/shifts/{own.id if own is not None else number}")


@pages.act
def note(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST text, kind; evidence and ready_for where given."""
    form = request.POST
    kind = next((each for each in NOTE_KINDS if each == form.get("kind", "")), None)
    if kind is None:
        raise Usage("The form does not say what kind of note it is.", "Use the form of this page.")
    evidence = form.get("evidence", "").replace("\r\n", "\n")
    application().shifts.note(actor, form.get("text", ""), kind, evidence, form.get("ready_for", "")[:200], number)
    return pages.go(f"/shifts/{number}#reports")


@pages.act
def unblock(request: HttpRequest, actor: Actor, number: int, blocker: int) -> HttpResponse:
    """POST: this is no longer in the way."""
    application().shifts.unblock(actor, blocker)
    return pages.go(f"/shifts/{number}#reports")


@pages.act
def standby(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST on=1 or 0, ready_for."""
    ready = [each.strip() for each in request.POST.get("ready_for", "")[:500].split(",") if each.strip()]
    application().shifts.standby(actor, request.POST.get("on") == "1", "", ready, number)
    return pages.go(f"/shifts/{number}")


@pages.act
def task(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST text and estimate: begin a task; finish=N: it is done."""
    form, shifts = request.POST, application().shifts
    done = form.get("finish", "")
    if done.isdigit() and len(done) < 12:
        shifts.finish_task(actor, int(done))
    else:
        words = form.get("estimate", "").strip()[:20]
        estimate = parse_duration(words) if words else None
        if words and not estimate:
            raise Usage(f"'{words}' is no length.", "Write 30m or 3h.")
        shifts.begin_task(actor, form.get("text", "")[:500], estimate_s=estimate, number=number)
    return pages.go(f"/shifts/{number}#tasks")


@pages.act
def end(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST to and said: hand over."""
    form = request.POST
    application().shifts.end(actor, form.get("to", "")[:80], form.get("said", "")[:2000], number)
    return pages.go(f"/shifts/{number}")
