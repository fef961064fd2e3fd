"""A host reached over SSH: one kept connection, a bounded number of sessions on it, a second one when it is full."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.adapters.hosts.channel import Channel
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Host

if TYPE_CHECKING:
    from watchkeeper.adapters.hosts.ssh_connection import Line, SshChannel

PLACES = 8  # a stock sshd allows 10 sessions on a connection (MaxSessions); two are left for ending commands
RESERVED = 10
LINES = 2
CONNECT_TIMEOUT_S = 10.0
SSH_CLIENT = "watchkeeper.adapters.hosts.ssh_connection"


class SshHost(ShellHost):
    """Commands on another machine.

    config: the OpenSSH client configuration to honour, None for ``~/.ssh/config``. gate: bounds how many logins run at
    the same moment over all hosts.
    """

    keeps_shell = True
    _loaded: bool = False

    def __init__(
        self,
        host: Host,
        *,
        config: Path | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        gate: asyncio.Semaphore | None = None,
    ) -> None:
        super().__init__(host)
        self._config = config
        self._connect_timeout_s = connect_timeout_s
        self._gate = gate or asyncio.Semaphore(16)
        self._lines: list[Line] = []
        self._dialling: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._releases: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def _open(self, *, become: bool, wait_s: float, reserve: bool = False) -> AsyncIterator[Channel]:
        try:
            async with asyncio.timeout(wait_s):
                line, channel = await self._shell("exec sudo -n /bin/sh" if become else "exec /bin/sh", reserve)
        except TimeoutError:
            raise self._no_place(wait_s) from None
        try:
            yield channel
        finally:
            await channel.close()
            release = asyncio.ensure_future(self._release(line, channel))
            self._releases.add(release)
            release.add_done_callback(self._releases.discard)

    async def _shell(self, command: str, reserve: bool) -> tuple[Line, SshChannel]:
        """A session on some connection; a dead connection is replaced, a full one is waited for."""
        if not self._loaded:  # half a second of processor: beside the loop that asks the other checks
            await asyncio.to_thread(import_module, SSH_CLIENT)
            self._loaded = True
        from watchkeeper.adapters.hosts.ssh_connection import NoPlace

        dead, pause_s = 0, 0.05
        while True:
            line = await self._place(reserve)
            try:
                return line, await line.shell(command)
            except NoPlace:  # fewer sessions are allowed than we thought, or an ended one is not yet let go of
                self._leave(line)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, 0.5)
            except ConnectionError:
                self._leave(line)
                line.drop()
                self._lines = [other for other in self._lines if other is not line]
                dead += 1
                if dead > 2:
                    raise self._lost() from None
            except BaseException:
                self._leave(line)
                raise

    async def _place(self, reserve: bool) -> Line:
        """A connection with a free place, counted as used."""
        while True:
            self._lines = [line for line in self._lines if line.alive]
            free = [line for line in self._lines if line.used < (RESERVED if reserve else PLACES)]
            if free:
                line = min(free, key=lambda one: one.used)
                line.used += 1
                return line
            self._changed.clear()
            if len(self._lines) < LINES:
                await self._dial()
            else:
                await self._changed.wait()

    async def _dial(self) -> None:
        """One login at a time, shared by all who wait for it; its failure is everybody's."""
        if self._dialling is None or self._dialling.done():
            self._dialling = asyncio.ensure_future(self._dial_once())
            self._dialling.add_done_callback(lambda task: task.cancelled() or task.exception())
        have = bool(self._lines)
        try:
            if have:  # a place that becomes free on the first connection is as good
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({self._dialling, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if self._dialling.done():
                    self._dialling.result()
            else:
                await asyncio.shield(self._dialling)
        except NoAnswer:
            if not have:
                raise
            await self._changed.wait()

    async def _dial_once(self) -> None:
        from watchkeeper.adapters.hosts.ssh_connection import Route, dial

        line = await dial(Route(self.host, self._config, self._connect_timeout_s), self._gate)
        self._uid = ""
        self._lines.append(line)

    def _leave(self, line: Line) -> None:
        line.used -= 1
        self._changed.set()
        if self._retired and line.used == 0:
            line.drop()

    async def _release(self, line: Line, channel: SshChannel) -> None:
        await channel.closed()
        self._leave(line)

    def _no_place(self, wait_s: float) -> NoAnswer:
        name = self.host.name
        if not self._lines:
            return NoAnswer(
                f"{name} ({self.host.address or name}) did not answer within {wait_s:g} s.",
                "Is it up, and does a firewall let this machine in?",
                host=name,
                sent=False,
            )
        return NoAnswer(
            f"All sessions on {name} were busy for {wait_s:g} s, so the command was not started.",
            "Look for hanging checks (wk status), or raise MaxSessions in its sshd_config.",
            host=name,
            sent=False,
        )

    def retire(self) -> None:
        """The inventory no longer holds this host: close connections as soon as nobody uses them."""
        super().retire()
        for line in self._lines:
            if line.used == 0:
                line.drop()

    async def close(self) -> None:
        """Close connections; running spooled steps go on."""
        await self._close_kept()
        if self._ends:
            await asyncio.wait(self._ends, timeout=5.0)
        if self._dialling is not None and not self._dialling.done():
            self._dialling.cancel()
            with contextlib.suppress(asyncio.CancelledError, NoAnswer):
                await self._dialling
        lines, self._lines = self._lines, []
        await asyncio.gather(*(line.close() for line in lines))
        if self._releases:
            await asyncio.wait(self._releases, timeout=2.0)
