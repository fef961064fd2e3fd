"""The emergency. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.emergency import Emergency
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import actor_of

router = Router()


class Alarm(Schema):
    """Why. automation_off: switch automation off as well."""

    why: str
    automation_off: bool = False


@router.post("/emergency")
def emergency(request: HttpRequest, body: Alarm) -> dict[str, Any]:
    """Everybody is signed out and every token and key ends, those of the caller included."""
    return {"emergency": emergency_json(application().emergency.act(actor_of(request), body.why, body.automation_off))}


def emergency_json(told: Emergency) -> dict[str, Any]:
    """What was done; `outside`: names of secrets that a person must replace, never their values."""
    return {
        "at": utc_text(told.at),
        "by": told.by,
        "why": told.why,
        "done": [{"what": each.what, "many": each.many} for each in told.done],
        "outside": [{"name": each.name, "where": each.where, "owner": each.owner} for each in told.outside],
        "entry": told.entry,
    }
