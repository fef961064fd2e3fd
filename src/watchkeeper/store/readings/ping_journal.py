"""Pings while the readings store is away: lines of a file of the state directory, durable before the reply.

One process writes it, the watch. Lines are handed on in the order they came, and forgotten once they are stored; a crash
between the two hands them on again, so the store takes each one once.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.core.errors import NoAnswer

NAME = "pings.journal"
MOST_BYTES = 64 * 1024 * 1024


class PingJournal:
    """state: the state directory. All methods block; `add` and the rest may be called from different threads."""

    def __init__(self, state: Path) -> None:
        self._path, self._draining = state / NAME, state / f"{NAME}.draining"
        self._lock = threading.Lock()

    def add(self, pings: Sequence[Ping]) -> None:
        """Append them durably. Raises OSError, and `NoAnswer` when it is full."""
        lines = "".join(json.dumps(asdict(ping), ensure_ascii=False) + "\n" for ping in pings).encode()
        with self._lock:
            fresh = not self._path.exists()
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(handle).st_size
                if size > MOST_BYTES:
                    raise NoAnswer("No more pings are taken: the readings store is away and their file is full.")
                if size and os.pread(handle, 1, size - 1) != b"\n":
                    lines = b"\n" + lines  # a line that a crash cut off stays alone
                while lines:
                    lines = lines[os.write(handle, lines) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            if fresh:
                _sync_folder(self._path.parent)

    def waiting(self) -> list[Ping]:
        """What is not stored yet, oldest first; from now on new ones go into another file, see `forget`."""
        with self._lock:
            if not self._draining.exists():
                if not self._path.exists():
                    return []
                self._path.rename(self._draining)
                _sync_folder(self._path.parent)
            return _read(self._draining.read_bytes())

    def forget(self) -> None:
        """What `waiting` gave is stored."""
        with self._lock:
            self._draining.unlink(missing_ok=True)
            _sync_folder(self._path.parent)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._draining.exists() and not self._path.exists()


def _read(data: bytes) -> list[Ping]:
    """The whole lines; what a crash cut off was never answered."""
    found = []
    for line in data.split(b"\n"):
        try:
            found.append(Ping(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
