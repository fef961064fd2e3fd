"""Telling programs of the team what happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from watchkeeper.core.incidents.values import Event
from watchkeeper.core.log.values import Entry


class WebhookPort(Protocol):
    """Posts one body."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str], secret: str, timeout_s: float) -> None:
        """Sign with the secret and send. Raises `DeliveryError` unless the answer is a 2xx."""
        ...


class WebhookRows(Protocol):
    """What happened after a number, oldest first."""

    def events_after(self, number: int, limit: int) -> list[Event]:
        """Lines of all timelines with a greater id."""
        ...

    def entries_after(self, number: int, limit: int) -> list[Entry]:
        """Entries of the log with a greater number; bodies that left the log are left out."""
        ...

    def newest_event(self) -> int:
        """The greatest id of a timeline's line; 0 when there is none."""
        ...
