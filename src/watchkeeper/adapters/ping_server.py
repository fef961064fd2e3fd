"""The small HTTP server of the watch: jobs report here, other programs send alerts, other watchkeepers ask for health.

    GET, HEAD or POST  /ping/KEY[/start|/fail|/log|/EXIT CODE][?rid=RUN ID]     a ping; a body is kept as what the job printed
    POST               /alerts/KEY                                             Alertmanager's webhook
    POST               /alerts/KEY/api/v2/alerts                               what Prometheus posts to an Alertmanager
    GET, HEAD          /health[/KEY]                                           200 or 503; with the key also what is stuck

It knows neither Django nor main, so it answers while both burn. A reply to a ping comes after the ping is durable.
Everything that comes in is bounded in size and time; a connection that only waits gives way to a new one. Paths hold
keys and are never logged.

A connection begins as a `_Line`, which takes plain requests (`ping_plain`) without h11 and streams: those cost more than all
the rest of a ping. At the first word that is anything else it becomes a `Conversation` and stays one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from watchkeeper.adapters.ping_connections import Bounds, Connections
from watchkeeper.adapters.ping_conversation import UNHEARD, Conversation, written
from watchkeeper.adapters.ping_plain import read_plain
from watchkeeper.adapters.ping_requests import KEPT, UNKEPT, Answer, Asked, Body, Requests

__all__ = ["Bounds", "PingServer"]

log = logging.getLogger(__name__)
_KEPT = {(head_only, last): written(KEPT, head_only, last) for head_only in (True, False) for last in (True, False)}
LOOKS_PER_BOUND = 4


class PingServer:
    """Who is connected to one listening socket. requests: what is asked of it. trusted: see `PingPlan`.

    `line` makes what asyncio wants for each connection; it has to be called in the loop that serves it.
    """

    def __init__(self, requests: Requests, trusted: Sequence[str] = (), bounds: Bounds | None = None) -> None:
        self.requests, self.trusted, self.bounds = requests, frozenset(trusted), bounds or Bounds()
        self.connections = Connections(self.bounds)
        self.lines: set[_Line] = set()
        self.conversations: set[asyncio.Task[None]] = set()
        self._every_s = min(1.0, self.bounds.head_s / LOOKS_PER_BOUND, self.bounds.idle_s / LOOKS_PER_BOUND)
        self._looking: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def line(self) -> asyncio.Protocol:
        """One more connection."""
        return _Line(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that serves."""
        self._loop = self._loop or asyncio.get_running_loop()
        return self._loop

    def enter(self, line: _Line) -> None:
        """Its deadlines are looked at from now on."""
        self.lines.add(line)
        if self._looking is None:
            self._looking = self.loop.call_later(self._every_s, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        for line in [each for each in self.lines if each.ends_at < now]:
            line.late()
        self._looking = self.loop.call_later(self._every_s, self._look) if self.lines else None

    @property
    def is_used(self) -> bool:
        """Whether anybody is connected."""
        return bool(self.lines or self.conversations)

    def close(self) -> None:
        """Ends whatever is connected; what is being answered loses its answer."""
        for line in list(self.lines):
            line.end()
        for task in list(self.conversations):
            task.cancel()


class _Line(asyncio.Protocol):
    """One connection, as long as it says plain requests. ends_at: monotonic; what happens then says `late`."""

    def __init__(self, server: PingServer) -> None:
        self._server = server
        self._task: asyncio.Task[None] | None = None
        self._count = 0
        self._early = b""
        self._half_closed = self._over = False
        self.ends_at = 0.0

    # ---- what asyncio calls ----

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport, self._peer = transport, _address(transport)
        server = self._server
        if (server.trusted and self._peer not in server.trusted) or not server.connections.enter(transport):
            transport.abort()
            return
        self.ends_at = time.monotonic() + server.bounds.head_s
        server.enter(self)

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        if self._task is not None:  # one request after the other
            self._early += data
            return self._transport.pause_reading()
        try:
            self._begin(data)
        except Exception as error:  # its text may hold the path, and with it a key
            log.error("a request of the ping server failed in a way it should not: %s", type(error).__name__)
            self._transport.abort()

    def eof_received(self) -> bool:
        """A client that has said all still wants its answer; over TLS that is not possible."""
        self._half_closed = True
        return self._task is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, error: Exception | None) -> None:
        self._server.lines.discard(self)
        self._server.connections.leave(self._transport)

    # ---- one request ----

    def _begin(self, data: bytes) -> None:
        bounds = self._server.bounds
        plain = read_plain(data, bounds.head_bytes)
        if plain is None:
            return self._converse(data)
        self._count += 1
        asked = self._server.requests.understood(plain.method, plain.target, self._peer)
        body = Body(asked.keeps_body, asked.limit)
        body.add(plain.body)
        self._server.connections.works(self._transport)
        self.ends_at = time.monotonic() + bounds.answer_s
        last = plain.last or self._count >= bounds.requests
        self._task = self._server.loop.create_task(self._answer(asked, body, last))

    async def _answer(self, asked: Asked, body: Body, last: bool) -> None:
        try:
            answer = await self._server.requests.answered(asked, body)
        except asyncio.CancelledError:
            if not self._over:
                raise
            answer = UNKEPT
        self._task = None
        last = last or self._over or (self._half_closed and not self._early)
        self._send(answer, asked.method == "HEAD", last)

    def _send(self, answer: Answer, head_only: bool, last: bool) -> None:
        line = self._transport
        if line.is_closing():
            return
        line.write(_KEPT[head_only, last] if answer is KEPT else written(answer, head_only, last))
        if last or line.get_write_buffer_size():  # whoever reads nothing is not asked what else it wants
            self.ends_at = time.monotonic() + self._server.bounds.answer_s
            self._over = True
            line.close()
            return
        self._server.connections.waits(line)
        self.ends_at = time.monotonic() + self._server.bounds.idle_s
        if self._early:
            data, self._early = self._early, b""
            line.resume_reading()
            self.data_received(data)

    def _converse(self, data: bytes) -> None:
        """From here on by h11: the same transport, with what it said until now."""
        server, line = self._server, self._transport
        server.lines.discard(self)
        conversation = Conversation(
            self._peer, server.requests, server.bounds, server.connections, self._count, self.ends_at - time.monotonic()
        )
        reader = asyncio.StreamReader(limit=65_536, loop=server.loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=server.loop)
        protocol.connection_made(line)
        line.set_protocol(protocol)
        writer = asyncio.StreamWriter(line, protocol, reader, server.loop)
        reader.feed_data(data)
        if self._half_closed:
            reader.feed_eof()
        task = server.loop.create_task(conversation.hold(reader, writer))
        server.conversations.add(task)
        task.add_done_callback(server.conversations.discard)

    # ---- deadlines ----

    def late(self) -> None:
        """Nothing was asked in time, or not answered, or not read."""
        if self._over:
            self._transport.abort()
        elif self._task is not None:
            self._over = True
            self._task.cancel()
        else:
            self._send(UNHEARD, head_only=False, last=True)

    def end(self) -> None:
        """The server ends."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()


def _address(transport: asyncio.BaseTransport) -> str:
    """The address of the other side; that of IPv4 as such, also where it came to an IPv6 socket."""
    name = transport.get_extra_info("peername")
    address = str(name[0]) if isinstance(name, tuple) and name else ""
    return address.removeprefix("::ffff:")
