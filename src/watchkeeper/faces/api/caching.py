"""What every answer of the API carries: an ETag and 304 where nothing changed, and the address of the next page."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

NEVER_KEPT = ("/keys", "/oncall/calendar-address", "/heartbeats/url", "/me", "/tokens", "/secrets")
"""Answers with keys in them: no cache keeps them, so they have no ETag either."""


def revalidated(run: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of every route."""

    @wraps(run)
    def answer(request: HttpRequest, *args: Any, **values: Any) -> Any:
        told = run(request, *args, **values)
        following = vars(request).get("watchkeeper_next")
        if following is not None and told.status_code == 200:
            told["Link"] = f'<{following_address(request, following)}>; rel="next"'
        if request.method in ("GET", "HEAD") and told.status_code == 200 and not told.streaming:
            return tagged(request, told)
        return told

    return answer


def following_address(request: HttpRequest, cursor: str) -> str:
    """This request's address with the cursor of the next page."""
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"


def tagged(request: HttpRequest, told: HttpResponse) -> HttpResponse:
    """The answer with its ETag, or 304 when the caller has it already."""
    if request.path.removeprefix("/api/v1").startswith(NEVER_KEPT):
        return told
    tag = f'W/"{hashlib.blake2b(told.content, digest_size=12).hexdigest()}"'
    known = {each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")}
    if tag.removeprefix("W/") in known or "*" in known:
        same = HttpResponse(status=304)
        for name in ("Link", "X-Next-Offset", "X-Done"):
            if name in told:
                same[name] = told[name]
        told = same
    told["ETag"] = tag
    told.headers.setdefault("Cache-Control", "private, no-cache")
    return told
