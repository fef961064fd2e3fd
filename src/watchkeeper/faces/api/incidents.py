"""Incidents, their timeline, and what people do with them. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import incident_json, run_json, to_json

router = Router()


class Reason(Schema):
    """Why."""

    reason: str = ""


class Note(Schema):
    """A note for the timeline."""

    text: str


@router.get("/incidents")
def incidents(request: HttpRequest, status: str = "", limit: int = 50, before: int | None = None) -> dict[str, Any]:
    actor_of(request)
    if status not in ("", "open", "closed"):
        raise Usage(f"An incident is open or closed, not {status!r}.", "Use status=open or status=closed.")
    found = application().incidents.newest(Status(status) if status else None, min(limit, 500), before)
    return {"incidents": [incident_json(each) for each in found]}


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
    return {
        **incident_json(incident),
        "timeline": to_json(app.incidents.timeline(incident.id)),
        "suspects": to_json(app.incidents.suspects(incident)),
        "runs": [run_json(run, app.approvals.of_run(run.id)) for run in app.runs.newest(incident=incident.id)],
        "notifications": told,
    }


@router.post("/incidents/{number}/ack")
def acknowledge(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.acknowledge(number, actor_of(request)))}


@router.post("/incidents/{number}/escalate")
def escalate(request: HttpRequest, number: int, body: Reason) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.escalate(number, actor_of(request), body.reason))}


@router.post("/incidents/{number}/close")
def close(request: HttpRequest, number: int, body: Reason) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.close_unproven(number, actor_of(request), body.reason))}


@router.post("/incidents/{number}/note")
def note(request: HttpRequest, number: int, body: Note) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.note(number, actor_of(request), body.text))}
