"""Keeping what jobs and other programs say of themselves: pings of heartbeats, and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks.heartbeats import Ping


class PingRows(Protocol):
    """What the watch writes and its probes read; part of the readings store. All methods block."""

    def add_pings(self, pings: Sequence[Ping], *, once: bool = False) -> None:
        """Store these pings in one durable commit (FULL). once: leave out those that are stored already."""
        ...

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        """The newest pings of a check, oldest first, without their bodies."""
        ...

    def put_alerts(self, alerts: Sequence[Alert], now: float) -> None:
        """Replace what was known of these alerts, in one durable commit."""
        ...

    def alerts(self, check: str) -> list[Alert]:
        """Every alert that is known of a check."""
        ...


class PingHistory(Protocol):
    """What main shows of them."""

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        """The newest pings of a check, oldest first, whole."""
        ...

    def alerts(self, check: str) -> list[Alert]: ...
