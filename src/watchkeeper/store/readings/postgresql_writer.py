"""The write side of the readings store in PostgreSQL: one connection of one node's watch, beside those of other nodes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Flip, Judged, Settled
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.readings.retention import Retention
from watchkeeper.services.ports import Ping
from watchkeeper.store.kept_connection import Connection, Doubtful, KeptConnection, Lost, slept_since
from watchkeeper.store.own_schemas import LOCKS, OWNER_LOCK, PRUNE_LOCK
from watchkeeper.store.readings import postgresql_pings as ping_rows
from watchkeeper.store.readings.folding import POSTGRESQL, Folder, Pace
from watchkeeper.store.readings.pings import Pruning
from watchkeeper.store.readings.postgresql_reader import settled_of
from watchkeeper.store.readings.postgresql_rows import (
    ADD_FLIP,
    ADD_READINGS,
    COUNT_FLIPS,
    READING,
    STATE,
    UPSERT_STATES,
    flip_row,
    reading_row,
    state_row,
    together,
)
from watchkeeper.store.readings.postgresql_schema import SCHEMA, SETTLED
from watchkeeper.store.readings.rollup_rows import RollupRows
from watchkeeper.store.readings.taken import Taken

T = TypeVar("T")
PATIENCE_S, TURN_S = 3.0, 2.0
"""How long a lost connection, and other threads, are waited for while somebody waits for the answer."""


@dataclass(frozen=True, slots=True)
class _Group:
    """What one commit took, and its flips with the numbers they got. transaction: the database's number of it."""

    readings: Sequence[Judged] = ()
    flips: Sequence[Flip] = ()
    numbered: Sequence[Flip] = ()
    transaction: int = 0


class _OtherConnection(Exception):
    """The connection was made anew since the numbers of the texts were looked up."""


