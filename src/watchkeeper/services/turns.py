"""Whose turn it is to change a host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class HostTurns:
    """One changing step per host at a time, within this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    @contextmanager
    def take(self, host: str, wait_s: float) -> Iterator[bool]:
        """Yields whether the turn was got within `wait_s`."""
        with self._guard:
            lock = self._locks.setdefault(host, threading.Lock())
        got = lock.acquire(timeout=wait_s)
        try:
            yield got
        finally:
            if got:
                lock.release()
