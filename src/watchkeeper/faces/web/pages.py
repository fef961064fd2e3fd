"""What every page shares: who may see it, the head, the day line, the banner, and how answers are made."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import tzinfo
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.loader import render_to_string

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core import times
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.core.windows import muted_line
from watchkeeper.faces.web import draw, marks
from watchkeeper.services.status import Now

log = logging.getLogger(__name__)
STATUS_OF_KIND = {
    "usage": 400, "invalid": 422, "forbidden": 403, "second_factor": 403, "not_found": 404, "locked": 409,
    "no_answer": 502, "problem": 400,
}  # fmt: skip
FRESH_S = 0.5
"""How long one look at the truth serves all viewers, unless something was committed meanwhile."""

View = Callable[..., HttpResponse]


class _Look:
    """One `Now` for all viewers of this moment: a hundred viewers cost the watch no more than one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Application, int, float, Now] | None = None

    def __call__(self, app: Application) -> Now:
        with self._lock:
            revision, moment = app.store.revision, time.monotonic()
            if self._kept and self._kept[0] is app and self._kept[1] == revision and moment - self._kept[2] < FRESH_S:
                return self._kept[3]
            now = app.status.now()
            self._kept = (app, revision, moment, now)
            return now


look = _Look()


# ---- who may see and do ------------------------------------------------------------------------------------------------


def actor_of(request: HttpRequest) -> Actor:
    """The person behind this request; raises `Forbidden` without the cookie of a one-time link."""
    app = application()
    way = str(request.META.get("HTTP_X_WATCHKEEPER_WAY", "tcp"))
    return app.door.caller(way, request.COOKIES, {}, app.holder.current.sample).actor


