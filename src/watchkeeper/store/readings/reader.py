"""The read side of the readings store, used by main: its own connections, which can never write."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Flip, Judged, Settled, State
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.store.readings import pings as ping_rows
from watchkeeper.store.readings.folding import SQLITE
from watchkeeper.store.readings.rollup_rows import RollupRows
from watchkeeper.store.readings.rows import FLIP_COLUMNS, Latest, flips_of
from watchkeeper.store.readings.schema import STATES, refuse_newer, unusable, version_of
from watchkeeper.store.readings.settled_text import settled_of


class ReadingsReader(RollupRows):
    """Implements `JournalPort`. One connection per thread; before the watch has made the file everything is empty.

    Raises `Invalid` when a newer program wrote the file, or when SQLite cannot use it.
    """

    dialect = SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._rows_read: _Kept = {}
        self._latest = Latest()

    def flips(self, after: int, limit: int = 200) -> list[Flip]:
        """Flips with seq > after, oldest first."""
        return self._flips("seq > ? order by seq limit ?", (after, limit))

    def flips_between(self, since: float, until: float) -> list[Flip]:
        """Flips with since <= at < until, oldest first."""
        return self._flips("at >= ? and at < ? order by at, seq", (since, until))

    def states_at(self, at: float) -> dict[str, State]:
        """The settled state of every check that had flipped before `at`."""
        query = (
            "select check_key, after_state from flip"
            " where seq in (select max(seq) from flip where at < ? group by check_key)"
        )
        return {check: STATES[state] for check, state in self.ask(query, (at,))}

    def newest_flip(self) -> int:
        """The seq of the newest flip; 0 when there is none."""
        return next((int(seq or 0) for (seq,) in self.ask("select max(seq) from flip", ())), 0)

    def _flips(self, where: str, values: tuple[object, ...]) -> list[Flip]:
        query = f"select {FLIP_COLUMNS} from flip where {where}"
        return flips_of(self.ask(query, values))

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        """The newest pings of a check, oldest first, whole."""
        with self._asking() as connection:
            return ping_rows.newest(connection, check, limit, ping_rows.WHOLE) if connection is not None else []

    def alerts(self, check: str) -> list[Alert]:
        """Every alert that is known of a check."""
        with self._asking() as connection:
            return ping_rows.alerts_of(connection, check) if connection is not None else []

    def settled(self) -> dict[str, Settled]:
        """The settled state of every check the watch has ever known; removed checks stay until they are replaced."""
        with self._asking() as connection:
            if connection is None:
                return {}
            self._rows_read = kept = read_rows(connection, self._rows_read)
            return {key: settled for key, (_row, settled) in kept.items()}

    def latest(self) -> dict[str, Judged]:
        """The newest reading of every check."""
        query = (
            "select check_key, at, latency, verdict, verdict_reason, vals, error, rule_hash"
            " from state where at is not null"
        )
        return self._latest.of(self.ask(query, ()))

    def gaps(self, since: float) -> list[tuple[float, float]]:
        """Our own downtimes that ended after `since`."""
        rows = self.ask("select start_at, end_at from gap where end_at > ? order by id", (since,))
        return [(start, end) for start, end in rows]

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
            self._local = threading.local()

    def ask(self, query: str, values: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
        """The rows of one question; none before the watch has made the file."""
        with self._asking() as connection:
            return connection.execute(query, values).fetchall() if connection is not None else []

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection | None]:
        """The connection; after a failure the next question opens the file anew, which may be another one by then."""
        try:
            yield self._connection()
        except sqlite3.Error as error:
            self._local.connection = None
            raise unusable(self._path, error) from error

    def _connection(self) -> sqlite3.Connection | None:
        """This thread's connection; None while there is no finished file."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            return connection
        if not self._path.exists():
            return None
        uri = f"file:{quote(str(self._path))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
        version = version_of(connection)
        if version == 0:  # the watch is making it just now
            connection.close()
            return None
        try:
            refuse_newer(version, self._path.name)
        except BaseException:
            connection.close()
            raise
        connection.execute("pragma query_only = on")
        with self._lock:
            self._open.append(connection)
        self._local.connection = connection
        return connection


_Kept = dict[str, tuple[tuple[Any, ...], Settled]]


def read_rows(connection: sqlite3.Connection, known: _Kept) -> _Kept:
    """The settled state of every check with the row it was read from; a row that is as before is not read again."""
    found: _Kept = {}
    query = "select check_key, state, since, recent, good_in_row, reason from state"
    for row in connection.execute(query).fetchall():
        before = known.get(row[0])
        found[row[0]] = before if before is not None and before[0] == row else (row, settled_of(*row[1:]))
    return found
