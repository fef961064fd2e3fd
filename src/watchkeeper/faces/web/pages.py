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
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import escape

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core import times
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Forbidden, NeedsFactor, WatchkeeperError
from watchkeeper.core.windows import muted_line
from watchkeeper.faces.web import draw, marks
from watchkeeper.faces.web.viewer import asked_at, looking, viewer
from watchkeeper.identity import signing_in
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

    def forget(self) -> None:
        """Look anew at the next call, whatever the time."""
        with self._lock:
            self._kept = None


look = _Look()


# ---- who may see and do ------------------------------------------------------------------------------------------------


def actor_of(request: HttpRequest) -> Actor:
    """The person behind this request, by the session of his browser. Raises `Forbidden`."""
    return application().door.caller(request).actor


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
    with looking(request, actor.name):
        try:
            return view(request, actor, *arguments, **named)
        except NeedsFactor as error:
            return factor_asked(request, error)
        except WatchkeeperError as error:
            if isinstance(error, Forbidden):
                application().audit.refused_act(actor, f"{request.method} {request.path[:150]}", error)
            return told(request, error)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            sentence = f"The page {request.path[:200]} could not be made: a fault of watchkeeper itself."
            hint = "The trace is in the output of wk up; wk status still works."
            return told(request, WatchkeeperError(sentence, hint), 500)


def go(address: str) -> HttpResponse:
    """See the outcome at one of our own addresses; never at one that came with the request."""
    answer = HttpResponseRedirect(address)
    answer.status_code = 303
    return answer


def quoted(name: str) -> str:
    """A name as one part of an address of ours."""
    return quote(name, safe="")


def path_quoted(path: str) -> str:
    """The path of a file as parts of an address of ours."""
    return quote(path, safe="/")


# ---- what every page shares ----------------------------------------------------------------------------------------------


def zone_of(app: Application) -> tzinfo:
    """The viewer's time zone, else the team's; UTC when its name is not known here."""
    return times.zone_of(viewer().zone or app.holder.current.team.timezone)


def shared(app: Application, active: str = "", seen: Now | None = None) -> dict[str, Any]:
    """Team, state, head, banner and notices for one page."""
    now, zone = seen or look(app), zone_of(app)
    name = marks.css_class(now.state)
    if now.watch_down:
        name = "unknown" if name == "ok" else name
    here = marks.local(now.at, zone)
    day, title = draw.day_line(app, now.at, zone), title_of(now)
    late = ",".join(f"{each.id}.{each.tries}.{each.position}" for each in now.undelivered)
    own = bool(viewer().zone) and viewer().zone != app.holder.current.team.timezone
    return {
        "who": viewer().name,
        "theme": viewer().theme,
        "single_keys": viewer().single_keys,
        "team_zone": times.zone_of(app.holder.current.team.timezone) if own else None,
        "nobody_yet": not app.accounts.any_person(),
        "now": now,
        "now_at": now.at,
        "zone": zone,
        "zone_name": here.tzname() or "UTC",
        "team_zone_name": marks.local(now.at, times.zone_of(app.holder.current.team.timezone)).tzname() or "UTC",
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
    """A whole page made once for all viewers of one look who read the same clock.

    What is a viewer's own (his name, theme and keys, his form token) stands in it as blanks, filled for each.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        self._lock = threading.Lock()
        self._made: dict[tuple[str, bool], tuple[Now, str]] = {}
        self._blank = {name: f"blank-{secrets.token_hex(12)}" for name in ("csrf_token", "who", "theme", "single_keys")}

    def answer(self, request: HttpRequest, now: Now, make: Callable[[], dict[str, Any]]) -> HttpResponse:
        """The page of this look; `make` gives its context when nobody has asked for it yet."""
        seer = viewer()
        key = (seer.zone, bool(seer.name))
        with self._lock:
            kept = self._made.get(key)
            if kept is None or kept[0] is not now:
                context = make() | self._blank | {"who": self._blank["who"] if seer.name else ""}
                self._made = {each: made for each, made in self._made.items() if made[0] is now}
                kept = self._made[key] = (now, render_to_string(self._template, context))
            text = kept[1]
        own = {"csrf_token": get_token(request), "who": escape(seer.name), "theme": seer.theme}
        own["single_keys"] = str(seer.single_keys)
        for name, value in own.items():
            text = text.replace(self._blank[name], str(value))
        return HttpResponse(text)


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


def door(request: HttpRequest, error: Forbidden, again: str = "") -> HttpResponse:
    """The refusal, with the way in. It tells nothing about the team.

    A stranger at a page is led to the sign-in once somebody has an account. again: where the refusal itself leads.
    """
    looks = request.method in ("GET", "HEAD") and "HX-Request" not in request.headers
    wanted = signing_in.own(request.get_full_path()) if looks and request.path != "/enter" else "/"
    people = application().accounts.any_person()
    # A link followed from another site comes without the strict cookie; followed once more from here it has it.
    elsewhere = looks and not again and request.headers.get("Sec-Fetch-Site", "") == "cross-site"
    to_sign_in = people and looks and not again and not elsewhere and request.path != "/enter"
    if to_sign_in and not request.user.is_authenticated:
        return go(f"/account/sign-in?{urlencode({'next': wanted})}")
    context = {"error": error, "again": again or wanted, "people": people, "elsewhere": elsewhere}
    return render(request, "door.html", context, 403)


def factor_asked(request: HttpRequest, error: NeedsFactor) -> HttpResponse:
    """Ask for the second factor, then come back to where the button is: it is pressed again, with what it shows then."""
    if not request.user.is_authenticated:
        return told(request, error)
    return go(f"/account/again?{urlencode({'next': asked_at(request)})}")


def told(request: HttpRequest, error: WatchkeeperError, status: int = 0) -> HttpResponse:
    """A failure as a page: what failed, and the next step."""
    with looking(request, viewer().name):
        context = shared(application()) | {"error": error, "hint": application().access.hint(error)}
        return render(request, "told.html", context, status or STATUS_OF_KIND.get(error.kind, 400))


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's answer to a form without its token (or from another site)."""
    error = Forbidden(
        "This form was not sent by a page of this watchkeeper, or the page is older than your visit. Nothing was done.",
        "Go back, load the page again, and send it once more.",
    )
    people = application().accounts.any_person()
    return render(request, "door.html", {"error": error, "again": "/", "people": people}, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """An address that does not exist; refused at the door first, so that nobody can probe."""
    try:
        actor_of(request)
    except Forbidden as error:
        return door(request, error)
    from watchkeeper.core.errors import NotFound

    return told(request, NotFound(f"There is no page {request.path[:200]}.", "Go on from the bridge."))
