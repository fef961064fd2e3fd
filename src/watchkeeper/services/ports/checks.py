"""Asking checks, keeping readings, and the journal of flips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Flip, Judged, Reading, Settled
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.core.inventory.values import Check, Database, Host
from watchkeeper.services.ports.pings import PingHistory, PingRows


class ProbePort(Protocol):
    """Asks all kinds of checks. Never raises for a failing target: the error is in the reading."""

    async def ask(self, check: Check, now: float) -> Reading:
        """One reading of this check. `now`: epoch seconds, becomes `Reading.at`."""
        ...

    def replace(
        self, hosts: Mapping[str, Host], databases: Mapping[str, Database], secret: Callable[[str], str]
    ) -> None: ...

    async def close(self) -> None: ...


class ReadingsPort(PingRows, Protocol):
    """The readings store, written by the watch alone. A batch that holds a flip is committed durably (FULL)."""

    def write(self, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]) -> list[Flip]:
        """Append readings, flips and the settled states of one tick in one commit; the flips come back with `seq`."""
        ...

    def settled(self) -> dict[str, Settled]:
        """The settled state of every check, as of the last commit."""
        ...

    def alive(self, now: float) -> None:
        """Mark that the watch was alive at `now`; see `gap`."""
        ...

    def gap(self, now: float, longer_than_s: float) -> tuple[float, float] | None:
        """(from, to) of our own downtime when the last mark is older than `longer_than_s`; recorded as unknown."""
        ...

    def ping(self, ping: Ping) -> None:
        """Store a heartbeat ping durably."""
        ...

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]:
        """(last success, last ping of any status)."""
        ...


class JournalPort(PingHistory, Protocol):
    """Read side of the readings store, used by main."""

    def flips(self, after: int, limit: int = 200) -> list[Flip]:
        """Flips with seq > after, oldest first."""
        ...

    def newest_flip(self) -> int:
        """The seq of the newest flip; 0 when there is none. Cheap."""
        ...

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        """Readings of a check with at >= since, oldest first."""
        ...

    def settled(self) -> dict[str, Settled]: ...

    def latest(self) -> dict[str, Judged]:
        """The newest reading of every check."""
        ...

    def gaps(self, since: float) -> list[tuple[float, float]]:
        """Our own downtimes that ended after `since`."""
        ...


class WatchPort(Protocol):
    """The running watch, through its Unix socket. Raises `NoAnswer` when it is not running."""

    def ask(self, checks: Sequence[str]) -> list[Judged]:
        """Ask these checks now, judge, write; returns the judged readings."""
        ...

    def status(self) -> dict[str, object]:
        """pid, started_at, revision, checks, lateness (p50, p99, max), open_probes, overload, warnings, fault sentence."""
        ...

    def changed(self, checks: Mapping[str, float]) -> None:
        """Something was repaired for these checks at that time: windows of readings begin there (decision 0041)."""
        ...

    def fixed(self, checks: Sequence[str]) -> None:
        """A fix was proven by these checks: what they did before is no flapping."""
        ...

    def ping(self, ping: Ping) -> None: ...

    def alerts(self, alerts: Sequence[Alert]) -> None:
        """Take alerts that are placed on their checks; returns once they are durable."""
        ...
