"""Every refusal of the API in one shape: problem details (RFC 9457) with the kinds of the command line's exit codes.

``{"type", "title", "status", "detail", "kind", "hint"}``, and ``errors`` for fields that do not hold. `detail` is one sentence,
`hint` the next step. What goes wrong before a route is found (no such path, method, size, host) is put into it by `Edge`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.api.calling import note_refusal

journal = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:watchkeeper:problem:"
STATUS_OF_KIND: Mapping[str, int] = {
    "usage": 400, "invalid": 422, "forbidden": 403, "second_factor": 403, "too_many": 429, "not_found": 404,
    "locked": 409, "outcast": 409,
    "no_answer": 502, "store_away": 502, "problem": 400,
}  # fmt: skip
TITLES: Mapping[str, str] = {
    "usage": "The request itself is wrong",
    "invalid": "Files or values do not hold",
    "forbidden": "This caller may not do that",
    "second_factor": "A second factor must be shown first",
    "too_many": "Too often within a short time",
    "not_found": "No such thing",
    "locked": "Somebody else holds it, or it is already running",
    "outcast": "This node was declared dead by the others",
    "no_answer": "A host or service gave no answer",
    "store_away": "The database of the store cannot be reached",
    "problem": "It did not work",
}
KIND_OF_STATUS: Mapping[int, str] = {
    400: "usage", 401: "forbidden", 403: "forbidden", 404: "not_found", 405: "usage", 409: "locked", 411: "usage",
    413: "usage", 414: "usage", 415: "usage", 422: "invalid", 429: "forbidden",
}  # fmt: skip
MOST_ERRORS = 20


def problem(
    kind: str, detail: str, hint: str = "", status: int = 0, errors: Sequence[Mapping[str, str]] = (), **more: Any
) -> HttpResponse:
    """One refusal. status: 0 for that of the kind; errors: ``{"field", "detail"}`` of each field that does not hold."""
    status = status or STATUS_OF_KIND.get(kind, 400)
    told: dict[str, Any] = {
        "type": f"{TYPE}{kind}", "title": TITLES.get(kind, TITLES["problem"]), "status": status, "kind": kind,
        "detail": detail, "hint": hint,
    }  # fmt: skip
    if errors:
        told["errors"] = [dict(each) for each in errors]
    return HttpResponse(json.dumps(told | more), status=status, content_type=CONTENT_TYPE)


def told(error: WatchkeeperError) -> HttpResponse:
    """The refusal that an error of core is."""
    answer = problem(error.kind, error.sentence, application().access.hint(error))
    if "retry_after_s" in error.details:
        answer["Retry-After"] = str(error.details["retry_after_s"])
    return answer


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    note_refusal(request, error)
    return told(error)


def handle(api: NinjaAPI) -> None:
    """Give this API its handlers of errors."""
    api.add_exception_handler(WatchkeeperError, _refused)
    api.add_exception_handler(ValidationError, _fields)
    api.add_exception_handler(HttpError, _framework)
    api.add_exception_handler(Http404, lambda request, error: no_such_path(request))
    api.add_exception_handler(DatabaseError, _store_fault)
    api.add_exception_handler(Exception, _own_fault)


def no_such_path(request: HttpRequest) -> HttpResponse:
    """An address that the API does not have."""
    return problem("not_found", f"The API has no {request.path[:200]}.", "All its routes: /api/docs.")


def _fields(request: HttpRequest, error: Any) -> HttpResponse:
    found = [{"field": _place(each["loc"]), "detail": str(each["msg"])} for each in error.errors[:MOST_ERRORS]]
    sentence = "; ".join(f"{each['field']}: {each['detail']}" for each in found)[:400]
    return problem(
        "invalid", f"The request does not hold: {sentence}.", "All fields of this route: /api/docs.", errors=found
    )


def _place(loc: Sequence[object]) -> str:
    """``body.checks.0``: the parameter's own name in the code says nothing to the caller."""
    words = [str(word) for word in loc]
    return ".".join([words[0], *words[2:]] if words[:1] == ["body"] and len(words) > 2 else words)


