"""Outputs of steps in PostgreSQL, for several nodes: the same compressed chunks, and one writer for each attempt.

Whoever begins to collect an attempt (`reset`, or the first `append`) is its writer from then on. A node that was
superseded, and wakes up with output in its hands, is refused: it cannot mix its bytes into what another one collects.
"""

from __future__ import annotations

import uuid
import zlib

from watchkeeper.core.errors import Locked
from watchkeeper.store.evidence import CHUNK, unpacked
from watchkeeper.store.kept_connection import Connection, Connections
from watchkeeper.store.own_schemas import OwnSchema

WAIT_S = 20.0
"""How long a lost connection is waited for, as long as a locked evidence.db is."""

# `attempt.size` is moved first in every append: its row lock makes two appends to one attempt follow each other.
_TABLES = """
create table evidence.attempt (
    run bigint not null, step integer not null, attempt integer not null, size bigint not null, writer text not null,
    primary key (run, step, attempt)
);
create table evidence.chunk (
    run bigint not null, step integer not null, attempt integer not null, start bigint not null, size integer not null,
    packed boolean not null, data bytea not null, primary key (run, step, attempt, start)
);
alter table evidence.chunk alter column data set storage external;
"""
SCHEMA = OwnSchema("evidence", "The evidence store", 1, {0: _TABLES})
_OF_STEP = "run = %s and step = %s and attempt = %s"


class PostgresqlEvidence:
    """An `EvidencePort`. Usable from every thread; a few connections, made when they are needed."""

    def __init__(self, url: str, *, patience_s: float = WAIT_S) -> None:
        SCHEMA.prepare(url, patience_s)
        self._connections = Connections(url, SCHEMA.what)
        self._writer = uuid.uuid4().hex

    def append(self, run: int, step: int, attempt: int, data: bytes) -> None:
        """Adds to the output of one attempt; returns when it is durable. Empty data adds nothing.

        Raises `Locked` when another node collects this attempt by now, `StoreAway` when nothing was kept.
        """
        if not data:
            return
        parts = [data[begin : begin + CHUNK] for begin in range(0, len(data), CHUNK)]
        chunks = [(len(part), *_squeezed(part)) for part in parts]

        def work(connection: Connection) -> None:
            row = connection.execute(
                "insert into evidence.attempt as a values (%s, %s, %s, %s, %s) on conflict (run, step, attempt)"
                " do update set size = a.size + excluded.size where a.writer = excluded.writer returning size",
                (run, step, attempt, len(data), self._writer),
            ).fetchone()
            if row is None:
                raise Locked(
                    f"The output of run {run}, step {step} is collected by another node by now.",
                    "This node was away for too long; the other one has the output from its start.",
                )
            start = row[0] - len(data)
            rows = []
            for size, packed, kept in chunks:
                rows.append((run, step, attempt, start, size, packed, kept))
                start += size
            with connection.cursor() as cursor:
                cursor.executemany("insert into evidence.chunk values (%s, %s, %s, %s, %s, %s, %s)", rows)

        self._connections.transaction(work, patience_s=WAIT_S)

    def reset(self, run: int, step: int, attempt: int) -> None:
        """Forget what was collected of an attempt and become its writer, before it is collected again from its start."""

        def work(connection: Connection) -> None:
            connection.execute(
                "insert into evidence.attempt values (%s, %s, %s, 0, %s) on conflict (run, step, attempt)"
                " do update set size = 0, writer = excluded.writer",
                (run, step, attempt, self._writer),
            )
            connection.execute(f"delete from evidence.chunk where {_OF_STEP}", (run, step, attempt))

        self._connections.transaction(work, patience_s=WAIT_S)

    def read(self, run: int, step: int, attempt: int, offset: int = 0, limit: int = 262_144) -> bytes:
        """Bytes offset .. offset + limit of the output, fewer at its end, none behind it."""
        end = offset + limit
        query = (
            f"select start, packed, data from evidence.chunk where {_OF_STEP} and start > %s and start + size > %s"
            " and start < %s order by start"
        )
        found = self._connections.rows(query, (run, step, attempt, offset - CHUNK - 1, offset, end))
        parts = []
        for start, packed, data in found:
            part = unpacked(data, run, step, "the schema evidence") if packed else bytes(data)
            parts.append(part[max(offset - start, 0) : end - start])
        return b"".join(parts)

    def size(self, run: int, step: int, attempt: int) -> int:
        """Bytes of output kept for one attempt."""
        found = self._connections.rows(f"select size from evidence.attempt where {_OF_STEP}", (run, step, attempt))
        return int(found[0][0]) if found else 0

    def close(self) -> None:
        """Calling it again does nothing."""
        self._connections.close()


def _squeezed(part: bytes) -> tuple[bool, bytes]:
    """(packed, bytes): compressed where that is smaller."""
    squeezed = zlib.compress(part, 6)
    return (True, squeezed) if len(squeezed) < len(part) else (False, part)
