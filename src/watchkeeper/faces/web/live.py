"""Live events by ASGI, beside Django: a nudge whenever something changed, and the lines of a step as they come.

One look each quarter second serves every viewer, in a thread of its own, so the loop is never blocked and fifty viewers
cost what one does. Nothing is asked while nobody looks.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.web.guard import HEADERS, is_allowed
from watchkeeper.faces.web.runs import plain
from watchkeeper.identity.callers import Asked

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOK_S = 0.25
HEARTBEAT_S = 15.0
CHUNK = 65_536
MOST_VIEWERS = 200
_STEP = re.compile(r"^/runs/(\d{1,15})/steps/(\d{1,6})/live$")


class Pulse:
    """Looks for changes while somebody listens, and wakes all listeners at once."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._task: asyncio.Task[None] | None = None
        self._seen = ""
        self._beat = asyncio.Event()
        self._listeners = 0

    @property
    def seen(self) -> str:
        """What was seen last: store revision and newest flip."""
        return self._seen

    def join(self) -> None:
        """One more listener; the first one starts the looking."""
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())

    def leave(self) -> None:
        """One listener less; after the last one nobody looks."""
        self._listeners -= 1
        if self._listeners <= 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def wait(self, timeout_s: float) -> bool:
        """True when something changed, False after the timeout."""
        try:
            await asyncio.wait_for(self._beat.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                seen = await loop.run_in_executor(self._threads, _state_of_things)
            except WatchkeeperError:
                seen = self._seen
            if seen != self._seen:
                self._seen = seen
                beat, self._beat = self._beat, asyncio.Event()
                beat.set()
            await asyncio.sleep(LOOK_S)


def _state_of_things() -> str:
    app = application()
    return f"{app.store.revision}.{app.history.newest_flip()}"


class Tail:
    """The newest bytes of steps, read once for all who watch the same one."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._kept: dict[tuple[int, int, int], tuple[float, asyncio.Future[tuple[bytes, int, bool]]]] = {}

    async def read(self, run: int, step: int, offset: int) -> tuple[bytes, int, bool]:
        """(bytes, next offset, whether the step has ended)."""
        key, now = (run, step, offset), time.monotonic()
        found = self._kept.get(key)
        if found is None or now - found[0] > LOOK_S * 0.9:
            self._kept = {name: kept for name, kept in self._kept.items() if now - kept[0] <= LOOK_S}
            work = asyncio.get_running_loop().run_in_executor(self._threads, _output, run, step, offset)
            found = self._kept[key] = (now, work)
        return await asyncio.shield(found[1])


def _output(run: int, step: int, offset: int) -> tuple[bytes, int, bool]:
    return application().runs.output(run, step, offset, CHUNK)


class Live:
    """Answers the two live addresses; everything else goes to `app`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(2, "live")
        self._pulse: Pulse | None = None
        self._tail = Tail(self._threads)
        self._viewers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        step = _STEP.match(path)
        if path != "/live" and step is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, sentence = await self._may(headers, nudges=step is None)
        if status != 200:
            await _refuse(send, status, sentence)
            return

        async def still() -> bool:
            """Whether the session is not over; asked every now and then, since a stream may be open for days."""
            return (await self._may(headers, nudges=step is None, more=False))[0] == 200

        offset = _offset(scope, headers)
        events = self._lines(int(step[1]), int(step[2]), offset, send, still) if step else self._nudges(send, still)
        self._viewers += 1
        try:
            await _begin(send)
            await _until_gone(events, receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._viewers -= 1

    async def _may(self, headers: dict[str, str], nudges: bool, more: bool = True) -> tuple[int, str]:
        way = headers.get("x-watchkeeper-way", "tcp")
        if way == "tcp" and not is_allowed(headers.get("host", ""), "/live"):
            return 400, "This page answers to its own addresses only."
        if more and self._viewers >= MOST_VIEWERS:
            return 503, f"{MOST_VIEWERS} live views are open already. Close some."
        peer, cookie = headers.get("x-watchkeeper-peer", ""), headers.get("cookie", "")
        return await asyncio.get_running_loop().run_in_executor(self._threads, _known, way, peer, cookie, nudges)

    async def _nudges(self, send: Send, still: Callable[[], Awaitable[bool]]) -> None:
        """A nudge at once (the page may be older than the stream), then one per change."""
        if self._pulse is None:
            self._pulse = Pulse(self._threads)
        pulse = self._pulse
        pulse.join()
        asked_at, changed = time.monotonic(), True
        try:
            while True:
                if changed:
                    await _event(send, event="nudge", data=(pulse.seen or "0",))
                else:
                    await _body(send, b": still here\n\n")
                changed = await pulse.wait(HEARTBEAT_S)
                if time.monotonic() - asked_at > HEARTBEAT_S:
                    asked_at = time.monotonic()
                    if not await still():
                        return
        finally:
            pulse.leave()

    async def _lines(self, run: int, step: int, offset: int, send: Send, still: Callable[[], Awaitable[bool]]) -> None:
        """Lines appended to the output of a step, each event named by the byte behind it."""
        quiet_since = asked_at = time.monotonic()
        while True:
            if time.monotonic() - asked_at > HEARTBEAT_S:
                asked_at = time.monotonic()
                if not await still():
                    return
            try:
                data, following, done = await self._tail.read(run, step, offset)
            except WatchkeeperError as error:
                await _event(send, event="end", data=(error.sentence,))
                return
            whole = data if done or len(data) >= CHUNK else data[: data.rfind(b"\n") + 1]
            if whole:
                offset += len(whole)
                await _event(send, number=offset, data=plain(whole).removesuffix("\n").split("\n"))
                quiet_since = time.monotonic()
            if done and following <= offset:
                await _event(send, number=offset, event="end", data=("done",))
                return
            if len(data) < CHUNK:
                await asyncio.sleep(LOOK_S)
            if time.monotonic() - quiet_since > HEARTBEAT_S:
                await _body(send, b": still here\n\n")
                quiet_since = time.monotonic()


def _known(way: str, peer: str, cookie: str, nudges: bool) -> tuple[int, str]:
    """Whether this browser may listen, as (status, sentence). nudges: they tell nothing, so a wall may have them."""
    app = application()
    try:
        if way == "tcp":
            key = _session_key(cookie)
            if nudges and app.walls.is_wall_cookie(key):
                return 200, ""
            app.door.visiting_by_cookie(key)
        else:
            app.door.calling(Asked(way, int(peer) if peer.isdigit() else None))
    except WatchkeeperError as error:
        return 403, str(error)
    return 200, ""


def _session_key(cookie: str) -> str:
    """The value of our session cookie in a Cookie header; "" without one."""
    try:
        kept = SimpleCookie(cookie).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        kept = None
    return kept.value[:200] if kept is not None else ""


def _offset(scope: Scope, headers: dict[str, str]) -> int:
    """Where to go on: the last event this browser has, else what the address says."""
    from urllib.parse import parse_qs

    asked = (
        headers.get("last-event-id") or parse_qs(scope.get("query_string", b"").decode("latin-1")).get("from", ["0"])[0]
    )
    return int(asked) if asked.isdigit() and len(asked) < 15 else 0


async def _begin(send: Send) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    headers += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _body(send, b"retry: 2000\n\n")


async def _refuse(send: Send, status: int, sentence: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    headers += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": (sentence + "\n").encode()})


async def _event(send: Send, data: Iterable[str], event: str = "", number: int | None = None) -> None:
    head = (f"id: {number}\n" if number is not None else "") + (f"event: {event}\n" if event else "")
    await _body(send, (head + "".join(f"data: {line}\n" for line in data) + "\n").encode())


async def _body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _until_gone(events: Awaitable[None], receive: Receive) -> None:
    """Send until the stream ends or the browser goes away."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.ensure_future(events), asyncio.ensure_future(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
