"""Rows of what the public is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.status_page import Notice, Update


class StatusPageRows(Protocol):
    """Part of `Session`."""

    def add_notice(self, notice: Notice) -> Notice:
        """A second one of the same incident is not added: the first one comes back."""
        ...

    def save_notice(self, notice: Notice) -> None: ...
    def notice(self, number: int) -> Notice:
        """Raises `NotFound`."""
        ...

    def notice_of(self, incident: int) -> Notice | None: ...
    def open_notices(self) -> list[Notice]:
        """Those that are not over, drafts and withdrawn ones included, oldest first."""
        ...

    def notices(self, since: float, until: float, limit: int = 500) -> list[Notice]:
        """Those that began in since <= began_at < until, newest first."""
        ...

    def add_update(self, update: Update) -> Update: ...
    def save_update(self, update: Update) -> None: ...
    def update(self, number: int) -> Update:
        """Raises `NotFound`."""
        ...

    def updates(self, notices: Sequence[int]) -> list[Update]:
        """Of these notices, oldest first, drafts and discarded ones included."""
        ...
