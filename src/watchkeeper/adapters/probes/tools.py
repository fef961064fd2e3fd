"""What every kind of probe may use, and the shape of its answer.

A probe kind is one module of this package, named like the kind, with one function::

    def create(tools: Tools) -> Asker

Two outcomes are kept apart:

- *The target answered badly*: refused, reset, too slow, wrong protocol, bad certificate. That is an answer:
  ``values`` hold ``status: 0`` or ``connected: False`` with ``error_kind`` (one word) and ``problem`` (one sentence),
  and the conditions of the check decide.
- *It could not be asked*: name resolution failed, no route from here, no permission, host unreachable, program missing.
  That is an ``error`` sentence, and the verdict is UNKNOWN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check, Database, Host
from watchkeeper.services.ports import CommandResult, HostPort, HostsPort, Ping

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe found. latency_s None: take the whole duration of the ask."""

    values: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None
    latency_s: float | None = None


class Asker(Protocol):
    """One kind of probe, ready to ask. `now` is epoch seconds. May raise `NoAnswer`, `TimeoutError` or `OSError`."""

    async def ask(self, check: Check, now: float) -> Answer: ...

    async def close(self) -> None: ...


class Pings(Protocol):
    """The part of the readings store that the heartbeat and alert probes read."""

    def pings(self, check: str, limit: int = 200) -> list[Ping]: ...

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]: ...

    def first_seen(self, check: str, now: float) -> float: ...

    def alerts(self, check: str) -> list[Alert]: ...


class Reader(Protocol):
    """What probes need of a host: read commands; see `HostPort.read`."""

    async def read(
        self,
        text: str,
        *,
        deadline_s: float,
        environment: Mapping[str, str] | None = None,
        shell: str = "sh",
        limit: int = 1_048_576,
    ) -> CommandResult: ...


@dataclass(frozen=True, slots=True)
class Distant:
    """A host that is not this machine, and says of itself when it cannot be reached, so that the incident is the host's."""

    port: HostPort
    name: str

    async def read(
        self,
        text: str,
        *,
        deadline_s: float,
        environment: Mapping[str, str] | None = None,
        shell: str = "sh",
        limit: int = 1_048_576,
    ) -> CommandResult:
        """As `HostPort.read`; the `NoAnswer` of an unreachable host carries ``unreachable: NAME``."""
        try:
            return await self.port.read(text, deadline_s=deadline_s, environment=environment, shell=shell, limit=limit)
        except NoAnswer as error:
            raise NoAnswer(error.sentence, error.hint, unreachable=self.name) from error


@dataclass(slots=True)
class Tools:
    """Surroundings of the probes; hosts, databases and secrets change with the inventory.

    make_pool: makes the hosts, at the first use, so that an inventory without SSH never loads an SSH client.
    make_local: makes the commands of this machine, for checks of services without a host.
    base: the ops repo, against which relative paths of SQLite files are resolved.
    """

    make_pool: Callable[[Mapping[str, Host]], HostsPort] | None = None
    make_local: Callable[[], HostPort] | None = None
    pings: Pings | None = None
    base: Path = Path()
    hosts: Mapping[str, Host] = field(default_factory=dict)
    databases: Mapping[str, Database] = field(default_factory=dict)
    secret: Callable[[str], str] | None = None
    threads: ThreadPoolExecutor | None = None
    pool: HostsPort | None = None
    local: HostPort | None = None

    def far(self, check: Check) -> Reader | None:
        """The SSH host or container this check is asked on, or None when it is asked in this process."""
        if check.where != "host" or check.host is None:
            return None
        host = self.hosts.get(check.host)
        if host is None:
            raise NoAnswer(f"{check.key}: the inventory has no host {check.host}.", "Add it to hosts.yaml.")
        if host.kind == "local":
            return None
        return Distant(self._pool().get(check.host), check.host)

    def outside(self, check: Check) -> tuple[Reader | None, str]:
        """Who knows the containers beside this check's host: an SSH host or None for here, and the socket there."""
        host = self.hosts.get(check.host) if check.where == "host" and check.host is not None else None
        if host is None or host.kind != "container":
            return self.far(check), ""
        above = self.hosts.get(host.via)
        if above is None:
            return None, host.socket
        return (Distant(self._pool().get(above.name), above.name) if above.kind != "local" else None), host.socket

    def commands(self, check: Check) -> Reader:
        """Where commands of this check run: on its host, or on this machine."""
        far = self.far(check)
        if far is not None:
            return far
        if check.where == "host" and check.host is not None:
            return self._pool().get(check.host)
        if self.local is None:
            if self.make_local is None:
                raise NoAnswer("Commands cannot be run here.", "Give the service a host.")
            self.local = self.make_local()
        return self.local

    def revealed(self, text: str) -> str:
        """The text, or the secret that ``secret:NAME`` stands for. Blocking: a secret may come from a command."""
        if not text.startswith("secret:"):
            return text
        if self.secret is None:
            raise NoAnswer(f"The {text} cannot be read here.", "Ask the running watch instead.")
        return self.secret(text.removeprefix("secret:"))

    def _pool(self) -> HostsPort:
        if self.pool is None:
            if self.make_pool is None:
                raise NoAnswer("No host can be reached from here.", "Ask the running watch instead.")
            self.pool = self.make_pool(self.hosts)
        return self.pool

    async def in_thread(self, timeout_s: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work on the probes' own threads; TimeoutError after `timeout_s` (the thread may go on)."""
        if self.threads is None:
            self.threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            return await loop.run_in_executor(self.threads, lambda: work(*args, **kwargs))


def text_option(check: Check, name: str, default: str = "") -> str:
    """An option of the check as text."""
    value = check.probe.options.get(name)
    return default if value is None else str(value)


def number_option(check: Check, name: str) -> float | None:
    """An option of the check as a number; None when absent."""
    value = check.probe.options.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def place(check: Check) -> str:
    """Where the question is asked, for sentences: the host's name or ``here``."""
    return check.host if check.where == "host" and check.host else "this machine"


def last_line(output: bytes) -> str:
    """The last line with text in it, cut to 200 characters, for a sentence."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def must_succeed(result: CommandResult, what: str, check: Check) -> bytes:
    """The output of a read command that has to work; raises `NoAnswer` with its last error line otherwise."""
    if result.timed_out or result.exit_code is None:
        raise NoAnswer(f"{what} on {place(check)} did not end within {check.timeout_s:g} s.")
    if result.exit_code != 0:
        detail = last_line(result.error) or last_line(result.output) or f"exit code {result.exit_code}"
        raise NoAnswer(f"{what} on {place(check)} failed: {detail}.")
    return result.output
