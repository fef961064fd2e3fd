"""The small HTTP server of the watch: jobs report here, other programs send alerts, other watchkeepers ask for health.

    GET, HEAD or POST  /ping/KEY[/start|/fail|/log|/EXIT CODE][?rid=RUN ID]     a ping; a body is kept as what the job printed
    POST               /alerts/KEY                                             Alertmanager's webhook
    POST               /alerts/KEY/api/v2/alerts                               what Prometheus posts to an Alertmanager
    GET, HEAD          /health[/KEY]                                           200 or 503; with the key also what is stuck

It knows neither Django nor main, so it answers while both burn. A reply to a ping comes after the ping is durable.
Everything that comes in is bounded in size and time; a connection that only waits gives way to a new one. Paths hold
keys and are never logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import h11

from watchkeeper.adapters.ping_requests import Answer, Asked, Body, Requests
from watchkeeper.core.errors import WatchkeeperError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and counts. head_s: until the head of a request is there; whole_s: until all of it is.

    From `connections` on those that wait for longer than spare_s give way; nobody is let in beyond `most_connections`.
    """

    head_s: float = 10.0
    whole_s: float = 30.0
    answer_s: float = 30.0
    idle_s: float = 15.0
    connections: int = 1000
    most_connections: int = 5000
    spare_s: float = 2.0
    requests: int = 1000
    head_bytes: int = 16_384


class Connections:
    """Who is connected. Those that wait and send nothing are closed to make room; a job that is only waited for is not."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._all: set[asyncio.StreamWriter] = set()
        self._waiting: dict[asyncio.StreamWriter, float] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, writer: asyncio.StreamWriter) -> bool:
        """Take one in; the one that has waited longest gives way. False when there are too many that cannot."""
        if len(self._all) >= self._bounds.connections:
            oldest, since = next(iter(self._waiting.items()), (None, 0.0))
            if oldest is not None and time.monotonic() - since > self._bounds.spare_s:
                self.leave(oldest)
                oldest.transport.abort()
            elif len(self._all) >= self._bounds.most_connections:
                return False
        self._all.add(writer)
        self.waits(writer)
        return True

    def waits(self, writer: asyncio.StreamWriter) -> None:
        """It has sent nothing whole: it may be closed."""
        self._waiting[writer] = time.monotonic()

    def works(self, writer: asyncio.StreamWriter) -> None:
        """Its request is being answered."""
        self._waiting.pop(writer, None)

    def leave(self, writer: asyncio.StreamWriter) -> None:
        """It is gone."""
        self._all.discard(writer)
        self._waiting.pop(writer, None)


class PingServer:
    """Speaks HTTP/1.1 by h11 over streams of asyncio. requests: what is asked of it. trusted: see `PingPlan`."""

    def __init__(self, requests: Requests, trusted: Sequence[str] = (), bounds: Bounds | None = None) -> None:
        self._requests, self._trusted, self._bounds = requests, frozenset(trusted), bounds or Bounds()
        self._connections = Connections(self._bounds)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its begin to its end. Never raises."""
        peer = _address(writer)
        if (self._trusted and peer not in self._trusted) or not self._connections.enter(writer):
            writer.transport.abort()
            return
        try:
            await _Conversation(reader, writer, peer, self._requests, self._bounds, self._connections).run()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # its text may hold the path, and with it a key
            log.error("a connection of the ping server failed in a way it should not: %s", type(error).__name__)
        finally:
            self._connections.leave(writer)
            with contextlib.suppress(Exception):
                writer.close()


class _Conversation:
    """The requests of one connection, one after the other, also when they came in one piece.

    h11 reads. Answers are written here: they are three lines of our own, and by h11 they would cost half of a ping.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str, requests: Requests, bounds: Bounds,
        connections: Connections,
    ) -> None:  # fmt: skip
        self._reader, self._writer, self._peer, self._requests = reader, writer, peer, requests
        self._bounds, self._connections = bounds, connections
        self._http = self._fresh()
        self._continued = False

    def _fresh(self) -> h11.Connection:
        return h11.Connection(h11.SERVER, max_incomplete_event_size=self._bounds.head_bytes)

    async def run(self) -> None:
        """Until either side is done."""
        for number in range(self._bounds.requests):
            self._connections.waits(self._writer)
            try:
                async with asyncio.timeout(self._bounds.idle_s if number else self._bounds.head_s):
                    request = await self._event()
                if not isinstance(request, h11.Request):
                    return
                async with asyncio.timeout(self._bounds.whole_s):
                    asked, body = await self._whole(request)
            except h11.RemoteProtocolError as error:
                told = Answer(error.error_status_hint, "This is not HTTP/1.1 as it should be.\n")
                return await self._send(told, head_only=False, last=True)
            except TimeoutError:
                return await self._send(Answer(408, "The request did not come in time.\n"), head_only=False, last=True)
            self._connections.works(self._writer)
            last = body.over or self._http.their_state is not h11.DONE
            await self._send(await self._answer(asked, body), asked.method == "HEAD", last, linger=body.over)
            if last:
                return
            following, _closed = self._http.trailing_data
            self._http, self._continued = self._fresh(), False
            if following:
                self._http.receive_data(following)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            if self._http.they_are_waiting_for_100_continue and not self._continued:
                self._continued = True
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._http.receive_data(await self._reader.read(65_536))

    async def _whole(self, request: h11.Request) -> tuple[Asked, Body]:
        """The request with its body; of one that is too large the rest is not read."""
        asked = self._requests.understood(request.method, request.target, self._peer)
        body = Body(asked.keeps_body, asked.limit)
        while not body.over:
            event = await self._event()
            if isinstance(event, h11.Data):
                body.add(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
            else:  # the line was cut in the middle
                raise h11.RemoteProtocolError("cut off", 400)
        return asked, body

    async def _answer(self, asked: Asked, body: Body) -> Answer:
        try:
            async with asyncio.timeout(self._bounds.answer_s):
                return await self._requests.answer(asked, body)
        except WatchkeeperError as error:
            return Answer.of(error)
        except TimeoutError:
            return Answer(503, "watchkeeper could not keep it in time. Send it again.\n", (("retry-after", "5"),))
        except Exception as error:
            log.error("a request of the ping server failed in a way it should not: %s", type(error).__name__)
            return Answer(503, "watchkeeper met a fault of its own. Send it again.\n", (("retry-after", "5"),))

    async def _send(self, answer: Answer, head_only: bool, last: bool, linger: bool = True) -> None:
        """last: nothing follows on this connection. linger: the other side may still be sending."""
        data = answer.text.encode()
        kind = "application/json" if answer.text.startswith("{") else "text/plain; charset=utf-8"
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"content-type: {kind}",
            f"content-length: {len(data)}", "cache-control: no-store", "x-content-type-options: nosniff",
            *(f"{name}: {value}" for name, value in answer.headers), *(["connection: close"] if last else []),
        ]  # fmt: skip
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head_only else data))
        if self._writer.transport.get_write_buffer_size():
            async with asyncio.timeout(self._bounds.answer_s):
                await self._writer.drain()
        if last and linger:
            await self._linger()

    async def _linger(self) -> None:
        """Throw away what still comes, for a moment: a reset would take the answer away from a client that still sends."""
        with contextlib.suppress(OSError, TimeoutError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(1.0):
                while await self._reader.read(65_536):
                    pass


def _address(writer: asyncio.StreamWriter) -> str:
    """The address of the other side; that of IPv4 as such, also where it came to an IPv6 socket."""
    name = writer.get_extra_info("peername")
    address = str(name[0]) if isinstance(name, tuple) and name else ""
    return address.removeprefix("::ffff:")
