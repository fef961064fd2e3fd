"""The operations log. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import entry_json, to_json

router = Router()


class NewEntry(Schema):
    """An entry written by hand."""

    title: str
    type: str = "Maintenance"
    severity: str = "Low"
    body: str = ""
    corrects: int | None = None


@router.get("/log")
def log(request: HttpRequest, limit: int = 50, before: int | None = None, text: str = "") -> dict[str, Any]:
    actor_of(request)
    return {"entries": [entry_json(each) for each in application().log.newest(min(limit, 500), before, text)]}


@router.post("/log")
def add_entry(request: HttpRequest, body: NewEntry) -> dict[str, Any]:
    actor = actor_of(request)
    entry = application().log.add(actor, body.type, body.title, body.severity, body.body, body.corrects)
    return {"entry": entry_json(entry)}


@router.get("/log/verify")
def verify_log(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"verification": to_json(application().log.verify())}


@router.get("/log/export")
def export_log(request: HttpRequest) -> HttpResponse:
    actor_of(request)
    return HttpResponse(application().log.export(), content_type="text/markdown; charset=utf-8")


@router.get("/log/{number}")
def entry(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    return {"entry": entry_json(application().log.get(number))}
