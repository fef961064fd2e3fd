"""What is asked of the ping server, apart from how HTTP carries it: paths, keys, bodies, answers."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from watchkeeper.core.alerts import Alert, read_posted, read_webhook
from watchkeeper.core.checks.heartbeats import RUN_ID_LENGTH, Ping, Status, status_of_exit
from watchkeeper.core.errors import Forbidden, NoAnswer, StoreAway, WatchkeeperError
from watchkeeper.core.keys import Ring
from watchkeeper.services.ports import Clock

log = logging.getLogger(__name__)
MOST_BODY, MOST_ALERTS = 16 * 1024 * 1024, 1024 * 1024
HEAD_BYTES, TAIL_BYTES = 8_000, 32_000
MOST_HELD = 10_000
"""Keys that were found to hold, until the ring is another one: they last, and to look costs a quarter of a ping."""
_RUN_ID = re.compile(rf"[A-Za-z0-9._:-]{{1,{RUN_ID_LENGTH}}}\Z")
_CODE = re.compile(r"\d{1,3}\Z")
_STATUS_OF_KIND = {"usage": 400, "invalid": 422, "forbidden": 404, "not_found": 404, "locked": 409}
NO_SUCH = "There is nothing at this address: its key does not hold, or was replaced.\n"

Health = Callable[[], Awaitable[list[str]]]


class Watch(Protocol):
    """What the server needs of the watch."""

    async def ping(self, ping: Ping) -> None: ...

    async def take_alerts(self, alerts: Sequence[Alert]) -> None: ...

    def heartbeat(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """text: of the body; JSON when it begins with a brace."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, error: WatchkeeperError) -> Answer:
        """A refusal. Whether a key is wrong, replaced or of nothing any more is told to nobody."""
        if isinstance(error, Forbidden):
            return cls(404, NO_SUCH)
        if isinstance(error, NoAnswer | StoreAway):
            return cls(503, f"{error}\n", (("retry-after", "5"),))
        return cls(_STATUS_OF_KIND.get(error.kind, 400), f"{error}\n")


KEPT = Answer(200, "OK\n")
UNKEPT = Answer(503, "watchkeeper could not keep it in time. Send it again.\n", (("retry-after", "5"),))
FAILED = Answer(503, "watchkeeper met a fault of its own. Send it again.\n", (("retry-after", "5"),))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as its head says. what: ping, alerts, posted, health, or "" for nothing that is here.

    action: of a ping. refusal: why it is refused, once its body was read.
    """

    method: str
    what: str
    key: str = ""
    action: str = ""
    rid: str = ""
    peer: str = ""
    refusal: Answer | None = None

    @property
    def keeps_body(self) -> bool:
        """Whether the whole body matters; of a ping its beginning and end do."""
        return self.what in ("alerts", "posted")

    @property
    def limit(self) -> int:
        """Bytes of a body."""
        return MOST_BODY if self.what == "ping" else MOST_ALERTS


class Body:
    """What arrives, bounded. whole: keep all of it up to the limit, else beginning and end. over: more came than may."""

    def __init__(self, whole: bool, limit: int) -> None:
        self._whole, self._limit = whole, limit
        self._head, self._tail = bytearray(), bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        """The next piece."""
        self._size += len(data)
        if self._whole:
            self._head += data
            return
        room = HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]

    @property
    def over(self) -> bool:
        """Whether more came than is read."""
        return self._size > self._limit

    @property
    def bytes(self) -> bytes:
        """All of it, where it is kept whole."""
        return bytes(self._head)

    @property
    def text(self) -> str:
        """Beginning and end. Where the middle is missing the end begins with a whole line: half a secret is not known
        as one."""
        head, tail = bytes(self._head), bytes(self._tail[-TAIL_BYTES:])
        if self._size > len(head) + len(tail):
            head, tail = head[: head.rfind(b"\n") + 1] or head[:100], tail[tail.find(b"\n") + 1 :]
            return _decoded(head) + "[... cut ...]\n" + _decoded(tail)
        return _decoded(head + tail)


def _decoded(data: bytes) -> str:
    """Text without the control characters that a terminal would obey."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


