"""The API as the tools call it: one way in, whoever carries it. A tool can do what its caller's API could, and no more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from watchkeeper.core.errors import WatchkeeperError

BASE = "/api/v1"


class Transport(Protocol):
    """One request of the API and its answer: (status, headers, body). It carries who calls; the tools never see that."""

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]: ...


class Refused(WatchkeeperError):
    """The API said no. what: the kind of the failure, as the API names it."""

    def __init__(self, what: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint)
        self.what = what


class Api:
    """Calls of the API as JSON. Raises `Refused` with the sentence and the hint of the refusal."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """GET; values that are None or empty are left out."""
        return self._object("GET", with_query(path, query))

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """POST a JSON object."""
        return self._object("POST", path, json.dumps(body).encode())

    def text(self, path: str, **query: object) -> tuple[str, Mapping[str, str]]:
        """GET something that is not JSON, with the headers in lower case."""
        headers, body = self._answer("GET", with_query(path, query))
        return body.decode("utf-8", "replace"), headers

    def _object(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        answer = self._answer(method, path, body)[1]
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Refused("problem", f"The answer to {method} {path.partition('?')[0]} is not JSON.", "See: wk doctor.")
        return found

    def _answer(self, method: str, path: str, body: bytes = b"") -> tuple[Mapping[str, str], bytes]:
        status, headers, answer = self._transport.request(method, BASE + path, body)
        if status >= 400 and not (status == 503 and answer.startswith(b'{"status": {')):
            raise refusal(status, answer)
        return {name.lower(): value for name, value in headers.items()}, answer


def refusal(status: int, body: bytes) -> Refused:
    """What a problem of the API says."""
    try:
        told = json.loads(body)
        return Refused(str(told["kind"]), str(told["detail"]), str(told.get("hint") or ""))
    except (ValueError, KeyError, TypeError):
        return Refused("problem", f"watchkeeper answered {status}, without a reason.", "Its log says more: wk doctor.")


def part(text: object) -> str:
    """One part of a path: nothing in it ends it, so an argument never becomes another address."""
    quoted = quote(str(text), safe="")
    return "%2E" * len(quoted) if quoted in (".", "..") else quoted


def path_of(text: str) -> str:
    """A path of a document within an address; steps upwards are refused before anything is asked."""
    parts = [each for each in text.split("/") if each]
    if not parts or any(each in (".", "..") for each in parts) or "\0" in text or "\\" in text:
        raise Refused("usage", f"{text[:80]!r} is no path of the ops repo.", "Take one that a list or a search gave.")
    return "/".join(quote(each, safe="") for each in parts)


def with_query(path: str, query: Mapping[str, object]) -> str:
    """`path` with what is not empty of the query."""
    given = {name: str(value).lower() if isinstance(value, bool) else str(value)
             for name, value in query.items() if value is not None and value != ""}  # fmt: skip
    return f"{path}?{urlencode(given)}" if given else path