class PostgresqlReadingsWriter(RollupRows):
    """Implements `ReadingsPort`. Methods block; calls from several threads are taken one after the other.

    node: name of this node; its marks and gaps are its own. Readings of an hour that is over are folded, a little with
    each group, by one node at a time; keep_rows: beyond so many of all nodes the oldest go unfolded. Flips, gaps and each
    check's last pings are kept.
    Raises `StoreAway` while the database cannot be reached: nothing of that call is then stored, and the same objects
    may be handed in again with newer ones. What a lost connection left in doubt is looked up first, never written twice.
    """

    dialect = POSTGRESQL

    def __init__(
        self, url: str, node: str = "", *, retention: Retention | None = None, keep_rows: int = 20_000_000,
        patience_s: float = 20.0,
    ) -> None:  # fmt: skip
        SCHEMA.prepare(url, patience_s)
        self._kept = KeptConnection(url, SCHEMA.what)
        # heartbeats are asked in a few threads that other probes need too
        self._pings = KeptConnection(url, SCHEMA.what, turn_s=TURN_S)
        self._lock = threading.RLock()
        self._pruning = Pruning()
        self._node, self._keep_rows = node, keep_rows
        self._folder, self._pace = Folder(POSTGRESQL, retention or Retention()), Pace()
        self._names: dict[str, int] = {}
        self._named_by = 0
        self._doubt: _Group | None = None
        self._kept_already = _Group()
        self._here_at: float | None = None
        self._written = 0
        self.taken_away: frozenset[str] = frozenset()
        """Checks of which a write was refused since `take`, because another node has taken them."""

    def write(self, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]) -> list[Flip]:
        """Append one tick in one commit, durably when it holds a flip; the flips come back with `seq`.

        What belongs to a check that another node has taken is left out; see `taken_away`.
        """
        with self._lock:
            self._settle_doubt()
            earlier = self._kept_already
            readings, flips = _without(readings, earlier.readings), _without(flips, earlier.flips)
            texts = {text for judged in readings for text in (judged.reading.check, judged.rule_hash)}
            texts |= {*settled, *(flip.check for flip in flips)}
            numbered = self._named(texts, lambda: self._write_group(readings, flips, settled))
            self._kept_already = _Group()
            self._prune_now_and_then(readings)
            if readings and not flips:
                now = max(judged.reading.at for judged in readings)
                prune = self._pace.may_prune(now)
                self._pace.now_and_then(
                    self._folder, now, lambda: self.fold(now, enough=self._pace.enough, prune=prune)
                )
            return [*earlier.numbered, *numbered]

    def take(self, checks: Collection[str]) -> Taken:
        """Make this node the only one that writes these checks, and learn where they stand.

        Whatever another node writes of them from now on is refused, so a frozen node that wakes changes nothing.
        Call it for every check whose owner this node becomes, at start too.
        """
        if not checks:
            return Taken({}, {}, {})
        with self._lock:
            taken = self._named(checks, lambda: self._kept.transaction(partial(self._take, checks=checks)))
            self.taken_away -= set(checks)
            return taken

    def _take(self, connection: Connection, checks: Collection[str]) -> Taken:
        self._assert_numbers()
        numbers = sorted(self._names[check] for check in checks)
        # groups that are under way end first
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (LOCKS, OWNER_LOCK))
        connection.execute(
            "insert into watch.owner select number, %s from unnest(%s::int4[]) number"
            " on conflict (check_id) do update set node = excluded.node",
            (self._node, numbers),
        )
        rows = connection.execute(
            "select name.text, s.rule_hash, s.at from watch.state s join watch.name name on name.id = s.check_id"
            " where s.check_id = any(%s)",
            (numbers,),
        ).fetchall()
        states = connection.execute(f"{SETTLED} where s.check_id = any(%s)", (numbers,)).fetchall()
        rules = {check: rule for check, rule, _at in rows}
        return Taken(settled_of(states), rules, {check: at for check, _rule, at in rows if at is not None})

    def settled(self) -> dict[str, Settled]:
        """The settled state of every check, as of the last commit."""
        return settled_of(self._kept.rows(SETTLED))

    def rules(self) -> dict[str, str]:
        """The rule hash under which each check was judged last."""
        return dict(self._states("s.rule_hash"))

    def last_asked(self) -> dict[str, float]:
        """When each check was asked last, epoch seconds."""
        return {check: at for check, at in self._states("s.at") if at is not None}

    def alive(self, now: float) -> None:
        """Mark that this node's watch was alive at `now`."""
        with self._here(now):
            self._kept.transaction(lambda connection: self._mark(connection, now), durable=False)

    def gap(self, now: float, longer_than_s: float) -> tuple[float, float] | None:
        """(from, to) of our own downtime when the last mark is older than `longer_than_s`; recorded durably.

        A node that was never here takes the last mark of any node. Time in which only the database was away is none:
        a call that fails with it counts as a mark.
        """
        if self._here_at is not None and now - self._here_at <= longer_than_s:
            return None
        here_at = self._here_at

        def record(connection: Connection) -> tuple[float, float] | None:
            connection.execute("lock table watch.gap in share row exclusive mode")  # of two that come back one is first
            query = "select max(at) filter (where node = %s), max(at) from watch.alive"
            own, newest = connection.execute(query, (self._node,)).fetchall()[0]
            own, newest = _later(own, here_at), _later(newest, here_at)
            start = newest if own is None else own
            if start is None or newest is None or now - start <= longer_than_s:
                return None
            unseen = newest if now - newest > longer_than_s else None
            values = (self._node, start, now, unseen)
            connection.execute(
                "insert into watch.gap (node, start_at, end_at, unseen_from) values (%s, %s, %s, %s)", values
            )
            self._mark(connection, now)
            return float(start), now

        with self._here(now, only_failing=True):
            return self._kept.transaction(record, patience_s=PATIENCE_S)

    @contextmanager
    def _here(self, now: float, only_failing: bool = False) -> Iterator[None]:
        """We live while we wait for a database that hangs; a process that was frozen meanwhile did not."""
        began, failed = time.monotonic(), True
        try:
            yield
            failed = False
        finally:
            waited_s = time.monotonic() - began
            if failed or not only_failing:
                self._here_at = now + (waited_s if waited_s > 1.0 and not slept_since(began) else 0.0)

    def ping(self, ping: Ping) -> None:
        """Store a heartbeat ping durably; of each check the newest 1,000 are kept."""
        self.add_pings([ping])

    def add_pings(self, pings: Sequence[Ping], *, once: bool = False) -> None:
        """Store these pings in one durable commit. once: leave out those that are stored already."""
        prune = self._pruning.due(pings)
        self._pings.transaction(
            lambda connection: ping_rows.add(connection, pings, prune, once=once), patience_s=PATIENCE_S
        )

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        """The newest pings of a check, oldest first, without their bodies, whichever node took them."""
        return ping_rows.newest(self._pings, check, limit)

    def put_alerts(self, alerts: Sequence[Alert], now: float) -> None:
        """Replace what was known of these alerts, in one durable commit."""
        self._pings.transaction(lambda connection: ping_rows.put_alerts(connection, alerts, now), patience_s=PATIENCE_S)

    def alerts(self, check: str) -> list[Alert]:
        """Every alert that is known of a check, whichever node took it."""
        return ping_rows.alerts_of(self._pings, check)

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]:
        """(last success, last ping of any status), whichever node took them."""
        query = (
            f"(select true, {ping_rows.COLUMNS} from watch.ping where check_key = %s and status = 'success'"
            f" order by at desc, id desc limit 1) union all (select false, {ping_rows.COLUMNS} from watch.ping"
            " where check_key = %s order by at desc, id desc limit 1)"
        )
        found = {success: Ping(*row) for success, *row in self._pings.rows(query, (check, check))}
        return found.get(True), found.get(False)

    def first_seen(self, check: str, now: float) -> float:
        """When a watch first knew this heartbeat; `now` when that is now."""
        query = "select at from watch.seen where check_key = %s"
        found = self._pings.rows(query, (check,))
        if found:
            return float(found[0][0])

        def work(connection: Connection) -> float:
            connection.execute("insert into watch.seen values (%s, %s) on conflict do nothing", (check, now))
            return float(connection.execute(query, (check,)).fetchall()[0][0])

        return self._pings.transaction(work)

    def fold(self, now: float, most: int = 16, enough: Callable[[], bool] = bool, prune: bool = True) -> int:
        """Fold at most `most` hours of checks in one transaction; how many. 0: nothing is due, or another node folds."""

        def work(connection: Connection) -> int:
            return self._folder.slice(connection, now, most, enough, prune) if _alone(connection) else 0

        with self._lock:
            return self._kept.transaction(work, durable=False)

    def keep(self, retention: Retention) -> None:
        """How long readings and roll-ups are kept from now on."""
        with self._lock:
            if retention != self._folder.retention:
                self._folder.retention = retention
                self._folder.forget_round()

    def ask(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one question."""
        return self._kept.rows(query, values)

    def prune(self, slice_rows: int = 4000) -> int:
        """Delete a slice of the oldest raw readings when there are more than `keep_rows`; how many went.

        0 while another node does.
        """

        def work(connection: Connection) -> int:
            if not _alone(connection):
                return 0
            first, last = connection.execute("select min(id), max(id) from watch.reading").fetchall()[0]
            if first is None or last - first < self._keep_rows:
                return 0
            query = "delete from watch.reading where id < %s and id < %s"
            return connection.execute(query, (first + slice_rows, last - self._keep_rows + 1)).rowcount

        return self._kept.transaction(work, durable=False)

    def close(self) -> None:
        """End the connections."""
        self._kept.close()
        self._pings.close()

    # one group

    def _write_group(
        self, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]
    ) -> list[Flip]:
        def work(connection: Connection) -> list[Flip]:
            self._assert_numbers()
            checks = {*settled, *(each.reading.check for each in readings), *(each.check for each in flips)}
            others = self._of_others(connection, checks)
            return self._add(
                connection,
                [each for each in readings if each.reading.check not in others],
                [each for each in flips if each.check not in others],
                {check: state for check, state in settled.items() if check not in others},
            )

        try:
            return self._kept.transaction(work, durable=bool(flips))
        except Doubtful as doubt:
            numbered: Any = doubt.result
            self._doubt = _Group(readings, flips, numbered, doubt.transaction)
            raise

    def _of_others(self, connection: Connection, checks: Collection[str]) -> set[str]:
        """Those of the checks that another node has taken; nobody takes any until this transaction ends."""
        connection.execute("select pg_advisory_xact_lock_shared(%s, %s)", (LOCKS, OWNER_LOCK))
        numbers = [self._names[check] for check in checks]
        rows = connection.execute(
            "select name.text from watch.owner o join watch.name name on name.id = o.check_id"
            " where o.check_id = any(%s) and o.node <> %s",
            (numbers, self._node),
        )
        others = {check for (check,) in rows}
        self.taken_away |= others  # a new value: others read it in their threads
        return others

    def _add(
        self, connection: Connection, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]
    ) -> list[Flip]:
        rows = [reading_row(judged, self._names) for judged in readings]
        newest = {judged.reading.check: (judged, row) for judged, row in zip(readings, rows, strict=True)}
        # in the order of their numbers: two nodes that write the same rows for a moment never wait for each other
        states = sorted(state_row(self._names[key], value, newest.get(key)) for key, value in settled.items())
        if states:
            connection.execute(UPSERT_STATES, (together(STATE, states),))
        if readings:
            connection.execute(ADD_READINGS, (together(READING, rows),))
        if not flips:
            return []
        last = connection.execute(COUNT_FLIPS, (len(flips),)).fetchall()[0][0]
        numbered = [replace(flip, seq=seq) for seq, flip in enumerate(flips, last - len(flips) + 1)]
        with connection.cursor() as cursor:
            cursor.executemany(ADD_FLIP, [flip_row(flip) for flip in numbered])
        return numbered

    def _settle_doubt(self) -> None:
        """When the last group was in doubt and turns out to be kept, remember its objects: they come in again.

        Raises `StoreAway` while nobody knows.
        """
        doubt = self._doubt
        if doubt is None:
            return
        if self._kept.committed(doubt.transaction):
            known = self._kept_already
            self._kept_already = _Group(
                [*known.readings, *doubt.readings], [*known.flips, *doubt.flips], [*known.numbered, *doubt.numbered]
            )
        self._doubt = None

    def _prune_now_and_then(self, readings: Sequence[Judged]) -> None:
        """After each 1,000 readings. The group is kept already, so a failure here waits for the next time."""
        self._written += len(readings)
        if self._written >= 1000 and readings:
            self._written = 0
            with contextlib.suppress(WatchkeeperError):
                self.prune()

    def _named(self, texts: Collection[str], work: Callable[[], T]) -> T:
        """Do `work` with the numbers of all these check keys and rule hashes in `_names`.

        The numbers are those of one connection: after a failover the next server may have given them to other texts.
        """
        for _attempt in range(3):
            made = self._kept.connect()
            if made != self._named_by:
                self._names.clear()
                self._named_by = made
            with contextlib.suppress(_OtherConnection):
                self._intern(texts)
                return work()
        raise Lost("The readings store in PostgreSQL: its connection does not stay.", "It is tried again by itself.")

    def _assert_numbers(self) -> None:
        """Within a transaction: it runs on the connection that the numbers are from."""
        if self._kept.made != self._named_by:
            raise _OtherConnection

    def _intern(self, texts: Collection[str]) -> None:
        """Look up or give the missing numbers, in a transaction of its own.

        So they outlive a failed group, and two nodes that meet the same new texts do not wait for each other.
        """
        missing = sorted({text for text in texts if text not in self._names})
        if not missing:
            return

        def work(connection: Connection) -> dict[str, int]:
            self._assert_numbers()
            found = connection.execute("select text, id from watch.name where text = any(%s)", (missing,)).fetchall()
            return dict(found)

        found = self._kept.transaction(work, durable=False)
        if len(found) < len(missing):
            new = [text for text in missing if text not in found]
            query = "insert into watch.name (text) select * from unnest(%s::text[]) on conflict do nothing"

            def add(connection: Connection) -> None:
                connection.execute(query, (new,))

            self._kept.transaction(add)
            found = self._kept.transaction(work, durable=False)
        self._names.update(found)

    def _states(self, column: str) -> list[tuple[Any, ...]]:
        query = f"select name.text, {column} from watch.state s join watch.name name on name.id = s.check_id"
        return self._kept.rows(query)

    def _mark(self, connection: Connection, now: float) -> None:
        query = "insert into watch.alive values (%s, %s) on conflict (node) do update set at = excluded.at"
        connection.execute(query, (self._node, now))


def _alone(connection: Connection) -> bool:
    """Whether no other node folds or prunes; none does until this transaction ends."""
    query = "select pg_try_advisory_xact_lock(%s, %s)"
    return bool(connection.execute(query, (LOCKS, PRUNE_LOCK)).fetchall()[0][0])


def _later(one: float | None, other: float | None) -> float | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _without(these: Sequence[T], kept: Sequence[T]) -> Sequence[T]:
    """What is not among the kept, as the same object: equal readings may be two."""
    if not kept:
        return these
    known = {id(each) for each in kept}
    return [each for each in these if id(each) not in known]
