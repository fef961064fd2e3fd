"""``/mcp`` by Streamable HTTP beside Django: one POST, one JSON answer, nothing kept between two of them.

Before the SDK is even imported a request has shown its token, its Host and its Origin: strangers cost nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from watchkeeper.faces.mcp.calls import BASE
from watchkeeper.faces.mcp.inside import Handler, Inside, Scope

log = logging.getLogger(__name__)
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATHS = ("/mcp", "/mcp/")
LARGEST_BODY = 256 * 1024
MOST_AT_ONCE = 32
THREADS = 4
_KINDS = {400: "usage", 401: "forbidden", 403: "forbidden", 405: "usage", 413: "usage", 415: "usage", 503: "locked"}


class Mount:
    """Answers ``/mcp``; everything else goes to `app`. handler: makes Django as WSGI, at the first request."""

    def __init__(self, app: App, handler: Callable[[], Handler]) -> None:
        self._app = app
        self._make_handler = handler
        self._handler: Handler | None = None
        self._threads = ThreadPoolExecutor(THREADS, "mcp")
        self._manager: Any = None
        self._kept: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        fault = refusal(str(scope["method"]), headers)
        if fault is None and self._busy >= MOST_AT_ONCE:
            fault = (503, f"{MOST_AT_ONCE} calls of agents are at work already.", "Call again in a moment.")
        if fault is not None:
            await _refuse(send, *fault)
            return
        self._busy += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._busy -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        status, headers, body = await loop.run_in_executor(self._threads, self._known, scope)
        if status != 200:
            await _answer(send, status, headers, body)
            return
        try:
            manager = await self._started()
        except ImportError:
            log.warning("/mcp was asked for, and the package mcp is not installed")
            await _refuse(
                send, 503, "This installation has no MCP: the package mcp is missing.", "Install watchkeeper[mcp]."
            )
            return
        await manager.handle_request({**scope, "path": PATHS[0]}, receive, send)

    def _known(self, scope: Scope) -> tuple[int, Any, bytes]:
        """Whether the API knows this caller, as it says itself: token, Host, budget."""
        if self._handler is None:
            self._handler = self._make_handler()
        return Inside(self._handler, scope).request("GET", f"{BASE}/mcp")

    async def _started(self) -> Any:
        """The manager of the SDK, made at the first request of a known caller; its tasks end with the loop."""
        async with self._starting:
            if self._manager is None or self._kept is None or self._kept.done():
                ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                made = await asyncio.get_running_loop().run_in_executor(self._threads, self._made)
                self._kept = asyncio.create_task(_keep(made, ready))
                self._manager = await ready
        return self._manager

    def _made(self) -> Any:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from watchkeeper.faces.mcp.serving import build_server

        def caller(context: Any) -> Inside:
            assert self._handler is not None
            return Inside(self._handler, context.request.scope)

        server = build_server(caller, self._threads)
        return StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=LARGEST_BODY
        )


async def _keep(manager: Any, ready: asyncio.Future[Any]) -> None:
    """The life of the manager."""
    try:
        async with manager.run():
            ready.set_result(manager)
            await asyncio.Event().wait()
    except BaseException as fault:
        if not ready.done():
            ready.set_exception(fault)
        raise


def refusal(method: str, headers: dict[str, str]) -> tuple[int, str, str] | None:
    """(status, sentence, hint) of a request that is refused unread; None when it may go on."""
    way = headers.get("x-watchkeeper-way", "tcp")
    if method != "POST":
        sentence = f"/mcp takes POST, not {method[:20]}: nothing is kept between two calls."
        return 405, sentence, "Use a client of MCP: wk mcp --print-config."
    if not _same_origin(headers):
        return 403, "A page of another origin may not call /mcp.", "Call it from a program, not from a browser."
    if way == "tcp" and not headers.get("authorization", "").lower().startswith("bearer "):
        return 401, "/mcp needs a token: Authorization: Bearer TOKEN.", "Make one for the agent: wk token add."
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "/mcp takes JSON.", "Send Content-Type: application/json."
    length = headers.get("content-length", "")
    if length and not (length.isascii() and length.isdigit()):
        return 400, "The length of the body is no number.", "Send Content-Length."
    if length and (len(length) > 9 or int(length) > LARGEST_BODY):
        return 413, f"The body is larger than the {LARGEST_BODY} bytes that are taken here.", "Send less."
    return None


def _same_origin(headers: dict[str, str]) -> bool:
    """No Origin (a program), or that of the address that was called."""
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme, separator, place = origin.partition("://")
    return bool(separator) and scheme in ("http", "https") and place.lower() == headers.get("host", "").lower() != ""


async def _refuse(send: Send, status: int, sentence: str, hint: str) -> None:
    kind = _KINDS.get(status, "problem")
    told = {"type": f"urn:watchkeeper:problem:{kind}", "title": sentence, "status": status, "detail": sentence}
    told |= {"kind": kind, "hint": hint}
    await _answer(send, status, {"Content-Type": "application/problem+json"}, json.dumps(told).encode())


async def _answer(send: Send, status: int, headers: Any, body: bytes) -> None:
    kept = {name.lower(): value for name, value in headers.items()}
    kept |= {"cache-control": "no-store", "x-content-type-options": "nosniff", "content-length": str(len(body))}
    if status == 401:
        kept["www-authenticate"] = "Bearer"
    if status == 405:
        kept["allow"] = "POST"
    pairs = [(name.encode("latin-1"), str(value).encode("latin-1", "replace")) for name, value in kept.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
