"""Locks. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import lock_json

router = Router()


class TakeLock(Schema):
    """A deploy lock."""

    name: str
    lasts_s: float
    why: str


class ReleaseLock(Schema):
    """A lock by its name."""

    name: str


@router.get("/locks")
def locks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"locks": [lock_json(each) for each in application().locks.held()]}


@router.post("/locks")
def take_lock(request: HttpRequest, body: TakeLock) -> dict[str, Any]:
    return {"lock": lock_json(application().locks.take(body.name, actor_of(request), body.lasts_s, body.why))}


@router.post("/locks/release")
def release_lock(request: HttpRequest, body: ReleaseLock) -> dict[str, Any]:
    return {"lock": lock_json(application().locks.release(body.name, actor_of(request)))}