def page(view: View) -> View:
    """A page: refused at the door without the cookie, and failures told as a page with the next step."""

    @wraps(view)
    def wrapped(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        try:
            actor = actor_of(request)
        except Forbidden as error:
            return door(request, error)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return _answered(request, view, actor, arguments, named)

    return wrapped


def act(view: View) -> View:
    """A form: POST only, checked for its token by Django before it comes here; the view returns where to go on."""

    @wraps(view)
    def wrapped(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        try:
            actor = actor_of(request)
        except Forbidden as error:
            return door(request, error)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return _answered(request, view, actor, arguments, named)

    return wrapped


def _answered(
    request: HttpRequest, view: View, actor: Actor, arguments: tuple[Any, ...], named: dict[str, Any]
) -> HttpResponse:
    try:
        return view(request, actor, *arguments, **named)
    except WatchkeeperError as error:
        return told(request, error)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        sentence = f"The page {request.path[:200]} could not be made: a fault of watchkeeper itself."
        return told(
            request, WatchkeeperError(sentence, "The trace is in the output of wk up; wk status still works."), 500
        )


def go(address: str) -> HttpResponse:
    """See the outcome at one of our own addresses; never at one that came with the request."""
    answer = HttpResponseRedirect(address)
    answer.status_code = 303
    return answer


# ---- what every page shares ----------------------------------------------------------------------------------------------


def zone_of(app: Application) -> tzinfo:
    """The team's time zone; UTC when its name is not known here."""
    return times.zone_of(app.holder.current.team.timezone)


def shared(app: Application, active: str = "", seen: Now | None = None) -> dict[str, Any]:
    """Team, state, head, banner and notices for one page."""
    now, zone = seen or look(app), zone_of(app)
    name = marks.css_class(now.state)
    if now.watch_down:
        name = "unknown" if name == "ok" else name
    here = marks.local(now.at, zone)
    day, title = draw.day_line(app, now.at, zone), title_of(now)
    late = ",".join(f"{each.id}.{each.tries}.{each.position}" for each in now.undelivered)
    return {
        "now": now,
        "now_at": now.at,
        "zone": zone,
        "zone_name": here.tzname() or "UTC",
        "muted_line": muted_line(now.muted),
        "today": f"{here:%a} {here.day} {here:%b}",
        "team": now.inventory.team.name,
        "active": active,
        "state_name": name,
        "state_words": marks.WORDS[name],
        "state_title": title,
        "needs": now.waiting,
        "needs_link": needs_link(now),
        "undelivered": now.undelivered,
        "errors": [each for each in now.mistakes if each.level == "error"],
        "day": day,
        "alarm_version": version_of(
            late, title, name, day.paths, len(now.incidents), len(now.waiting), active, len(now.own), now.unmanned
        ),
    }


def title_of(now: Now) -> str:
    """What a page's title begins with: the worst thing there is."""
    if now.incidents:
        worst = min(now.incidents, key=lambda each: each.severity)
        return f"{worst.severity} {worst.service or worst.host}"
    if now.watch_down:
        return "Nobody watches"
    bad = next((each for each in now.services if each.state is now.state and now.state is not State.OK), None)
    return f"{now.state} {bad.service.name}" if bad else "OK"


def needs_link(now: Now) -> str:
    """Where the newest waiting step is decided; "" when none waits."""
    if not now.waiting:
        return ""
    first = now.waiting[0]
    base = f"/incidents/{first.incident}" if first.incident else f"/runs/{first.approval.run}"
    return f"{base}#approve-{first.approval.run}-{first.step.index}"


# ---- answers ---------------------------------------------------------------------------------------------------------------


def render(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A whole page."""
    return HttpResponse(render_to_string(template, context, request=request), status=status)


class Kept:
    """A whole page made once for all viewers of one look; each gets it with a form token of his own."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._lock = threading.Lock()
        self._made: tuple[Now, str] | None = None
        self._blank = secrets.token_hex(24)

    def answer(self, request: HttpRequest, now: Now, make: Callable[[], dict[str, Any]]) -> HttpResponse:
        """The page of this look; `make` gives its context when nobody has asked for it yet."""
        with self._lock:
            if self._made is None or self._made[0] is not now:
                self._made = (now, render_to_string(self._template, make() | {"csrf_token": self._blank}))
            text = self._made[1]
        return HttpResponse(text.replace(self._blank, get_token(request)))


def fragment(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A part of a page that renews itself: 204 when nothing in it changed since the version the browser names."""
    version = context["version"]
    if request.GET.get("v") == version:
        answer = HttpResponse(status=204)
    else:
        answer = HttpResponse(render_to_string(template, context, request=request))
    moment = marks.local(context["now_at"], context["zone"])
    answer["X-Watchkeeper-Now"] = f"{moment:%H:%M:%S}"
    answer["Vary"] = "Cookie"
    return answer


def version_of(*parts: object) -> str:
    """A short name for what a fragment shows; changes when it does."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def door(request: HttpRequest, error: Forbidden) -> HttpResponse:
    """The refusal, with the way in. It tells nothing about the team."""
    # A link followed from another site comes without the strict cookie; followed once more from here it has it.
    again = "/" + request.path.lstrip("/\\") if request.method in ("GET", "HEAD") and request.path != "/enter" else "/"
    return render(request, "door.html", {"error": error, "again": again}, 403)


def told(request: HttpRequest, error: WatchkeeperError, status: int = 0) -> HttpResponse:
    """A failure as a page: what failed, and the next step."""
    context = shared(application()) | {"error": error}
    return render(request, "told.html", context, status or STATUS_OF_KIND.get(error.kind, 400))


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's answer to a form without its token (or from another site)."""
    error = Forbidden(
        "This form was not sent by a page of this watchkeeper, or the page is older than your visit. Nothing was done.",
        "Go back, load the page again, and send it once more.",
    )
    return render(request, "door.html", {"error": error, "again": "/"}, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """An address that does not exist; refused at the door first, so that nobody can probe."""
    try:
        actor_of(request)
    except Forbidden as error:
        return door(request, error)
    from watchkeeper.core.errors import NotFound

    return told(request, NotFound(f"There is no page {request.path[:200]}.", "Go on from the bridge."))
