"""The write side of the readings store: one connection, used by one process."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Flip, Judged, Settled, State
from watchkeeper.core.readings.retention import Retention
from watchkeeper.services.ports import Ping
from watchkeeper.store.readings import pings as ping_rows
from watchkeeper.store.readings.folding import SQLITE, Folder, Pace
from watchkeeper.store.readings.rollup_rows import RollupRows
from watchkeeper.store.readings.schema import (
    NUMBERS,
    VERSION,
    migrate,
    pack_values,
    refuse_newer,
    unusable,
    version_of,
)
from watchkeeper.store.readings.settled_text import settled_of, text_of
from watchkeeper.store.readings.taken import Taken
from watchkeeper.store.upgrading import upgrading

_UPSERT_STATE = """
insert into state (check_key, state, since, recent, good_in_row, reason, rule_hash,
  at, latency, verdict, verdict_reason, vals, error)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (check_key) do update set state = excluded.state, since = excluded.since, recent = excluded.recent,
  good_in_row = excluded.good_in_row, reason = excluded.reason,
  rule_hash = case when excluded.rule_hash = '' then rule_hash else excluded.rule_hash end,
  at = coalesce(excluded.at, at), latency = coalesce(excluded.latency, latency),
  verdict = coalesce(excluded.verdict, verdict), verdict_reason = coalesce(excluded.verdict_reason, verdict_reason),
  vals = case when excluded.at is null then vals else excluded.vals end,
  error = case when excluded.at is null then error else excluded.error end