class Requests:
    """Understands and answers. ring: the lasting keys of now, None while there are none. health: what is stuck."""

    def __init__(self, watch: Watch, ring: Callable[[], Ring | None], health: Health, clock: Clock) -> None:
        self._watch, self._ring, self._health, self._clock = watch, ring, health, clock
        self._held: tuple[Ring | None, dict[tuple[str, str], str]] = (None, {})

    def understood(self, method: bytes, target: bytes, peer: str) -> Asked:
        """The request as its head says. What is refused is so after its body was read, so that the client hears why."""
        verb = method.decode("latin-1")
        whole, _, query = _origin_form(target.decode("latin-1")).partition("?")
        path = whole.split("/")[1:]
        if "%" in whole:
            path = [unquote(part) for part in path]
        what, key, rest = path[0] if path else "", path[1] if len(path) > 1 else "", path[2:]
        if what == "ping" and key:
            asked = _asked_ping(verb, key, rest, query, peer)
        elif what == "alerts" and key and rest in ([], ["api", "v2", "alerts"]):
            asked = Asked(verb, "posted" if rest else "alerts", key, peer=peer)
        elif what == "health" and not rest:
            asked = Asked(verb, "health", key, peer=peer)
        else:
            return Asked(verb, "", refusal=Answer(404, NO_SUCH))
        allowed = {"ping": "GET, HEAD, POST", "health": "GET, HEAD"}.get(asked.what, "POST")
        if verb not in allowed.split(", "):
            return Asked(verb, "", refusal=Answer(405, f"{verb[:20]} is not taken here.\n", (("allow", allowed),)))
        return asked

    async def answered(self, asked: Asked, body: Body) -> Answer:
        """As `answer`; whatever goes wrong is an answer too."""
        try:
            return await self.answer(asked, body)
        except WatchkeeperError as error:
            return Answer.of(error)
        except Exception as error:  # its text may hold the path, and with it a key
            log.error("a request of the ping server failed in a way it should not: %s", type(error).__name__)
            return FAILED

    async def answer(self, asked: Asked, body: Body) -> Answer:
        """Do what is asked. Raises `WatchkeeperError` for what cannot be done."""
        if asked.refusal is not None:
            return asked.refusal
        if asked.what == "ping":
            return await self._ping(asked, body)
        if asked.what == "health":
            return await self._healthy(asked)
        self._subject("alerts", asked.key)
        if body.over:
            return Answer(413, f"More than {MOST_ALERTS} bytes of alerts came at once. Send them in groups.\n")
        read = read_posted if asked.what == "posted" else read_webhook
        await self._watch.take_alerts(read(body.bytes, self._clock()))
        return KEPT

    async def _ping(self, asked: Asked, body: Body) -> Answer:
        check = self._watch.heartbeat(self._subject("ping", asked.key))
        text = body.text if asked.method == "POST" else ""
        code = int(asked.action) if _CODE.match(asked.action) else None
        ping = Ping(
            check=check,
            at=self._clock(),
            status=status_of_exit(code) if code is not None else _ACTIONS[asked.action],
            rid=asked.rid,
            exit_code=code,
            body=text,
            source=f"{asked.method} from {asked.peer}",
        )
        await self._watch.ping(ping)
        return KEPT

    async def _healthy(self, asked: Asked) -> Answer:
        """Without the key only whether something is stuck: what it is may tell of things inside."""
        if asked.key:
            self._subject("health", asked.key)
        faults = await self._health()
        told: dict[str, object] = {"ok": not faults, "faults": faults if asked.key else []}
        return Answer(503 if faults else 200, json.dumps({"health": told}) + "\n")

    def _subject(self, purpose: str, key: str) -> str:
        ring = self._ring()
        if ring is None:
            raise NoAnswer("The keys of this watchkeeper are not known yet.", "main makes them when it starts.")
        by, held = self._held
        if by is not ring:  # other keys hold: nothing that was looked at before counts
            by, held = self._held = ring, {}
        subject = held.get((purpose, key))
        if subject is None:
            subject = ring.subject_of(purpose, key, self._clock())
            if len(held) < MOST_HELD:
                held[purpose, key] = subject
        return subject


def _origin_form(target: str) -> str:
    """The path and query of a request; a proxy may have been asked for the whole address."""
    if target.startswith("/"):
        return target.partition("#")[0]
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}"


_ACTIONS: dict[str, Status] = {"": "success", "success": "success", "start": "start", "fail": "fail", "log": "log"}


def _asked_ping(verb: str, key: str, rest: list[str], query: str, peer: str) -> Asked:
    action = rest[0] if rest else ""
    if len(rest) > 1 or (action not in _ACTIONS and not (_CODE.match(action) and int(action) <= 255)):
        known = "A ping is /start, /fail, /log, an exit code from 0 to 255, or nothing after the key.\n"
        return Asked(verb, "ping", refusal=Answer(400, known))
    rid = parse_qs(query, max_num_fields=20).get("rid", [""])[0] if query else ""
    if rid and not _RUN_ID.match(rid):
        told = f"rid is at most {RUN_ID_LENGTH} letters, digits and any of . _ : -\n"
        return Asked(verb, "ping", refusal=Answer(400, told))
    return Asked(verb, "ping", key, action, rid, peer)
