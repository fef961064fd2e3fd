"""What is set aside, what runbooks have proven, and the figures of a month. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json

router = Router()


class Release(Schema):
    """A response by its name, as service/runbook-path."""

    response: str
    reason: str = ""


@router.get("/automation/quarantine")
def quarantine(request: HttpRequest, released: bool = False) -> dict[str, Any]:
    """Newest first. released: also those that are over."""
    actor_of(request)
    return {"quarantines": to_json(application().quarantines.listed(released))}


@router.post("/automation/quarantine/release")
def release(request: HttpRequest, body: Release) -> dict[str, Any]:
    freed = application().quarantines.release(body.response, actor_of(request), body.reason)
    return {"quarantines": to_json(freed)}


@router.get("/automation/records")
def records(request: HttpRequest, runbook: str) -> dict[str, Any]:
    """What a runbook has proven in the last year, in all and per symptom (service/check)."""
    actor_of(request)
    whole, symptoms = application().quarantines.shown(runbook)
    listed = [{"symptom": name, **record_json(each)} for name, each in symptoms.items()]
    return {"records": {"runbook": runbook, **record_json(whole), "symptoms": listed}}


@router.get("/automation/month")
def month(request: HttpRequest, month: str = "") -> dict[str, Any]:
    """The figures of one month, as 2026-10; without one those of the month so far."""
    actor_of(request)
    return {"month": to_json(application().automation_months.make(month))}


def record_json(shown: Any) -> dict[str, Any]:
    """A record with its sentence."""
    data: dict[str, Any] = {**to_json(shown), "sentence": shown.words}
    return data
