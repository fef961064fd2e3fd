"""What no route wants to meet: JSON without end or depth, numbers that no database takes, NUL in texts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.parser import Parser

from watchkeeper.core.errors import Invalid

LARGEST_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader takes as it is (RFC 7493)."""
DEEPEST = 24


class BoundedParser(Parser):
    """Reads a JSON body; refuses with 400 what is none, and what is deeper than any of ours."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body as data."""
        try:
            return _read(request)
        except HttpError as refusal:
            vars(request)["watchkeeper_refusal"] = refusal  # ninja puts a sentence of its own in its place
            raise


def _read(request: HttpRequest) -> Any:
    kind = str(request.META.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise HttpError(415, f"A body of the type {kind[:60]} is not taken: send application/json")
    try:
        data = json.loads(request.body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
        raise HttpError(400, f"The body is not JSON: {why}") from None
    if data is not None and not isinstance(data, dict):
        raise HttpError(400, "The body is not taken: it is one JSON object")
    if (fault := fault_of(data)) is not None:
        raise HttpError(400, f"The body is not taken: {fault}")
    return data


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def fault_of(data: Any) -> str | None:
    """Why this JSON is not taken, or None."""
    level = [data]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += [*each.keys(), *each.values()]
            elif isinstance(each, list):
                below += each
            elif (why := _wrong(each)) is not None:
                return why
        if not below:
            return None
        level = below
    return f"it is nested more than {DEEPEST} levels deep"


def _wrong(value: Any) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "a text holds a NUL character"
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            return "a text holds half a character (a lone surrogate)"
    elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        return f"a whole number is beyond {LARGEST_NUMBER}"
    elif isinstance(value, float) and not math.isfinite(value):
        return "a number is beyond all bounds"
    return None


def bounded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of every route: what came in path and query holds the same bounds."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **values: Any) -> Any:
        for name, value in values.items():
            if (why := _wrong(value)) is not None:
                raise Invalid(f"{name} is not taken: {why}.", "All fields of this route: /api/docs.")
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise Invalid("The query holds a NUL character.", "All fields of this route: /api/docs.")
        return view(request, *args, **values)

    return answer
