"""Notifications on their way, as kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from watchkeeper.core.notifications import Attempt, Notification


class DeliveryRows(Protocol):
    """Within one transaction."""

    def notification(self, number: int) -> Notification:
        """Raises `NotFound`."""
        ...

    def save_notifications(self, rows: Iterable[Notification]) -> None:
        """Replaces these rows; no attempt is recorded."""
        ...

    def anything_due(self, now: float) -> bool:
        """Whether `due_to_send` has any; asked several times a second, so it is cheap."""
        ...

    def due_to_send(self, now: float, limit: int = 1000) -> list[Notification]:
        """Undelivered, due, and not carried by another; oldest first."""
        ...

    def undelivered_of(self, incidents: Sequence[int]) -> list[Notification]:
        """Every undelivered one of these incidents, carried by another or not; oldest first."""
        ...

    def riders(self, carriers: Sequence[int]) -> dict[int, list[Notification]]:
        """The undelivered ones that each of these carries, oldest first."""
        ...

    def carried_by(self, carrier: int) -> list[Notification]:
        """All that one carries or carried, delivered or not, oldest first."""
        ...

    def told_since(self, since: float) -> list[Notification]:
        """What a channel took after `since`, oldest first."""
        ...

    def ends_of(self, incidents: Sequence[int]) -> dict[int, int]:
        """The id of the newest message about its end, by incident; delivered or not."""
        ...

    def last_attempts(self, channel: str, limit: int = 8) -> list[Attempt]:
        """The newest attempts on a channel, newest first."""
        ...

    def hasten(self, channel: str, now: float) -> int:
        """What failed before and may go through this channel becomes due; returns how many."""
        ...

    def newest_notifications(
        self, undelivered: bool = False, before: int | None = None, limit: int = 50
    ) -> list[Notification]:
        """Newest first, with ids below `before`."""
        ...
