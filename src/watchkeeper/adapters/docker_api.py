"""The Docker API over a Unix socket, as Docker and podman serve it: plain HTTP/1.1 by the standard library.

One connection per request. What the service says is bounded and never trusted: a broken answer is a `NoAnswer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchkeeper.core.errors import Forbidden, NoAnswer

_HEAD_LIMIT = 65_536
_BODY_LIMIT = 8 * 1_048_576


def usual_sockets(environment: Mapping[str, str], uid: int) -> list[str]:
    """Where a Docker API is looked for, best first: DOCKER_HOST, Docker, podman, podman of the user."""
    named = environment.get("DOCKER_HOST", "")
    found = [named.removeprefix("unix://")] if named.startswith("unix://") else []
    found += ["/var/run/docker.sock", "/run/podman/podman.sock"]
    return [*found, f"{environment.get('XDG_RUNTIME_DIR') or f'/run/user/{uid}'}/podman/podman.sock"]


def find_socket(named: str = "") -> str:
    """`named`, or the first usual socket that is there. Raises `NoAnswer` with the next step."""
    if named:
        return named
    usual = usual_sockets(os.environ, os.geteuid())
    for path in usual:
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(Path(path).stat().st_mode):
                return path
    raise NoAnswer(
        f"There is no Docker API on this machine (looked for {', '.join(usual)}).",
        "Start docker, or podman's: systemctl enable --now podman.socket. Name another place with `socket:`.",
    )


@dataclass(frozen=True, slots=True)
class Response:
    """The status and the body of one answer."""

    status: int
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """What the service complains about, in one line."""
        document = self.document
        said = document.get("message") if isinstance(document, dict) else None
        return " ".join(str(said or self.body.decode("utf-8", "replace")).split())[:300]


class DockerApi:
    """Requests to one socket. Every call raises `NoAnswer` or `Forbidden` when nobody answers; it has no deadline."""

    def __init__(self, socket: str) -> None:
        self.socket = socket

    async def ask(self, method: str, path: str, content: object = None) -> Response:
        """One request and its whole answer, at most 8 MB."""
        reader, writer = await self._connect()
        try:
            return await self._exchange(reader, writer, _request(method, path, content, "Connection: close"))
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def hijack(
        self, path: str, content: object
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A request after which the connection carries the streams of a process. Raises `Refused`."""
        reader, writer = await self._connect()
        try:
            request = _request("POST", path, content, "Connection: Upgrade\r\nUpgrade: tcp")
            answer = await self._exchange(reader, writer, request, streams=True)
            if answer.status not in (101, 200):
                raise Refused(answer)
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self.socket, limit=_HEAD_LIMIT)
        except OSError as error:
            raise self._unreached(error) from None

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, streams: bool = False
    ) -> Response:
        """Send and read the answer; of one that hands over the streams only its head."""
        try:
            writer.write(request)
            await writer.drain()
            status, headers = await self._head(reader)
            taken = streams and status in (101, 200)
            return Response(status, b"" if taken else await _body(reader, headers))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise self._broken("the connection ended early") from error
        except (asyncio.LimitOverrunError, ValueError, IndexError) as error:
            raise self._broken("this is no Docker API") from error

    async def _head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/1.") and len(lines[0].split()) > 1 else 0
            if not 100 <= status < 600:
                raise ValueError("not HTTP")
            if status == 101 or status >= 200:
                pairs = (line.partition(":") for line in lines[1:] if ":" in line)
                return status, {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _unreached(self, error: OSError) -> Exception:
        path = self.socket
        if isinstance(error, PermissionError):
            return Forbidden(
                f"{path} may not be used by this user: the Docker API gives full root, so only its group may.",
                f"See `ls -l {path}`: join the group it belongs to (usermod -aG docker USER, then log in again), "
                "or use a podman of this user.",
            )
        if isinstance(error, FileNotFoundError):
            return NoAnswer(f"{path} does not exist, so no Docker API answers.", "Is docker or podman.socket started?")
        if isinstance(error, ConnectionRefusedError):
            return NoAnswer(f"Nobody answers on {path}: the service behind it is down.", "Start docker, or podman.")
        return NoAnswer(f"{path} cannot be opened: {error.strerror or error}.", "Is it the socket of a Docker API?")

    def _broken(self, detail: str) -> NoAnswer:
        return NoAnswer(f"{self.socket} gave no whole answer: {detail}.", "Look at the log of docker or podman.")


def _request(method: str, path: str, content: object, connection: str) -> bytes:
    body = b"" if content is None else json.dumps(content).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\n{connection}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Refused(Exception):
    """The service did not hand over the streams; `response` says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.message)
        self.response = response


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader)
    length = headers.get("content-length", "")
    if length.isdigit():
        if int(length) > _BODY_LIMIT:
            raise ValueError("too long")
        return await reader.readexactly(int(length))
    body = bytearray()
    while chunk := await reader.read(65_536):
        body += chunk
        if len(body) > _BODY_LIMIT:
            raise ValueError("too long")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size < 0 or len(body) + size > _BODY_LIMIT:
            raise ValueError("too long")
        if size == 0:
            return bytes(body)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
