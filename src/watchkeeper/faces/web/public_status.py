"""The public status page as bytes: made once for all viewers, served before Django so that a crowd costs the watch nothing.

One rendering serves everybody for five seconds, or until something changed; a look at whether it did is made at most once
a second, in a thread of its own, while the viewers get what is there. Nothing here asks who is calling.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.web.guard import HEADERS, is_allowed

log = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FRESH_S, LOOK_S, STALE_S = 5.0, 1.0, 10.0
"""How long a rendering is good; how often it is asked whether something changed; older than that nobody gets one."""
MOST_KEPT = 256
SHARED = "public, max-age=5"
_PATH = re.compile(
    r"/status(?:/?|\.json|/feed\.xml|/rss\.xml|/badge\.svg|/history/(?P<month>\d{4}-\d{2})"
    r"|/badge/(?P<key>[a-z0-9-]{1,63})(?:/(?P<days>30|90))?\.svg)\Z"
)
_OPEN = {"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"}
"""Of badges, feeds and JSON: other sites show them."""


@dataclass(slots=True)
class Answer:
    """One address, ready to be sent. made_at, looked_at: monotonic. version: of what it was made from."""

    status: int
    body: bytes
    packed: bytes
    etag: bytes
    plain_headers: list[tuple[bytes, bytes]]
    packed_headers: list[tuple[bytes, bytes]]
    version: object = None
    made_at: float = 0.0
    looked_at: float = 0.0


def answer_of(status: int, kind: str, body: bytes, shared: bool = False) -> Answer:
    """An answer with its headers. shared: other sites may show it."""
    packed = gzip.compress(body, 6, mtime=0)
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'.encode()
    headers = {
        **HEADERS,
        **(_OPEN if shared else {}),
        "Content-Type": kind,
        "Cache-Control": SHARED,
        "Vary": "Accept-Encoding",
    }
    common = [(name.lower().encode(), value.encode()) for name, value in headers.items()] + [(b"etag", etag)]
    whole = [*common, (b"content-length", str(len(body)).encode())]
    short = [*common, (b"content-length", str(len(packed)).encode()), (b"content-encoding", b"gzip")]
    return Answer(status, body, packed, etag, whole, short)


def is_ours(path: str) -> bool:
    """Whether this address belongs to the status page."""
    return path.startswith("/status") and _PATH.match(path) is not None


def refusal(sentence: str, status: int = 404) -> Answer:
    """A few words."""
    return answer_of(status, "text/plain; charset=utf-8", f"{sentence}\n".encode())


def make(path: str) -> Answer:
    """One address, made now. Blocks: for threads."""
    from watchkeeper.core.errors import NotFound
    from watchkeeper.faces.web import status_page

    try:
        return status_page.rendered(path)
    except NotFound as error:
        return refusal(error.sentence)


def known(path: str) -> bool:
    """Whether there is such an address now; costs nothing, so that guessed ones are not made."""
    policy = application().holder.current.team.status_page
    found = _PATH.match(path)
    if policy is None or found is None:
        return False
    key = found["key"]
    return key is None or any(each.key == key for each in policy.shown)


class PublicStatus:
    """Answers the addresses of the status page; everything else goes to `app`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(1, "status page")
        self._kept: dict[str, Answer] = {}
        self._first: dict[str, asyncio.Future[Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_ours(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if scope["method"] not in ("GET", "HEAD"):
            await _send(send, refusal("This page can only be read.", 405), {}, False)
            return
        if not _may_ask(headers):
            await _send(send, refusal("This page does not answer to that name.", 400), {}, False)
            return
        path = scope["path"].rstrip("/")
        answer = await self._of(path) if known(path) else refusal("There is no such page here.")
        await _send(send, answer, headers, scope["method"] == "HEAD")

    async def _of(self, path: str) -> Answer:
        """What is kept; made anew beside it when it may be old, and waited for only when nothing young enough is there."""
        kept, now = self._kept.get(path), time.monotonic()
        if kept is not None and now - kept.looked_at <= LOOK_S:
            return kept
        work = self._first.get(path)
        if work is None:
            work = asyncio.get_running_loop().run_in_executor(self._threads, self._renewed, path, kept)
            self._first[path] = work
            work.add_done_callback(lambda _: self._first.pop(path, None))
        if kept is not None and now - kept.looked_at <= STALE_S:
            work.add_done_callback(lambda done: done.exception())  # said in the log already
            return kept
        try:
            return await asyncio.shield(work)
        except Exception:
            return refusal("The page could not be made just now. Look again in a minute.", 503)

    def _renewed(self, path: str, kept: Answer | None) -> Answer:
        """In a thread: the kept one while nothing changed and it is not too old, else a new one."""
        try:
            version, now = application().status_page.version(), time.monotonic()
            if kept is None or kept.version != version or now - kept.made_at >= FRESH_S:
                made = make(path)
                made.version, made.made_at = version, now
                kept = made
            kept.looked_at = time.monotonic()
            if path not in self._kept and len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[path] = kept
            return kept
        except Exception:
            log.exception("%s could not be made", path)
            raise


def _may_ask(headers: dict[bytes, bytes]) -> bool:
    """Through the socket, or by a name that is ours, the public address among them."""
    if headers.get(b"x-watchkeeper-way", b"tcp") != b"tcp":
        return True
    return is_allowed(headers.get(b"host", b"").decode("latin-1"), "/status/")


async def _send(send: Send, answer: Answer, headers: dict[bytes, bytes], head: bool) -> None:
    packed = b"gzip" in headers.get(b"accept-encoding", b"")
    same = answer.etag in headers.get(b"if-none-match", b"") and answer.status == 200
    listed = answer.packed_headers if packed else answer.plain_headers
    if same:
        listed = [pair for pair in listed if pair[0] not in (b"content-length", b"content-encoding")]
    await send({"type": "http.response.start", "status": 304 if same else answer.status, "headers": listed})
    body = b"" if same or head else answer.packed if packed else answer.body
    await send({"type": "http.response.body", "body": body})


def json_bytes(value: object) -> bytes:
    """As `/status.json` shows it."""
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
