"""Who calls the API."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden
from watchkeeper.identity.callers import Caller

_KEPT = "_watchkeeper_caller"


class Empty(Schema):
    """No fields."""


def caller_of(request: HttpRequest) -> Caller:
    """Who calls and by which way, asked once for each request. Raises `Forbidden`, `TooMany`."""
    kept: Caller | None = getattr(request, _KEPT, None)
    if kept is None:
        kept = application().door.caller(request)
        application().limits.called(kept.actor)
        setattr(request, _KEPT, kept)
    return kept


def actor_of(request: HttpRequest) -> Actor:
    """The actor who calls. Over TCP a token says who that is; the session of a browser counts for pages only."""
    return caller_of(request).actor


def note_refusal(request: HttpRequest, error: Exception) -> None:
    """Into the audit trail, when this refuses somebody who is known; of a stranger the door told already."""
    kept: Caller | None = getattr(request, _KEPT, None)
    if kept is not None and isinstance(error, Forbidden):
        application().audit.refused_act(kept.actor, f"{request.method} {request.path[:150]}", error)
