"""Grants and the kill switch. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import report_json, to_json

router = Router()


class NewGrant(Schema):
    """A standing grant."""

    response: str
    days: float = 90
    destroy: bool = False


class Switch(Schema):
    """The kill switch."""

    on: bool
    reason: str = ""


@router.get("/grants")
def grants(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"grants": to_json(application().grants.newest())}


@router.post("/grants")
def add_grant(request: HttpRequest, body: NewGrant) -> dict[str, Any]:
    return {"grant": to_json(application().grants.add(body.response, actor_of(request), body.days, body.destroy))}


@router.post("/grants/{number}/revoke")
def revoke_grant(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"grant": to_json(application().grants.revoke(number, actor_of(request)))}


@router.get("/automation")
def automation(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    on, why = application().automation.state()
    return {"automation": {"on": on, "why": why}}


@router.get("/automation/report")
def automation_report(request: HttpRequest, days: float = 14.0) -> dict[str, Any]:
    actor_of(request)
    return {"report": report_json(application().automation_reports.make(days))}


@router.post("/automation")
def switch_automation(request: HttpRequest, body: Switch) -> dict[str, Any]:
    on, why = application().automation.switch(body.on, actor_of(request), body.reason)
    return {"automation": {"on": on, "why": why}}
