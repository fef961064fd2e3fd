"""The way in: a one-time link becomes a cookie of this browser."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Forbidden
from watchkeeper.faces.web import pages
from watchkeeper.identity.callers import COOKIE, SESSION_LASTS_S


def enter(request: HttpRequest) -> HttpResponse:
    """Use up the key and go to the bridge. HEAD does not use it up."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    try:
        visitor = application().door.enter(request.GET.get("key", "")[:200])
    except Forbidden as error:
        return pages.door(request, error)
    answer = pages.go("/")
    answer.set_cookie(COOKIE, visitor, max_age=int(SESSION_LASTS_S), httponly=True, samesite="Strict", path="/")
    answer["Referrer-Policy"] = "no-referrer"
    return answer
