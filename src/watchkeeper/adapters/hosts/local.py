"""The machine watchkeeper itself runs on, reached through local processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from watchkeeper.adapters.hosts.channel import CHUNK, Channel, closing
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.core.errors import Forbidden, NoAnswer
from watchkeeper.core.inventory.values import Host

# Our own environment holds secrets (DATABASE_URL, tokens). Commands see what a login would give them, nothing more.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def login_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of local commands: a login's variables and `extra`, none of our own."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    kept.setdefault("PATH", _DEFAULT_PATH)
    return kept | dict(extra or {})


class LocalChannel(Channel):
    """A ``/bin/sh`` in its own session, so that a signal to our group never reaches it.

    Plain pipes and a pidfd instead of the loop's own subprocesses: asyncio reports an exit only when all pipes are
    closed, and uvloop's children inherit both ends. Here every loop behaves the same.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._gone = asyncio.Event()
        self._transports: list[asyncio.BaseTransport] = []
        self._input: asyncio.StreamWriter | None = None
        self._pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(self._pidfd, self._exited)

    async def connect(self) -> LocalChannel:
        """Attach the three pipes to the loop."""
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self.stdout = await self._reader(self._process.stdout)
        self.stderr = await self._reader(self._process.stderr)
        protocol = asyncio.streams.FlowControlMixin
        transport, flow = await self._loop.connect_write_pipe(protocol, self._process.stdin)
        self._transports.append(transport)
        self._input = asyncio.StreamWriter(transport, flow, None, self._loop)
        return self

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=CHUNK, loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport, _ = await self._loop.connect_read_pipe(lambda: protocol, pipe)
        self._transports.append(transport)
        return reader

    def _exited(self) -> None:
        if self._process.poll() is not None and self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
            self._gone.set()

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        assert self._input is not None
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._input.write(data)
            await self._input.drain()

    def end_input(self) -> None:
        """Close its input."""
        if self._input is not None:
            with contextlib.suppress(ConnectionError, RuntimeError):
                self._input.close()

    async def exited(self) -> int | None:
        """The exit code, 128 + n for signal n."""
        await self._gone.wait()
        code = self._process.returncode
        return code if code is None or code >= 0 else 128 - code

    async def close(self) -> None:
        """Let go of it. A shell that is still there is ended; a runner or a daemon in another group is not."""
        self.end_input()
        try:
            if not self._gone.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._gone.wait(), 0.3)
        finally:
            if not self._gone.is_set():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            for transport in self._transports:
                transport.close()
        if not self._gone.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), 1.0)


class LocalHost(ShellHost):
    """Commands on this machine. environment: added to the login variables that commands see."""

    keeps_shell = True

    def _gathers(self, become: bool) -> bool:
        """Below sudo, which logs each of its calls; else a process of its own is as cheap."""
        return become and os.geteuid() != 0

    def __init__(self, host: Host, *, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(host)
        self._environment = dict(environment or {})
        self._places = asyncio.Semaphore(32)

    @asynccontextmanager
    async def _open(self, *, become: bool, wait_s: float, reserve: bool = False) -> AsyncIterator[Channel]:
        if reserve:
            async with closing(await self._spawn(become)) as channel:
                yield channel
            return
        try:
            await asyncio.wait_for(self._places.acquire(), wait_s)
        except TimeoutError:
            raise self._no_place(wait_s) from None
        try:
            async with closing(await self._spawn(become)) as channel:
                yield channel
        finally:
            self._places.release()

    async def _spawn(self, become: bool) -> LocalChannel:
        environment = login_environment(self._environment)
        home = environment.get("HOME", "/")
        command = ["sudo", "-n", "/bin/sh"] if become and os.geteuid() != 0 else ["/bin/sh"]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                env=environment,
                cwd=home if Path(home).is_dir() else "/",
            )
        except FileNotFoundError:
            raise Forbidden(
                f"{self.host.name} has no {command[0]}; nothing was run.",
                "Install it, or remove `become` from this host.",
            ) from None
        except OSError as error:
            raise NoAnswer(
                f"No process could be started on {self.host.name}: {error.strerror}.",
                "Look at the memory and process limits of this machine.",
                host=self.host.name,
            ) from None
        channel = LocalChannel(process)
        try:
            return await channel.connect()
        except BaseException:
            await channel.close()
            raise

    async def close(self) -> None:
        """Close the kept shell; ended groups are waited for."""
        await self._close_kept()
        if self._ends:
            await asyncio.wait(self._ends, timeout=5.0)
