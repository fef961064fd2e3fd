"""The header ``Idempotency-Key`` on writes: the same request twice is done once and answered the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.api import problems
from watchkeeper.faces.api.calling import actor_of

WRITES = ("POST", "PUT", "PATCH", "DELETE")
SECRETS = frozenset(
    {"token", "secret", "key", "codes", "recovery_codes", "password", "invitation", "link", "url", "uri"}
)
"""Names of what is shown once: an answer that holds one, at the top or below its noun, is never kept."""


def once(run: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of every route."""

    @wraps(run)
    def answer(request: HttpRequest, *args: Any, **values: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in WRITES:
            return run(request, *args, **values)
        try:
            actor = actor_of(request)
            named = f"{actor.kind} {actor.name}"
            kept = application().idempotency.take(named, key, request.method, request.get_full_path(), request.body)
        except WatchkeeperError as error:
            return problems.told(error)
        if kept is None:
            return carried_out(lambda: run(request, *args, **values), named, key)
        again = HttpResponse(kept.answer, status=kept.status, content_type=kept.content_type)
        again["Idempotency-Replayed"] = "true"
        return again

    return answer


def carried_out(run: Callable[[], Any], actor: str, key: str) -> Any:
    """The answer, once it is kept under its key. A refusal did nothing, so it gives the key back."""
    idempotency = application().idempotency
    told = run()  # ninja turns every fault into an answer
    if 400 <= told.status_code < 500:
        idempotency.give_back(actor, key)
        return told
    plain = not told.streaming and str(told.get("Content-Type", "")).startswith(("application/", "text/"))
    text = told.content.decode("utf-8", "replace") if plain else None
    shown = None if text is None or holds_secret(text) else text
    idempotency.keep(actor, key, told.status_code, str(told.get("Content-Type", "")), shown)
    return told


def holds_secret(text: str) -> bool:
    """Whether an answer shows what is shown once."""
    try:
        told = json.loads(text)
    except ValueError:
        return False
    if not isinstance(told, dict):
        return False
    names = set(told)
    for each in told.values():
        names |= set(each) if isinstance(each, dict) else set()
    return bool(names & SECRETS)
