"""Outputs of steps in a file of their own (``evidence.db``), as compressed chunks that can be read from any offset.

Plain sqlite3: it is the one writer of its file and needs nothing of Django. WAL with FULL: a step is reported as done
only after its output is kept.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.core.errors import Invalid, Locked, WatchkeeperError
from watchkeeper.store import evidence_schema
from watchkeeper.store.upgrading import upgrading

CHUNK = 65_536
"""Most bytes of output in one chunk, so that a read from the middle unpacks little."""

_OF_STEP = "run = ? AND step = ? AND attempt = ?"


class EvidenceStore:
    """An `EvidencePort`. Usable from every thread; one connection, guarded by a lock."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._lock = threading.Lock()
        self._closed = False
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(self.path, timeout=20, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise Invalid(
                f"The evidence store {self.path} cannot be opened: {error}.",
                "Move the file away; outputs kept in it are then missing, everything else works.",
            ) from error

    def _prepare(self) -> None:
        version = evidence_schema.version_of(self._connection)
        evidence_schema.refuse_newer(version, self.path.name)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=67108864"):
            self._connection.execute(f"PRAGMA {pragma}")
        if version < evidence_schema.VERSION:
            with upgrading(self.path.parent):
                evidence_schema.migrate(self._connection, self.path.name)

    def append(self, run: int, step: int, attempt: int, data: bytes) -> None:
        """Adds to the output of one attempt; returns when it is durable. Empty data adds nothing."""
        if not data:
            return
        with self._transaction() as connection:
            start = self._size(run, step, attempt)
            for begin in range(0, len(data), CHUNK):
                part = data[begin : begin + CHUNK]
                squeezed = zlib.compress(part, 6)
                packed = len(squeezed) < len(part)
                row = (run, step, attempt, start + begin, len(part), packed, squeezed if packed else part)
                connection.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def reset(self, run: int, step: int, attempt: int) -> None:
        """Forget what was collected of an attempt, before it is collected again from its start."""
        with self._transaction() as connection:
            connection.execute(f"DELETE FROM chunk WHERE {_OF_STEP}", (run, step, attempt))

    def read(self, run: int, step: int, attempt: int, offset: int = 0, limit: int = 262_144) -> bytes:
        """Bytes offset .. offset + limit of the output, fewer at its end, none behind it."""
        end = offset + limit
        query = (
            f"SELECT start, packed, data FROM chunk WHERE {_OF_STEP} AND start + size > ? AND start < ? ORDER BY start"
        )
        with self._lock:
            self._assert_open()
            rows = self._connection.execute(query, (run, step, attempt, offset, end)).fetchall()
        parts = []
        for start, packed, data in rows:
            part = unpacked(data, run, step, self.path.name) if packed else bytes(data)
            parts.append(part[max(offset - start, 0) : end - start])
        return b"".join(parts)

    def size(self, run: int, step: int, attempt: int) -> int:
        """Bytes of output kept for one attempt."""
        with self._lock:
            self._assert_open()
            return self._size(run, step, attempt)

    def close(self) -> None:
        """Calling it again does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()

    def _size(self, run: int, step: int, attempt: int) -> int:
        query = f"SELECT start + size FROM chunk WHERE {_OF_STEP} ORDER BY start DESC LIMIT 1"
        row = self._connection.execute(query, (run, step, attempt)).fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._assert_open()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise WatchkeeperError(
                    f"The output cannot be kept in {self.path}: {error}.", "Free some space on its disk, then repeat."
                ) from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _assert_open(self) -> None:
        if self._closed:
            raise Locked(
                "The evidence store is closed: watchkeeper is ending.", "Start it again, then repeat the command."
            )


def unpacked(data: bytes, run: int, step: int, place: str) -> bytes:
    """The output in one chunk. place: what is put back from a copy when the chunk is damaged; then `Invalid` is raised."""
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise Invalid(
            f"The output of run {run}, step {step} is damaged in the evidence store: {error}.",
            f"Put {place} back from a copy; the digest in the run shows whether that one is right.",
        ) from error
