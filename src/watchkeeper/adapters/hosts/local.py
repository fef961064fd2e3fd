"""The machine watchkeeper itself runs on, reached through local processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from watchkeeper.adapters.hosts.shell import Channel, ShellHost, closing
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
    """A ``/bin/sh`` in its own session, so that a signal to our group never reaches it."""

    def __init__(self, process: asyncio.subprocess.Process, *, become: bool) -> None:
        assert process.stdout and process.stderr and process.stdin
        self._process = process
        self._input = process.stdin
        self._become = become
        self.stdout = process.stdout
        self.stderr = process.stderr

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._input.write(data)
            await self._input.drain()

    def end_input(self) -> None:
        """Close its input."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._input.close()

    async def exited(self) -> int | None:
        """The exit code, 128 + n for signal n."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def close(self) -> None:
        """Let go of it; a shell that is still there is ended."""
        self.end_input()
        if self._process.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._process.wait()), 0.2)
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        # asyncio closes pipes only at their end; a daemon left behind by the command may hold them open for ever
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()


class LocalHost(ShellHost):
    """Commands on this machine. environment: added to the login variables that commands see."""

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
            raise NoAnswer(
                f"32 commands already run on {self.host.name}; none ended within {wait_s:g} s.",
                "Look for hanging checks: wk status.",
                host=self.host.name,
            ) from None
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
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                env=environment,
                cwd=home if Path(home).is_dir() else "/",
            )
        except FileNotFoundError:
            raise Forbidden(
                f"{self.host.name} has no {command[0]}; nothing was run.", "Install it, or remove `become` from this host."
            ) from None
        except OSError as error:
            raise NoAnswer(
                f"No process could be started on {self.host.name}: {error.strerror}.",
                "Look at the memory and process limits of this machine.",
                host=self.host.name,
            ) from None
        return LocalChannel(process, become=become)

    async def close(self) -> None:
        """Nothing is kept open; ended groups are waited for."""
        if self._ends:
            await asyncio.wait(self._ends, timeout=5.0)
