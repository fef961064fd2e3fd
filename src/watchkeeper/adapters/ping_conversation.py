"""A connection that says anything but plain requests: read by h11 over streams of asyncio, as slowly as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus

import h11

from watchkeeper.adapters.ping_connections import Bounds, Connections
from watchkeeper.adapters.ping_requests import UNKEPT, Answer, Asked, Body, Requests

log = logging.getLogger(__name__)
UNHEARD = Answer(408, "The request did not come in time.\n")


class Conversation:
    """The requests of one connection, one after the other, also when they came in one piece.

    begun: how many it had before; patience_s: how long its next head may still take.
    """

    def __init__(
        self, peer: str, requests: Requests, bounds: Bounds, connections: Connections, begun: int, patience_s: float
    ) -> None:
        self._peer, self._requests, self._begun, self._patience_s = peer, requests, begun, patience_s
        self._bounds, self._connections = bounds, connections
        self._http = self._fresh()
        self._continued = False

    def _fresh(self) -> h11.Connection:
        return h11.Connection(h11.SERVER, max_incomplete_event_size=self._bounds.head_bytes)

    async def hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either side is done. Never raises."""
        self._reader, self._writer = reader, writer
        try:
            await self._run()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # its text may hold the path, and with it a key
            log.error("a connection of the ping server failed in a way it should not: %s", type(error).__name__)
        finally:
            self._connections.leave(writer.transport)
            with contextlib.suppress(Exception):
                writer.close()

    async def _run(self) -> None:
        patience_s = self._patience_s
        for _ in range(self._begun, self._bounds.requests):
            try:
                async with asyncio.timeout(patience_s):
                    request = await self._event()
                if not isinstance(request, h11.Request):
                    return
                async with asyncio.timeout(self._bounds.whole_s):
                    asked, body = await self._whole(request)
            except h11.RemoteProtocolError as error:
                told = Answer(error.error_status_hint, "This is not HTTP/1.1 as it should be.\n")
                return await self._send(told, head_only=False, last=True)
            except TimeoutError:
                return await self._send(UNHEARD, head_only=False, last=True)
            self._connections.works(self._writer.transport)
            last = body.over or self._http.their_state is not h11.DONE
            await self._send(await self._answer(asked, body), asked.method == "HEAD", last, linger=body.over)
            if last:
                return
            following, _closed = self._http.trailing_data
            self._http, self._continued = self._fresh(), False
            if following:
                self._http.receive_data(following)
            self._connections.waits(self._writer.transport)
            patience_s = self._bounds.idle_s

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
                return await self._requests.answered(asked, body)
        except TimeoutError:
            return UNKEPT

    async def _send(self, answer: Answer, head_only: bool, last: bool, linger: bool = True) -> None:
        """last: nothing follows on this connection. linger: the other side may still be sending."""
        self._writer.write(written(answer, head_only, last))
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


def written(answer: Answer, head_only: bool, last: bool) -> bytes:
    """An answer as it goes over the line: three lines of our own, by h11 they would cost half of a ping."""
    data = answer.text.encode()
    kind = "application/json" if answer.text.startswith("{") else "text/plain; charset=utf-8"
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"content-type: {kind}",
        f"content-length: {len(data)}", "cache-control: no-store", "x-content-type-options: nosniff",
        *(f"{name}: {value}" for name, value in answer.headers), *(["connection: close"] if last else []),
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head_only else data)
