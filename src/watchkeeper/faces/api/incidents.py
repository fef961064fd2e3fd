"""Incidents, their timeline, and what people do with them. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.severity import promise_words
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.times import read_time
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import incident_json, muting_json, run_json, to_json

router = Router()


class Reason(Schema):
    """Why."""

    reason: str = ""


class Note(Schema):
    """A note for the timeline."""

    text: str


class Owner(Schema):
    """Who has it; the caller when empty."""

    owner: str = ""


class SeverityOf(Schema):
    """Another severity, and why."""

    severity: str
    reason: str


class NewTask(Schema):
    """Something to do. due_at: UTC text with Z."""

    text: str
    owner: str = ""
    due_at: str = ""


class Done(Schema):
    """Whether a task is done."""

    done: bool = True


class NewLink(Schema):
    """target: a web address, or ``run 12``, ``entry 3``, ``incident 7``."""

    target: str
    title: str = ""


@router.get("/incidents")
def incidents(request: HttpRequest, status: str = "", limit: int = 50, before: int | None = None) -> dict[str, Any]:
    actor_of(request)
    if status not in ("", "open", "closed", "merged"):
        raise Usage(f"An incident is open, closed or merged, not {status!r}.", "Use status=open or status=closed.")
    found = application().incidents.newest(Status(status) if status else None, limit, before)
    return {"incidents": [_line(each) for each in found]}


@router.get("/incidents/stages")
def stage_figures(request: HttpRequest, since: str = "", until: str = "") -> dict[str, Any]:
    """Medians per stage, and response times kept, of the incidents closed in that time; default: the last 30 days."""
    actor_of(request)
    app = application()
    end = read_time(until) if until else app.clock()
    begin = read_time(since) if since else (end or 0.0) - 30 * 86400.0
    if begin is None or end is None or begin >= end:
        raise Usage("since and until are times in UTC, the first before the second.", "since=2026-11-01T00:00:00Z")
    figures = to_json(app.incidents.stages(begin, end))
    medians = {f"{name}_s": value for name, value in figures.pop("medians").items()}
    figures["since"], figures["until"] = figures.pop("since_at"), figures.pop("until_at")
    return {"stages": {**figures, "medians": medians}}


@router.get("/incidents/tasks")
def open_tasks(request: HttpRequest, all: bool = False) -> dict[str, Any]:
    """What is still to be done because of incidents; all: also what is done."""
    actor_of(request)
    return {"tasks": to_json(application().incidents.tasks(open_only=not all))}


@router.post("/incidents/tasks/{number}")
def tick_task(request: HttpRequest, number: int, body: Done) -> dict[str, Any]:
    return {"task": to_json(application().incidents.do_task(number, actor_of(request), body.done))}


@router.get("/incidents/{number}")
def incident(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    app = application()
    return {"incident": _whole(app, app.incidents.get(number))}


def _whole(app: Application, incident: Incident) -> dict[str, Any]:
    with app.store.read() as session:
        told: list[dict[str, Any]] = [
            {**to_json(each), "attempts": to_json(session.attempts(each.id))}
            for each in session.notifications(incident=incident.id)
        ]
    alike, remedies = app.incidents.alike(incident)
    return {
        **_line(incident),
        "stages": to_json(app.incidents.stages_of(incident)),
        "impact": to_json(app.incidents.impact(incident)),
        "parts": to_json(app.incidents.parts(incident)),
        "tasks": to_json(app.incidents.tasks(incident.id)),
        "links": to_json(app.incidents.links(incident.id)),
        "similar": [{**to_json(each), "incident": _line(each.incident)} for each in alike],
        "remedies": to_json(remedies),
        "timeline": to_json(app.incidents.timeline(incident.id)),
        "suspects": to_json(app.incidents.suspects(incident)),
        "runs": [run_json(run, app.approvals.of_run(run.id)) for run in app.runs.newest(incident=incident.id)],
        "notifications": told,
        "muted": muting_json(app.windows.muting(incident)),
    }


def _line(incident: Incident) -> dict[str, Any]:
    """An incident with its promise in words."""
    app = application()
    data = incident_json(incident)
    answered = min((at for at in (incident.acknowledged_at, incident.closed_at) if at is not None), default=None)
    due = incident.respond_by
    data["response"] = promise_words(due, incident.opened_at, app.clock(), answered) if due is not None else ""
    return data


@router.get("/incidents/{number}/similar")
def similar(request: HttpRequest, number: int) -> dict[str, Any]:
    """Past incidents like this one, and what proved to work then."""
    actor_of(request)
    app = application()
    alike, remedies = app.incidents.alike(app.incidents.get(number), limit=20)
    return {
        "similar": [{**to_json(each), "incident": _line(each.incident)} for each in alike],
        "remedies": to_json(remedies),
    }


@router.get("/incidents/{number}/postmortem")
def postmortem(request: HttpRequest, number: int) -> dict[str, Any]:
    """A draft in Markdown."""
    actor_of(request)
    return {"postmortem": {"incident": number, "markdown": application().incidents.postmortem(number)}}


@router.post("/incidents/{number}/assign")
def assign(request: HttpRequest, number: int, body: Owner) -> dict[str, Any]:
    return {"incident": _line(application().incidents.assign(number, actor_of(request), body.owner))}


@router.post("/incidents/{number}/severity")
def severity(request: HttpRequest, number: int, body: SeverityOf) -> dict[str, Any]:
    changed = application().incidents.set_severity(number, actor_of(request), body.severity, body.reason)
    return {"incident": _line(changed)}


@router.post("/incidents/{number}/tasks")
def add_task(request: HttpRequest, number: int, body: NewTask) -> dict[str, Any]:
    due = read_time(body.due_at) if body.due_at else None
    if body.due_at and due is None:
        raise Usage(f"{body.due_at[:40]!r} is no time.", "Write UTC, such as 2026-12-01T09:00:00Z.")
    task = application().incidents.add_task(number, actor_of(request), body.text, body.owner, due)
    return {"task": to_json(task)}


@router.post("/incidents/{number}/links")
def add_link(request: HttpRequest, number: int, body: NewLink) -> dict[str, Any]:
    return {"link": to_json(application().incidents.add_link(number, actor_of(request), body.target, body.title))}


@router.post("/incidents/{number}/ack")
def acknowledge(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"incident": _line(application().incidents.acknowledge(number, actor_of(request)))}


@router.post("/incidents/{number}/escalate")
def escalate(request: HttpRequest, number: int, body: Reason) -> dict[str, Any]:
    return {"incident": _line(application().incidents.escalate(number, actor_of(request), body.reason))}


@router.post("/incidents/{number}/close")
def close(request: HttpRequest, number: int, body: Reason) -> dict[str, Any]:
    return {"incident": _line(application().incidents.close_unproven(number, actor_of(request), body.reason))}


@router.post("/incidents/{number}/note")
def note(request: HttpRequest, number: int, body: Note) -> dict[str, Any]:
    return {"incident": _line(application().incidents.note(number, actor_of(request), body.text))}
