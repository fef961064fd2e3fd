"""The hosts for threads: one event loop in a thread of its own, and calls that wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.adapters.hosts.ssh import CONNECT_TIMEOUT_S
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports import CommandResult, SpoolAnswer, SpoolStep

T = TypeVar("T")

SPARE_S = 60.0  # every call has its own limit; this one above it only says that our own loop is stuck


class BlockingHost:
    """One host for threads. Same methods and errors as `HostPort`, without ``await``."""

    def __init__(self, hosts: BlockingHosts, host: Host) -> None:
        self._hosts = hosts
        self.host = host

    def read(
        self,
        text: str,
        *,
        deadline_s: float,
        environment: Mapping[str, str] | None = None,
        shell: str = "sh",
        limit: int = 1_048_576,
        strict: bool = False,
        become: bool | None = None,
        on_output: Callable[[bytes], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> CommandResult:
        """`HostPort.read`. stop: asked five times a second; when it says True the command's group is ended.

        A stopped command comes back with exit_code None and timed_out False; what it said has gone to `on_output`, or
        is in the result when there is none. `on_output` runs on the loop's thread.
        """
        seen = bytearray()

        def keep(data: bytes) -> None:
            seen.extend(data)

        taker = on_output or (keep if stop is not None else None)

        def work(host: ShellHost) -> Coroutine[Any, Any, CommandResult]:
            return host.read(
                text, deadline_s=deadline_s, environment=environment, shell=shell, limit=limit, strict=strict,
                become=become, on_output=taker,
            )  # fmt: skip

        result = self._hosts.run(self.host.name, work, deadline_s, stop) or CommandResult(None, b"", b"", 0.0)
        return replace(result, output=bytes(seen)) if taker is keep else result

    def start(self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0) -> SpoolAnswer:
        """`HostPort.start`."""
        return self._call(lambda host: host.start(step, wait_s=wait_s, offset=offset), wait_s)

    def look(self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0, limit: int = 1_048_576) -> SpoolAnswer:
        """`HostPort.look`."""
        return self._call(lambda host: host.look(step, wait_s=wait_s, offset=offset, limit=limit), wait_s)

    def cancel(self, step: SpoolStep, *, grace_s: float = 5.0) -> SpoolAnswer:
        """`HostPort.cancel`."""
        return self._call(lambda host: host.cancel(step, grace_s=grace_s), grace_s)

    def clean(self, run: str, *, claims: bool = False) -> bool:
        """`HostPort.clean`."""
        return self._call(lambda host: host.clean(run, claims=claims), 0.0)

    def spooled(self, prefix: str) -> list[str]:
        """`HostPort.spooled`."""
        return self._call(lambda host: host.spooled(prefix), 0.0)

    def _call(self, work: Callable[[ShellHost], Coroutine[Any, Any, T]], wait_s: float) -> T:
        result = self._hosts.run(self.host.name, work, wait_s)
        return result  # type: ignore[return-value]


class BlockingHosts:
    """All hosts for threads. `close` ends the loop; running spooled steps go on."""

    def __init__(
        self,
        hosts: Mapping[str, Host],
        *,
        ssh_config: Path | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        local_environment: Mapping[str, str] | None = None,
    ) -> None:
        self._hosts = Hosts(
            hosts, ssh_config=ssh_config, connect_timeout_s=connect_timeout_s, local_environment=local_environment
        )
        self._inventory = dict(hosts)
        # not the policy's loop: a uvloop of another thread must not be needed here
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hosts", daemon=True)
        self._thread.start()

    def get(self, name: str) -> BlockingHost:
        """The named host; raises `NotFound` when the inventory has no such host."""
        if name not in self._inventory:
            self._wait(self._named(name), SPARE_S)
        return BlockingHost(self, self._inventory[name])

    async def _named(self, name: str) -> ShellHost:
        return self._hosts.get(name)

    def replace(self, hosts: Mapping[str, Host]) -> None:
        """Take over the hosts of a new inventory; connections of unchanged hosts stay."""

        async def change() -> None:
            self._hosts.replace(hosts)

        self._wait(change(), SPARE_S)
        self._inventory = dict(hosts)

    def run(
        self,
        name: str,
        work: Callable[[ShellHost], Coroutine[Any, Any, T]],
        limit_s: float,
        stop: Callable[[], bool] | None = None,
    ) -> T | None:
        """Do `work` on the loop and wait; None when `stop` said so and the work was cancelled in order."""

        async def named() -> T:
            return await work(self._hosts.get(name))

        return self._wait(named(), limit_s * 2 + SPARE_S, stop)

    def _wait(self, work: Coroutine[Any, Any, T], limit_s: float, stop: Callable[[], bool] | None = None) -> T | None:
        future = asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)
        try:
            return _result(future, limit_s, stop)
        except NotYet:
            raise NoAnswer(
                "The hosts loop did not answer in time.", "Restart watchkeeper; spooled steps go on."
            ) from None
        finally:
            if not future.done():
                future.cancel()  # also when our thread is interrupted: the command's group is ended

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        return await work

    def close(self) -> None:
        """Close connections and end the loop."""
        if not self._thread.is_alive():
            return
        self._wait(self._hosts.close(), SPARE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5.0)
        self._loop.close()


def _result(future: Future[T], limit_s: float, stop: Callable[[], bool] | None) -> T | None:
    if stop is None:
        return future.result(limit_s)
    waited = 0.0
    while waited < limit_s:
        try:
            return future.result(0.2)
        except NotYet:
            if future.done():
                raise
            waited += 0.2
        except CancelledError:
            return None
        if stop():
            return None
    raise NotYet
