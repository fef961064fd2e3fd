"""The wall: one dark screen for a room, read at four metres. Nothing on it can be followed or pressed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.faces.web import draw, pages, service_rows, windows
from watchkeeper.faces.web.service_rows import Row
from watchkeeper.services.status import Now

MOST_LIT, MOST_LOW = 8, 40
ROOM = 11.0
"""Height for tiles on a screen of 16 to 9; a row of lit ones takes 5."""
LIT = (4, 5.0)
LOW = ((5, 3.0, ""), (7, 1.6, "flat"))
"""(how many stand beside each other, height of a row): those that are OK with their trace, else without."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One service. state: its class; word: MAINT or its state."""

    name: str
    state: str
    word: str
    reason: str
    trace: str


def seen(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page of the wall: for a screen, and for everybody who may look at pages."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        try:
            if not application().walls.is_wall(request):
                pages.actor_of(request)
        except Forbidden as error:
            return pages.door(request, error)
        try:
            return view(request)
        except WatchkeeperError as error:
            return HttpResponse(f"{error}\n", status=503, content_type="text/plain; charset=utf-8")

    return wrapped


def enter(request: HttpRequest) -> HttpResponse:
    """GET with the key of a link: this browser is a wall from now on. HEAD does not use it up."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    try:
        application().walls.enter(request, request.GET.get("key", "")[:200])
    except Forbidden as error:
        return pages.door(request, error)
    answer = pages.go("/wall")
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@seen
def whole(request: HttpRequest) -> HttpResponse:
    """The screen."""
    return pages.render(request, "wall.html", shown(application()))


@seen
def part(request: HttpRequest) -> HttpResponse:
    """What renews itself: all of it."""
    return pages.fragment(request, "parts/wall.html", shown(application()))


def shown(app: Application) -> dict[str, Any]:
    """What the wall tells."""
    base = pages.shared(app, "wall")
    now: Now = base["now"]
    drawn = draw.traces(app, now.at, base["zone"])
    until = windows.until_of(app, now.muted)
    nothing = draw.Drawing((), "nothing known yet")
    rows = [Row(each, drawn.get(each.service.name, nothing), until.get(each.service.name)) for each in now.services]
    groups = service_rows.arranged(rows, service_rows.Asked(sort="name"))
    rows = [row for group in groups for row in (*group.rows, *group.folded)]
    lit = sorted((row for row in rows if not row.quiet), key=lambda row: -row.state.state.rank)
    low = [row for row in rows if row.quiet]
    room = ROOM - LIT[1] * math.ceil(min(len(lit), MOST_LIT) / LIT[0])
    ways = [css for beside, height, css in LOW if math.ceil(len(low) / beside) * height <= room]
    fits = bool(ways) and len(low) <= MOST_LOW
    head, _, rest = now.sentence.partition(". ")
    context = {
        "head": head + ("." if rest else ""), "rest": rest,
        "lit": [_tile(row, base) for row in lit[:MOST_LIT]], "more_lit": max(0, len(lit) - MOST_LIT),
        "low": [_tile(row, base) for row in low] if fits else [], "low_css": ways[0] if ways else "", "low_count": len(low),
        "low_checks": sum(len(row.state.checks) for row in low),
        "service_count": len(rows), "check_count": sum(len(row.state.checks) for row in rows),
        "acknowledged": [each for each in now.incidents if each.acknowledged_at is not None][:1],
    }  # fmt: skip
    version = pages.version_of(
        now.sentence, context["lit"], context["low"], context["low_count"], base["day"].paths, now.oncall,
        context["acknowledged"], now.undelivered, now.muted, now.own, now.unmanned, bool(now.watch_down),
    )  # fmt: skip
    return base | context | {"version": version}


def _tile(row: Row, base: dict[str, Any]) -> Tile:
    each = row.state
    trace = service_rows.trace(row.trace)
    if row.maintenance is not None:
        ends = f"{pages.marks.local(row.maintenance, base['zone']):%H:%M}"
        return Tile(each.service.name, "maint", "MAINT", f"{each.state}: {each.reason}; until {ends}", trace)
    return Tile(each.service.name, pages.marks.css_class(each.state), str(each.state), each.reason, trace)
