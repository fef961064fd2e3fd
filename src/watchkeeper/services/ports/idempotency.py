"""Keeping which writes came with a key, and what was answered."""

from __future__ import annotations

from typing import Protocol

from watchkeeper.core.idempotency import Request


class IdempotencyRows(Protocol):
    """Part of the Session."""

    def keyed_request(self, actor: str, key: str) -> Request | None:
        """What is kept under this key of this actor."""
        ...

    def keep_request(self, request: Request) -> None:
        """Replaces what is kept under its key."""
        ...

    def drop_request(self, actor: str, key: str) -> None:
        """The key is free again."""
        ...

    def forget_requests(self, before: float) -> None:
        """Drop those taken up before that time."""
        ...
