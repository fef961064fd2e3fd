"""Messages on their way, and the channels they go by. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json
from watchkeeper.services.deliveries import Delivery

router = Router()


class Again(Schema):
    """Which channel is tried first; the one in turn when empty."""

    channel: str = ""


@router.get("/notifications")
def notifications(
    request: HttpRequest, undelivered: bool = False, limit: int = 50, before: int | None = None
) -> dict[str, Any]:
    actor_of(request)
    found = application().deliveries.newest(undelivered, before, limit)
    return {"notifications": [_json(each) for each in found]}


@router.get("/notifications/{number}")
def notification(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    found = application().deliveries.show(number)
    more = {"attempts": to_json(found.attempts), "carries": [each.id for each in found.carried]}
    return {"notification": _json(found) | more}


@router.post("/notifications/{number}/retry")
def retry(request: HttpRequest, number: int, body: Again) -> dict[str, Any]:
    return {"notification": _json(application().deliveries.retry(number, actor_of(request), body.channel))}


@router.get("/channels")
def channels(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"channels": to_json(application().deliveries.channels())}


def _json(found: Delivery) -> dict[str, Any]:
    return {**to_json(found.notification), "state": found.state, "sentence": found.sentence}