"""


class ReadingsWriter(RollupRows):
    """Implements `ReadingsPort`. Methods block; calls from several threads are taken one after the other.

    Readings of an hour that is over are folded, a little with each group that is written; see `folding`. keep_rows: beyond so
    many the oldest go unfolded. Flips, gaps and each check's last pings are kept.
    Raises sqlite3.Error when the disk is full or broken; nothing of that call is then stored.
    """

    taken_away: Collection[str] = ()
    """Of several nodes only: checks that another one has taken."""

    dialect = SQLITE

    def __init__(self, path: Path, *, retention: Retention | None = None, keep_rows: int = 20_000_000) -> None:
        self._lock = threading.RLock()
        self._keep_rows = keep_rows
        self._folder, self._pace = Folder(SQLITE, retention or Retention()), Pace()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        except sqlite3.Error as error:
            raise unusable(path, error) from error
        try:
            self._prepare(path)
            self._names: dict[str, int] = {
                text: number for number, text in self._connection.execute("select id, text from name")
            }
        except sqlite3.Error as error:
            self._connection.close()
            raise unusable(path, error) from error
        except BaseException:
            self._connection.close()
            raise
        self._full = False
        self._pruning = ping_rows.Pruning()
        # what probes read of pings does not wait for a commit under way, and no commit for them
        self._beside, self._reading = _beside(path), threading.Lock()
        self._written = 0

    def _prepare(self, path: Path) -> None:
        path.chmod(0o600)
        if version_of(self._connection) in (0, VERSION):  # new, or as this program writes it
            migrate(self._connection, path.name)
        else:
            refuse_newer(version_of(self._connection), path.name)
            with upgrading(path.parent):
                migrate(self._connection, path.name)
        for pragma in ("journal_mode = wal", "synchronous = normal", "cache_size = -2000", "temp_store = memory"):
            self._connection.execute(f"pragma {pragma}")

    def write(self, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]) -> list[Flip]:
        """Append one tick in one commit, durably when it holds a flip; the flips come back with `seq`."""
        with self._transaction(durable=bool(flips)):
            self._append(readings)
            newest = {judged.reading.check: judged for judged in readings}
            rows = [_state_row(key, value, newest.get(key)) for key, value in settled.items()]
            self._connection.executemany(_UPSERT_STATE, rows)
            numbered = [replace(flip, seq=self._add_flip(flip)) for flip in flips]
        self._written += len(readings)
        if self._written >= 1000:
            self._written = 0
            self.prune()
        if readings and not flips:
            now = max(judged.reading.at for judged in readings)
            prune = self._pace.may_prune(now)
            self._pace.now_and_then(self._folder, now, lambda: self.fold(now, enough=self._pace.enough, prune=prune))
        return numbered

    def fold(self, now: float, most: int = 16, enough: Callable[[], bool] = bool, prune: bool = True) -> int:
        """Fold at most `most` hours of checks in one transaction; how many. 0: nothing is due. See `folding.Folder`."""
        with self._transaction():
            return self._folder.slice(self._connection, now, most, enough, prune)

    def keep(self, retention: Retention) -> None:
        """How long readings and roll-ups are kept from now on."""
        with self._lock:
            if retention != self._folder.retention:
                self._folder.retention = retention
                self._folder.forget_round()

    def ask(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one question."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def settled(self) -> dict[str, Settled]:
        """The settled state of every check, as of the last commit."""
        with self._lock:
            return read_settled(self._connection)

    def rules(self) -> dict[str, str]:
        """The rule hash under which each check was judged last."""
        with self._lock:
            return dict(self._connection.execute("select check_key, rule_hash from state"))

    def last_asked(self) -> dict[str, float]:
        """When each check was asked last, epoch seconds."""
        with self._lock:
            return dict(self._connection.execute("select check_key, at from state where at is not null"))

    def take(self, checks: Collection[str]) -> Taken:
        """Where these checks stand. On one machine they are always ours; with several nodes see `postgresql_writer`."""
        known = self.settled()
        wanted = [check for check in checks if check in known]
        rules, asked = self.rules(), self.last_asked()
        return Taken(
            {check: known[check] for check in wanted},
            {check: rules[check] for check in wanted},
            {check: asked[check] for check in wanted if check in asked},
        )

    def alive(self, now: float) -> None:
        """Mark that the watch was alive at `now`."""
        with self._transaction():
            self._connection.execute("insert or replace into alive values (1, ?)", (now,))

    def gap(self, now: float, longer_than_s: float) -> tuple[float, float] | None:
        """(from, to) of our own downtime when the last mark is older than `longer_than_s`; recorded durably."""
        with self._transaction(durable=True):
            row = self._connection.execute("select at from alive").fetchone()
            if row is None or now - row[0] <= longer_than_s:
                return None
            self._connection.execute("insert into gap (start_at, end_at) values (?, ?)", (row[0], now))
            self._connection.execute("insert or replace into alive values (1, ?)", (now,))
            return float(row[0]), now

    def ping(self, ping: Ping) -> None:
        """Store a heartbeat ping durably; of each check the newest 1,000 are kept."""
        self.add_pings([ping])

    def add_pings(self, pings: Sequence[Ping], *, once: bool = False) -> None:
        """Store these pings in one durable commit. once: leave out those that are stored already."""
        with self._transaction(durable=True):
            ping_rows.add(self._connection, pings, self._pruning.due(pings), once=once)

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        """The newest pings of a check, oldest first, without their bodies."""
        with self._reading:
            return ping_rows.newest(self._beside, check, limit)

    def put_alerts(self, alerts: Sequence[Alert], now: float) -> None:
        """Replace what was known of these alerts, in one durable commit."""
        with self._transaction(durable=True):
            ping_rows.put_alerts(self._connection, alerts, now)

    def alerts(self, check: str) -> list[Alert]:
        """Every alert that is known of a check."""
        with self._reading:
            return ping_rows.alerts_of(self._beside, check)

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]:
        """(last success, last ping of any status)."""
        query = f"select {ping_rows.COLUMNS} from ping where check_key = ? {{}} order by at desc, id desc limit 1"
        with self._reading:
            success = self._beside.execute(query.format("and status = 'success'"), (check,)).fetchone()
            newest = self._beside.execute(query.format(""), (check,)).fetchone()
        return Ping(*success) if success else None, Ping(*newest) if newest else None

    def first_seen(self, check: str, now: float) -> float:
        """When the watch first knew this heartbeat; `now` when that is now."""
        with self._reading:
            row = self._beside.execute("select at from seen where check_key = ?", (check,)).fetchone()
        if row is not None:
            return float(row[0])
        with self._transaction():
            self._connection.execute("insert or ignore into seen values (?, ?)", (check, now))
        return now

    def prune(self, slice_rows: int = 4000) -> int:
        """Delete a slice of the oldest raw readings when there are more than `keep_rows`; how many went."""
        with self._transaction():
            query = (
                "select (select min(rowid) from reading), (select max(rowid) from reading)"  # both at once read it all
            )
            first, last = self._connection.execute(query).fetchone()
            if first is None or last - first < self._keep_rows:
                return 0
            query = "delete from reading where rowid < ? and rowid < ?"
            return self._connection.execute(query, (first + slice_rows, last - self._keep_rows + 1)).rowcount

    def close(self) -> None:
        """End the connection; the write-ahead log is folded into the file."""
        with self._lock, self._reading:
            self._beside.close()  # the last one to go folds the log, and it may not write
            self._connection.close()

    @contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Immediate transaction; `durable` survives a power cut, others may lose the last commits then, never order."""
        with self._lock:
            if durable != self._full:
                self._connection.execute(f"pragma synchronous = {'full' if durable else 'normal'}")
                self._full = durable
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                self._names.clear()  # numbers given in this transaction are gone with it
                raise

    def _append(self, readings: Sequence[Judged]) -> None:
        rows = []
        for judged in readings:
            reading, verdict = judged.reading, judged.verdict
            reason = None if verdict.state is State.OK else verdict.reason[:400]
            numbers = (self._name(reading.check), reading.at, round(reading.latency_s, 6), NUMBERS[verdict.state])
            rule = self._name(judged.rule_hash)
            rows.append((*numbers, rule, pack_values(reading.values), reading.error, reason))
        self._connection.executemany("insert into reading values (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _name(self, text: str) -> int:
        """The number that stands for a check key or rule hash."""
        number = self._names.get(text)
        if number is None:
            self._connection.execute("insert or ignore into name (text) values (?)", (text,))
            number = int(self._connection.execute("select id from name where text = ?", (text,)).fetchone()[0])
            self._names[text] = number
        return number

    def _add_flip(self, flip: Flip) -> int:
        cursor = self._connection.execute(
            "insert into flip (check_key, service, host, at, before_state, after_state, reason, vals, rule_hash, rule)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(flip.check, flip.service, flip.host, flip.at, NUMBERS[flip.before], NUMBERS[flip.after]),
                *(flip.reason, pack_values(flip.values) or "{}", flip.rule_hash, flip.rule),
            ),
        )
        return int(cursor.lastrowid or 0)


def _beside(path: Path) -> sqlite3.Connection:
    """A second connection, for reading."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    for pragma in ("query_only = on", "cache_size = -500"):
        connection.execute(f"pragma {pragma}")
    return connection


def _state_row(key: str, settled: Settled, judged: Judged | None) -> tuple[object, ...]:
    head = (key, NUMBERS[settled.state], settled.since, text_of(settled), settled.good_in_row, settled.reason)
    if judged is None:
        return (*head, "", None, None, None, None, None, None)
    reading, verdict = judged.reading, judged.verdict
    newest = (reading.at, reading.latency_s, NUMBERS[verdict.state], verdict.reason)
    return (*head, judged.rule_hash, *newest, pack_values(reading.values), reading.error)


def read_settled(connection: sqlite3.Connection) -> dict[str, Settled]:
    """The settled state of every check; also used by the read side."""
    rows = connection.execute("select check_key, state, since, recent, good_in_row, reason from state")
    return {key: settled_of(state, since, recent, good, reason) for key, state, since, recent, good, reason in rows}
