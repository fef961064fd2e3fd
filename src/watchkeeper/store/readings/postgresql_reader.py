"""The read side of the readings store in PostgreSQL, used by main of every node: sees what all nodes wrote."""

from __future__ import annotations

from typing import Any

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Flip, Judged, Settled, State
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.store.kept_connection import Connections, KeptConnection
from watchkeeper.store.readings import pings as ping_rows
from watchkeeper.store.readings import settled_text
from watchkeeper.store.readings.folding import POSTGRESQL
from watchkeeper.store.readings.postgresql_schema import SCHEMA, SETTLED
from watchkeeper.store.readings.rollup_rows import RollupRows
from watchkeeper.store.readings.rows import FLIP_COLUMNS, Latest, flips_of
from watchkeeper.store.readings.schema import STATES

Row = tuple[Any, ...]


class PostgresqlReadingsReader(RollupRows):
    """Implements `JournalPort`. A few connections for all threads; before a watch has made the tables all is empty.

    Raises `Invalid` when a newer program made the tables, `StoreAway` while the database cannot be reached.
    """

    dialect = POSTGRESQL

    def __init__(self, url: str) -> None:
        self._connections = Connections(url, SCHEMA.what, read_only=True)
        self._ready = False
        self._latest = Latest()

    def flips(self, after: int, limit: int = 200) -> list[Flip]:
        """Flips with seq > after, oldest first."""
        return self._flips("seq > %s order by seq limit %s", (after, limit))

    def flips_between(self, since: float, until: float) -> list[Flip]:
        """Flips with since <= at < until, oldest first."""
        return self._flips("at >= %s and at < %s order by at, seq", (since, until))

    def states_at(self, at: float) -> dict[str, State]:
        """The settled state of every check that had flipped before `at`."""
        query = (
            "select distinct on (check_key) check_key, after_state from watch.flip where at < %s"
            " order by check_key, seq desc"
        )
        return {check: STATES[state] for check, state in self.ask(query, (at,))}

    def newest_flip(self) -> int:
        """The seq of the newest flip; 0 when there is none."""
        return next((int(newest) for (newest,) in self.ask("select newest from watch.journal")), 0)

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        """The newest pings of a check, oldest first, whole, whichever node took them."""
        query = f"select {ping_rows.WHOLE} from watch.ping where check_key = %s order by id desc limit %s"
        return [Ping(*row) for row in reversed(self.ask(query, (check, limit)))]

    def alerts(self, check: str) -> list[Alert]:
        """Every alert that is known of a check, whichever node took it."""
        query = f"select {ping_rows.ALERT_COLUMNS} from watch.alert where check_key = %s"
        return [ping_rows.alert_of(row) for row in self.ask(query, (check,))]

    def settled(self) -> dict[str, Settled]:
        """The settled state of every check any watch has ever known; removed checks stay until they are replaced."""
        return settled_of(self.ask(SETTLED))

    def latest(self) -> dict[str, Judged]:
        """The newest reading of every check."""
        query = (
            "select name.text, s.at, s.latency, s.verdict, s.verdict_reason, s.vals, s.error, s.rule_hash"
            " from watch.state s join watch.name name on name.id = s.check_id where s.at is not null"
        )
        return self._latest.of(self.ask(query))

    def gaps(self, since: float) -> list[tuple[float, float]]:
        """Times in which no node watched at all and that ended after `since`. Downtimes of one node are not among them."""
        query = "select unseen_from, end_at from watch.gap where unseen_from is not null and end_at > %s order by id"
        return [(start, end) for start, end in self.ask(query, (since,))]

    def close(self) -> None:
        """Close the connections of all threads."""
        self._connections.close()

    def _flips(self, where: str, values: tuple[object, ...]) -> list[Flip]:
        query = f"select {FLIP_COLUMNS} from watch.flip where {where}"
        return flips_of(self.ask(query, values))

    def ask(self, query: str, values: tuple[Any, ...] = ()) -> list[Row]:
        """The rows of one question; none before a watch has made the tables."""
        with self._connections.one() as kept:
            if not self._ready and not self._has_tables(kept):
                return []
            return kept.rows(query, values)

    def _has_tables(self, kept: KeptConnection) -> bool:
        """Looked at until they are there; from then on newer programs only add to them (decision 0023)."""
        version = SCHEMA.version_in(kept)
        SCHEMA.refuse_newer(version)
        self._ready = version > 0
        return self._ready


def settled_of(rows: list[Row]) -> dict[str, Settled]:
    """The rows of `SETTLED` as values."""
    return {
        key: settled_text.settled_of(state, since, recent, good, reason)
        for key, state, since, recent, good, reason in rows
    }
