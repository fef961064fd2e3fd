"""The API from within main: each request of a tool goes through Django as if its caller had sent it himself."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

Scope = MutableMapping[str, Any]
Handler = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PASSED_ON = ("authorization", "host", "user-agent", "forwarded")
_PREFIXES = ("x-watchkeeper-", "x-forwarded-")
"""What says who calls, as our own doorway wrote it or as the caller proved it. Cookies are not among it."""


class Inside:
    """Implements `calls.Transport`. handler: Django as WSGI; scope: of the request that the tool call came with."""

    def __init__(self, handler: Handler, scope: Scope) -> None:
        self._handler = handler
        self._environ = _environ(scope)

    def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]:
        """One request, in this thread; it blocks."""
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            answer["status"], answer["headers"] = int(status.split()[0]), dict(headers)

        route, _, query = path.partition("?")
        environ = {
            **self._environ, "REQUEST_METHOD": method, "PATH_INFO": unquote_to_bytes(route).decode("latin-1"),
            "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
        }  # fmt: skip
        if method != "GET":
            environ["CONTENT_TYPE"] = "application/json"
        parts = self._handler(environ, start_response)
        try:
            data = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        return answer["status"], answer["headers"], data


def _environ(scope: Scope) -> dict[str, Any]:
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("localhost", 0)
    environ: dict[str, Any] = {
        "SERVER_NAME": str(server[0]), "SERVER_PORT": str(server[1] or 0), "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": str(client[0]), "wsgi.version": (1, 0), "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False, "SCRIPT_NAME": "",
    }  # fmt: skip
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in _PASSED_ON or name.startswith(_PREFIXES):
            environ["HTTP_" + name.upper().replace("-", "_")] = value.decode("latin-1")
    return environ
