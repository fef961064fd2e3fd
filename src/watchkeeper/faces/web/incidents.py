"""Incidents: the list, one incident with all that belongs to it, and what people do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NotFound
from watchkeeper.core.incidents.rules import check_name
from watchkeeper.core.incidents.severity import LEVELS
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.notifications import Attempt, Notification
from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.faces.web import chart, incident_around, pages, runs, track
from watchkeeper.services.windows.muting import incident_among

PAGE = 50
LOOK, MOST_LOOKS = 200, 10
UNMOVED = frozenset({RunState.READY, RunState.PARKED, RunState.FAILED, RunState.UNPROVEN, RunState.CANCELLED})
PARTS = ("top", "needs", "readings", "around", "run", "side", "records", "timeline", "told")


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Open first, then what was closed, newest first. q: words; severity; before: a number to go on from."""
    app = application()
    base = pages.shared(app, "incidents")
    asked = {name: request.GET.get(name, "").strip()[:100] for name in ("q", "severity")}
    base["lines"] = [
        (each, incident_around.response_of(each, base["now_at"]))
        for each in base["now"].incidents
        if _fits(each, asked)
    ]
    closed, more = _closed(app, asked, runs.whole_number(request.GET.get("before")))
    query = urlencode({name: value for name, value in asked.items() if value})
    context = {"closed": closed, "more": more, "before": request.GET.get("before"), "asked": asked, "query": query}
    return pages.render(request, "incidents.html", base | context | {"levels": LEVELS})


def _closed(app: Application, asked: Mapping[str, str], before: int | None) -> tuple[list[Incident], int | None]:
    """(at most a page of closed incidents that fit, the number to go on from)."""
    found: list[Incident] = []
    for _ in range(MOST_LOOKS):
        some = app.incidents.newest(Status.CLOSED, LOOK, before)
        for each in some:
            before = each.id
            if _fits(each, asked):
                found.append(each)
                if len(found) == PAGE:
                    return found, before
        if len(some) < LOOK:
            return found, None
    return found, before


def _fits(each: Incident, asked: Mapping[str, str]) -> bool:
    if asked["severity"] and each.severity != asked["severity"]:
        return False
    checks = " ".join(held.check for held in each.checks)
    whole = f"{each.id} {each.service} {each.host or ''} {each.title} {each.owner} {checks}".casefold()
    return all(word in whole for word in asked["q"].casefold().split())


