"""One SSH connection by asyncssh. Imported late: asyncssh costs a quarter of a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncssh

from watchkeeper.adapters.hosts.channel import Channel
from watchkeeper.adapters.hosts.ssh_sentences import explain
from watchkeeper.core.inventory.values import Host

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells each session at INFO: five lines per check
KEEPALIVE_S = 5.0
KEEPALIVE_MISSES = 3
DIALS = 6  # sshd drops logins at random above MaxStartups; that is worth another try, a refusal is not


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a host. config: the OpenSSH client configuration to honour, None for ``~/.ssh/config``."""

    host: Host
    config: Path | None
    connect_timeout_s: float

    @property
    def target(self) -> str:
        """The name or alias that is looked up in the configuration."""
        return self.host.address or self.host.name


class _Process(asyncssh.SSHClientProcess[bytes]):
    """A process that tells its exit at once, not only when its channel is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()

    def exit_status_received(self, status: int) -> None:
        """The exit code came."""
        self.gone.set()
        super().exit_status_received(status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """A signal ended it."""
        self.gone.set()
        super().exit_signal_received(signal, core_dumped, msg, lang)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed, with or without an exit code."""
        self.gone.set()
        super().connection_lost(exc)


class _Reader:
    """A stream that just ends when the line is cut: the missing exit code or length tells the difference."""

    def __init__(self, stream: asyncssh.SSHReader[bytes]) -> None:
        self._stream = stream

    async def read(self, n: int = -1) -> bytes:
        """At least one byte, or nothing at its end."""
        try:
            return await self._stream.read(n)
        except (asyncssh.Error, OSError):
            return b""


class SshChannel(Channel):
    """A ``/bin/sh`` at the other end."""

    def __init__(self, process: _Process) -> None:
        self._process = process
        self.stdout = _Reader(process.stdout)
        self.stderr = _Reader(process.stderr)

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        with contextlib.suppress(asyncssh.Error, OSError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    def end_input(self) -> None:
        """Close its input."""
        with contextlib.suppress(asyncssh.Error, OSError):
            self._process.stdin.write_eof()

    async def exited(self) -> int | None:
        """The exit code, 128 + n for signal n; None when the line was cut."""
        await self._process.gone.wait()
        if self._process.exit_signal is not None:
            number = getattr(signal, f"SIG{self._process.exit_signal[0]}", signal.SIGTERM)
            return 128 + int(number)
        return self._process.exit_status

    async def close(self) -> None:
        """Close the channel; `closed` waits for the server's side."""
        self._process.close()

    async def closed(self) -> None:
        """Until the server has closed it too, so that its place is free again."""
        with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
            await asyncio.wait_for(self._process.wait_closed(), 3.0)


class NoPlace(Exception):
    """The server opens no further session on this connection just now (MaxSessions)."""


class Line:
    """A kept connection with a bounded number of sessions on it."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection
        self.used = 0

    @property
    def alive(self) -> bool:
        """Whether it is still worth a try."""
        return not self._connection.is_closed()

    async def shell(self, command: str) -> SshChannel:
        """Start `command`. Raises `NoPlace`, or `ConnectionError` when the connection is dead."""
        try:
            _, process = await self._connection.create_session(_Process, command, encoding=None)
        except asyncssh.ChannelOpenError as error:
            if not self.alive or "closed" in str(error).lower() or "lost" in str(error).lower():
                raise ConnectionError(str(error)) from None
            raise NoPlace(str(error)) from None
        except (asyncssh.Error, OSError) as error:
            raise ConnectionError(str(error)) from None
        return SshChannel(cast(_Process, process))

    def drop(self) -> None:
        """Close it without waiting."""
        self._connection.close()

    async def close(self) -> None:
        """Close it and wait a moment for the goodbye."""
        self._connection.close()
        with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
            await asyncio.wait_for(self._connection.wait_closed(), 2.0)


def _options(route: Route) -> tuple[asyncssh.SSHClientConnectionOptions, list[str]]:
    """Options for this host and the known-hosts files that count for it."""
    configured = _configured(route).known_hosts
    files = [str(file) for file in configured] if isinstance(configured, list | tuple) else []
    files = [str(Path(file).expanduser()) for file in files or ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]]
    # Given as text, so that no line of a configuration (UserKnownHostsFile none) can switch the check off, and never
    # empty, which the library would take for "use the default file".
    known = b"#\n" + b"\n".join(Path(file).read_bytes() for file in files if Path(file).is_file())
    return _configured(route, known_hosts=known), files


def _configured(route: Route, **more: bytes) -> asyncssh.SSHClientConnectionOptions:
    host = route.host
    return asyncssh.SSHClientConnectionOptions(
        host=route.target,
        port=host.port or (),
        username=host.user or (),
        config=() if route.config is None else [str(route.config)],
        password_auth=False,
        kbdint_auth=False,
        agent_forwarding=False,
        keepalive_interval=KEEPALIVE_S,
        keepalive_count_max=KEEPALIVE_MISSES,
        connect_timeout=None,
        login_timeout=route.connect_timeout_s,
        **more,
    )


async def dial(route: Route, gate: asyncio.Semaphore) -> Line:
    """A new connection. Raises `NoAnswer` with the reason within the connect timeout."""
    options, files = None, list[str]()
    try:
        options, files = _options(route)
        async with gate, asyncio.timeout(route.connect_timeout_s):
            return Line(await _dial_often(route, options))
    except (asyncssh.Error, OSError, ValueError) as error:
        raise explain(error, route, options, files) from None


async def _dial_often(route: Route, options: asyncssh.SSHClientConnectionOptions) -> asyncssh.SSHClientConnection:
    for attempt in range(DIALS):
        try:
            return await asyncssh.connect(route.target, options=options)
        except (asyncssh.ConnectionLost, ConnectionResetError, BrokenPipeError):
            if attempt == DIALS - 1:
                raise
            await asyncio.sleep(random.uniform(0.03, 0.1) * 2**attempt)
    raise AssertionError("not reached")