def _framework(request: HttpRequest, error: Any) -> HttpResponse:
    error = vars(request).get("watchkeeper_refusal", error)
    kind = KIND_OF_STATUS.get(error.status_code, "problem")
    return problem(kind, f"{str(error).rstrip('.')}.", "All its routes: /api/docs.", error.status_code)


def _store_fault(request: HttpRequest, error: Any) -> HttpResponse:
    journal.error("the main store cannot be used at %s: %s", request.path, error)
    sentence = f"The main store cannot be used: {(str(error).splitlines() or ['no reason given'])[0].rstrip('.')}."
    hint = "See that its disk has room; a damaged main.db is put back from a backup: wk restore self."
    return problem("problem", sentence, hint, 500)


def _own_fault(request: HttpRequest, error: Any) -> HttpResponse:
    journal.exception("a request failed: %s %s", request.method, request.path)
    sentence = f"watchkeeper met a fault of its own at {request.method} {request.path}: {type(error).__name__}."
    return problem("problem", sentence, "The trace is in the log of main.", 500)


# ---- before and around the routes ----------------------------------------------------------------------------------------

PREFIX = "/api/v1/"
LARGEST_BODY = 1024 * 1024
LARGEST_UPLOAD = 16 * 1024 * 1024
UPLOADS = ("/api/v1/log", "/api/v1/definitions", "/api/v1/import")
"""Where whole documents and attachments arrive; everything else is small."""


class Edge:
    """Middleware around the API: bounds what comes in, and every refusal that leaves is a problem, whoever made it."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return self._answer(request)
        return refused(request) or _in_shape(request, self._answer(request))


def refused(request: HttpRequest) -> HttpResponse | None:
    """A body that is too large, packed, or of unknown length, and a path that no text can be; None when it is fine."""
    headers = request.META
    if "\0" in request.path:
        return problem("not_found", "An address holds no NUL character.", "All its routes: /api/docs.")
    if headers.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("", "identity"):
        return problem("usage", "A packed body is not taken.", "Send it as it is, without Content-Encoding.", 415)
    if headers.get("HTTP_TRANSFER_ENCODING") and not headers.get("CONTENT_LENGTH"):
        return problem("usage", "A body comes with its length.", "Send Content-Length.", 411)
    most = LARGEST_UPLOAD if request.path.startswith(UPLOADS) else LARGEST_BODY
    length = str(headers.get("CONTENT_LENGTH") or "0")
    if not length.isdigit():
        return problem("usage", "The length of the body is no number.", "Send Content-Length.")
    if len(length) > 12 or int(length) > most:
        return problem("usage", f"The body is larger than the {most} bytes that are taken here.", "Send less.", 413)
    return None


def _in_shape(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    if answer.status_code < 400 or str(answer.get("Content-Type", "")).startswith(
        ("application/", "text/event-stream")
    ):
        return answer
    kind = KIND_OF_STATUS.get(answer.status_code, "problem")
    said = (
        answer.content.decode("utf-8", "replace").strip()
        if str(answer["Content-Type"]).startswith("text/plain")
        else ""
    )
    if answer.status_code == 405:
        said = f"{request.method} is not among the methods of {request.path[:200]}: {answer.get('Allow', '')}."
    elif answer.status_code == 404:
        said = f"The API has no {request.path[:200]}."
    sentence, _, hint = said.partition("\n")
    shaped = problem(
        kind,
        sentence or f"{TITLES.get(kind, TITLES['problem'])}.",
        hint or "All its routes: /api/docs.",
        answer.status_code,
    )
    for name, value in answer.items():
        if name not in ("Content-Type", "Content-Length", "Content-Encoding"):
            shaped[name] = value
    if answer.status_code == 405:
        vars(shaped)["_has_been_logged"] = True
    return shaped