@pages.page
def one(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """One incident."""
    app = application()
    context = _whole(app, number) | {"actor": actor}
    return pages.render(request, "incident.html", context)


@pages.page
def part(request: HttpRequest, actor: Actor, number: int, part: str) -> HttpResponse:
    """One part of the page, for live views."""
    if part not in PARTS:
        raise NotFound(f"An incident has no part {part}.", "Load the page again.")
    context = _whole(application(), number) | {"actor": actor}
    return pages.fragment(request, f"parts/incident_{part}.html", context | {"version": context["versions"][part]})


def _whole(app: Application, number: int) -> dict[str, Any]:
    incident = app.incidents.get(number)
    base = pages.shared(app, "incidents")
    timeline = app.incidents.timeline(number)
    its_runs = app.runs.newest(incident=number, limit=20)
    run = its_runs[0] if its_runs else None
    waiting = [each for each in base["now"].waiting if each.incident == number]
    suspects = app.incidents.suspects(incident)
    told = _told(app, number)
    state = max((held.state for held in incident.checks), key=lambda each: each.rank, default=State.UNKNOWN)
    is_open = incident.status is Status.OPEN
    context = base | {
        "incident": incident,
        "is_open": is_open,
        "timeline": list(reversed(timeline)),
        "bands": bands(timeline),
        "run": run,
        "earlier": its_runs[1:],
        "waiting": waiting,
        "suspects": suspects,
        "told": told,
        "stations": track.of_incident(incident, run),
        "incident_class": "plain" if incident.status is Status.CLOSED else "crit" if state is State.CRIT else "warn",
        "open_for": (incident.closed_at or base["now_at"]) - incident.opened_at,
        "sentence": sentence(incident, run, calm(base, incident)),
        "why_not": why_not(incident, run),
        "response": incident_around.response_of(incident, base["now_at"]),
        "held": [each.service.name for each in base["now"].services if each.held_under == number],
        "muted": incident_among(base["now"].muted, app.holder.current, incident) if is_open else None,
        "service": app.holder.current.services.get(incident.service),
        "charts": chart.of_incident(app, incident, run, suspects, base["zone"], base["now_at"]),
    }
    context |= incident_around.around(app, incident)
    context["answers"] = answers(app, incident) if is_open else []
    context["steps"] = runs.steps_of(app, run) if run else []
    context["proved"] = app.quarantines.shown_for(run).words if run else ""
    return context | {"versions": _versions(context)}


def answers(app: Application, incident: Incident) -> list[Response]:
    """The responses of its service that answer one of its failing checks, the most specific first."""
    service = app.holder.current.services.get(incident.service)
    names = {check_name(held.check) for held in incident.checks}
    found = [each for each in (service.respond if service else ()) if not each.to or names & set(each.to)]
    return sorted(found, key=lambda each: not each.to)


def _versions(context: dict[str, Any]) -> dict[str, str]:
    incident, run = context["incident"], context["run"]
    minute = int(context["now_at"] // 60)
    steps = runs.version(run) if run else ""
    return {
        "top": pages.version_of(incident, steps, context["held"], context["muted"], minute),
        "needs": pages.version_of([(each.approval.id, each.approval.given) for each in context["waiting"]]),
        "readings": pages.version_of([each.version for each in context["charts"]], incident),
        "run": steps,
        "around": pages.version_of(context["clock"], context["blocked"], context["parts"]),
        "records": pages.version_of(context["tasks"], context["links"], context["alike"], context["remedies"]),
        "side": pages.version_of(context["suspects"]),
        "timeline": pages.version_of(len(context["timeline"]), context["timeline"][0].id if context["timeline"] else 0),
        "told": pages.version_of(context["told"]),
    }


def bands(timeline: list[Event]) -> dict[int, str]:
    """The class of the rule beside each event: the state that held then, flips with their own mark."""
    found: dict[int, str] = {}
    held = ""
    names = {State.CRIT: "crit", State.WARN: "warn", State.UNKNOWN: "unknown", State.OK: "ok"}
    for event in timeline:
        if event.kind == "closed" or (event.kind == "flip" and event.state is State.OK):
            held = ""
        elif event.state is not None and event.state is not State.OK:
            held = names[event.state]
        own = " flip" if event.kind in ("flip", "opened", "reopened") and event.state not in (None, State.OK) else ""
        own = own or (" fix" if event.kind == "change" else " fix" if event.kind == "closed" else "")
        found[event.id] = held + own
    return found


def why_not(incident: Incident, run: Run | None) -> str:
    """Why watchkeeper did not act; "" while it acts, and where the sentence of truth says the same."""
    said = incident.why_not_acted.rstrip(".").casefold()
    if incident.status is not Status.OPEN:
        return incident.why_not_acted
    if run is not None and run.state not in UNMOVED:
        return ""
    return "" if said == (incident.escalated_why or "").rstrip(".").casefold() else incident.why_not_acted


def calm(base: dict[str, Any], incident: Incident) -> float | None:
    """Since when all its checks measure OK again; None while one does not. That is not a proof yet."""
    settled = {key: state for each in base["now"].services for key, state in each.checks}
    states = [settled.get(held.check) for held in incident.checks]
    if not states or any(each is None or each.state is not State.OK for each in states):
        return None
    return max(each.since for each in states if each is not None)


def sentence(incident: Incident, run: Run | None, calm_since: float | None) -> tuple[str, str]:
    """(what is wrong, how it stands): measured, and honest about proof."""
    what = incident.title.rstrip(".") + "."
    if incident.status is Status.MERGED:
        return what, f"Incident {incident.merged_into} is its cause, and tells of both. Its own checks go on proving."
    if incident.ending is not None:
        words = {
            "fixed": "Fixed, and proven by the same checks that opened it.",
            "recovered_by_itself": "It recovered by itself, proven by the same checks.",
            "unproven": "Closed by a person without proof.",
        }
        return what, words[incident.ending.value]
    missing = [held for held in incident.checks if held.proven_at is None]
    counts = ", ".join(f"{held.check.partition('/')[2]} {held.proof_count} of {held.needed}" for held in missing)
    if missing and calm_since is not None:
        counts = f"it measures OK again, {counts}"
    proof = (
        f"Not proven yet: {counts} good readings."
        if missing
        else "Every check has proven; it closes when nothing is at work."
    )
    if incident.escalated_at is not None:
        return what, f"It needs a person: {(incident.escalated_why or '').rstrip('.')}. {proof}"
    if run is not None and run.state is RunState.PARKED:
        return what, f"One step waits for you. {proof}"
    if run is not None and run.state is RunState.RUNNING:
        return what, f"Run {run.id} is at work. {proof}"
    return what, proof


def _told(app: Application, number: int) -> list[tuple[Notification, list[Attempt]]]:
    with app.store.read() as session:
        return [(each, session.attempts(each.id)) for each in session.notifications(incident=number)]


# ---- what people do --------------------------------------------------------------------------------------------------------


@pages.act
def acknowledge(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST."""
    application().incidents.acknowledge(number, actor)
    return pages.go(f"/incidents/{number}")


@pages.act
def note(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST text."""
    application().incidents.note(number, actor, request.POST.get("text", ""))
    return pages.go(f"/incidents/{number}#timeline")


@pages.act
def escalate(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST reason."""
    application().incidents.escalate(number, actor, request.POST.get("reason", "")[:500])
    return pages.go(f"/incidents/{number}#told")


@pages.act
def close(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST reason: close without proof, counted as such."""
    application().incidents.close_unproven(number, actor, request.POST.get("reason", "")[:2000])
    return pages.go(f"/incidents/{number}")


@pages.act
def assign(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST owner: who has it; empty is the one who asks."""
    application().incidents.assign(number, actor, request.POST.get("owner", ""))
    return pages.go(f"/incidents/{number}")


@pages.act
def severity(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST severity, reason."""
    wanted, reason = request.POST.get("severity", ""), request.POST.get("reason", "")
    application().incidents.set_severity(number, actor, wanted, reason)
    return pages.go(f"/incidents/{number}")


@pages.act
def task(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST text, owner, due (a date in the team's zone: until its end)."""
    app = application()
    due = incident_around.end_of_day(request.POST.get("due", ""), app.holder.current.team.timezone)
    app.incidents.add_task(number, actor, request.POST.get("text", ""), request.POST.get("owner", ""), due)
    return pages.go(f"/incidents/{number}#records")


@pages.act
def tick(request: HttpRequest, actor: Actor, number: int, task: int) -> HttpResponse:
    """POST undo: takes the tick back."""
    application().incidents.do_task(task, actor, not request.POST.get("undo"))
    return pages.go(f"/incidents/{number}#records")


@pages.act
def link(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST target, title."""
    target, title = request.POST.get("target", ""), request.POST.get("title", "")
    application().incidents.add_link(number, actor, target, title)
    return pages.go(f"/incidents/{number}#records")


@pages.page
def postmortem(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """The draft, as a Markdown file."""
    text = application().incidents.postmortem(number)
    answer = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="postmortem-{number}.md"'
    return answer
