"""The read side of the readings store in PostgreSQL, used by main of every node: sees what all nodes wrote."""

from __future__ import annotations

from typing import Any

from watchkeeper.core.checks import Flip, Judged, Settled, State
from watchkeeper.store.kept_connection import Connections, KeptConnection
from watchkeeper.store.readings.postgresql_schema import SCHEMA, SETTLED
from watchkeeper.store.readings.rows import FLIP_COLUMNS, flips_of, latest_of, readings_of
from watchkeeper.store.readings.schema import STATE_OF_LETTER, STATES

Row = tuple[Any, ...]


class PostgresqlReadingsReader:
    """Implements `JournalPort`. A few connections for all threads; before a watch has made the tables all is empty.

    Raises `Invalid` when a newer program made the tables, `StoreAway` while the database cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._connections = Connections(url, SCHEMA.what, read_only=True)
        self._ready = False

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
        return {check: STATES[state] for check, state in self._rows(query, (at,))}

    def first_reading(self, check: str) -> float | None:
        """The time of the oldest reading that is kept of a check."""
        query = "select min(at) from watch.reading where check_id = (select id from watch.name where text = %s)"
        return next((at for (at,) in self._rows(query, (check,))), None)

    def newest_flip(self) -> int:
        """The seq of the newest flip; 0 when there is none."""
        return next((int(newest) for (newest,) in self._rows("select newest from watch.journal")), 0)

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        """Readings of a check with at >= since, oldest first. While OK the reason is left out, see `schema`."""
        query = (
            "select r.at, r.latency, r.state, r.vals, r.error, r.reason, rule.text from watch.reading r"
            " join watch.name rule on rule.id = r.rule_id"
            " where r.check_id = (select id from watch.name where text = %s) and r.at >= %s order by r.at limit %s"
        )
        return readings_of(check, self._rows(query, (check, since, limit)))

    def settled(self) -> dict[str, Settled]:
        """The settled state of every check any watch has ever known; removed checks stay until they are replaced."""
        return settled_of(self._rows(SETTLED))

    def latest(self) -> dict[str, Judged]:
        """The newest reading of every check."""
        query = (
            "select name.text, s.at, s.latency, s.verdict, s.verdict_reason, s.vals, s.error, s.rule_hash"
            " from watch.state s join watch.name name on name.id = s.check_id where s.at is not null"
        )
        return latest_of(self._rows(query))

    def gaps(self, since: float) -> list[tuple[float, float]]:
        """Times in which no node watched at all and that ended after `since`. Downtimes of one node are not among them."""
        query = "select unseen_from, end_at from watch.gap where unseen_from is not null and end_at > %s order by id"
        return [(start, end) for start, end in self._rows(query, (since,))]

    def close(self) -> None:
        """Close the connections of all threads."""
        self._connections.close()

    def _flips(self, where: str, values: tuple[object, ...]) -> list[Flip]:
        query = f"select {FLIP_COLUMNS} from watch.flip where {where}"
        return flips_of(self._rows(query, values))

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[Row]:
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
        key: Settled(STATES[state], since, tuple(STATE_OF_LETTER[letter] for letter in recent), good, reason)
        for key, state, since, recent, good, reason in rows
    }
