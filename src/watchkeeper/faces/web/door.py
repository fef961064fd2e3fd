"""The way in: a one-time link becomes a session of this browser."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Forbidden
from watchkeeper.faces.web import pages


def enter(request: HttpRequest) -> HttpResponse:
    """Use up the key and go to the bridge. HEAD does not use it up."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    if request.headers.get("Sec-Fetch-Site", "") == "cross-site":
        # Another site must not sign somebody in here, be it as himself: it is opened by a person, or not at all.
        error = Forbidden("This link was opened by another site.", "Go on only if you made it yourself just now.")
        return pages.door(request, error, request.get_full_path())
    try:
        application().door.enter(request, request.GET.get("key", "")[:200])
    except Forbidden as error:
        return pages.door(request, error)
    answer = pages.go("/")
    answer["Referrer-Policy"] = "no-referrer"
    return answer
