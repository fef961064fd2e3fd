"""Who calls the API."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden


class Empty(Schema):
    """No fields."""


def actor_of(request: HttpRequest) -> Actor:
    """The caller; raises `Forbidden`. A browser may read the API, but acts through the page's own forms."""
    app = application()
    way = str(request.META.get("HTTP_X_WATCHKEEPER_WAY", "tcp"))
    headers = {
        "X-Watchkeeper-Actor": str(request.META.get("HTTP_X_WATCHKEEPER_ACTOR", "")),
        "Authorization": str(request.META.get("HTTP_AUTHORIZATION", "")),
    }
    caller = app.door.caller(way, request.COOKIES, headers, app.holder.current.sample)
    if caller.way == "browser" and request.method not in ("GET", "HEAD"):
        raise Forbidden("A browser acts through the page, not through the API.", "Use the buttons of the page.")
    return caller.actor
