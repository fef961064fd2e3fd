"""The node table on PostgreSQL: one connection of its own for lock, beat and news; everything else in turn with all writers."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from watchkeeper.core.errors import Locked, StoreAway
from watchkeeper.core.nodes import GONE_S, GRACE_S, Node
from watchkeeper.core.runs.values import RunState
from watchkeeper.services.ports.nodes import Ask, Beat
from watchkeeper.store.postgresql import NEWS, away

if TYPE_CHECKING:
    import psycopg

    from watchkeeper.store.writer import Store

T = TypeVar("T")
NOW = "extract(epoch FROM clock_timestamp())::float8"
LOCK_S = 8.0
"""How long a start waits for the lock of its id: the server may not have noticed yet that the last life is over."""
REVISIONS_KEPT = 20
_COLUMNS = "id, epoch, number, host, pid, version, started_at, seen_at, revision"


def session_name(node: str, pid: int) -> str:
    """What the sessions of a node are called on the server, so that those of a dead one can be ended."""
    return f"watchkeeper {node} {pid}"


class NodeTable:
    """Implements `NodesPort` for one node. `join`, `beat`, `wait` and `leave` belong to one thread at a time."""

    def __init__(self, store: Store, url: str, node: str, host: str, pid: int, version: str) -> None:
        self._store, self._url, self._id = store, url, node
        self._host, self._pid, self._version = host, pid, version
        self._own: psycopg.Connection[tuple[Any, ...]] | None = None

    # ---- being a node ----

    def join(self) -> Node:
        """Take the lock of the id, then the row; runs that the last life left at work become ready."""
        until = time.monotonic() + LOCK_S
        while self._connected() is None:
            if time.monotonic() > until:
                raise self._taken()
            time.sleep(0.3)

        def work() -> Node:
            from django.db.models import F

            from watchkeeper.store import models

            using = self._store.writing
            models.NodeEpoch.objects.using(using).bulk_create(
                [models.NodeEpoch(id=self._id, epoch=0)], ignore_conflicts=True
            )
            models.NodeEpoch.objects.using(using).filter(pk=self._id).update(epoch=F("epoch") + 1)
            epoch = models.NodeEpoch.objects.using(using).get(pk=self._id).epoch
            models.Node.objects.using(using).filter(id=self._id).delete()
            self._execute(
                "INSERT INTO node (id, epoch, host, pid, version, started_at, seen_at, revision)"
                f" VALUES (%s, %s, %s, %s, %s, {NOW}, {NOW}, '')",
                [self._id, epoch, self._host, self._pid, self._version],
            )
            self._make_ready("node = %s", [self._id])
            (row,) = self._execute(f"SELECT {_COLUMNS} FROM node WHERE id = %s", [self._id])
            return Node(*row)

        joined = self._write(work)
        self._store.node = (joined.id, joined.epoch)
        return joined

    def _taken(self) -> Locked:
        rows = self._read(lambda: self._execute("SELECT host, pid FROM node WHERE id = %s", [self._id], reading=True))
        where = f"on {rows[0][0]} as process {rows[0][1]}" if rows else "somewhere"
        return Locked(
            f"Node {self._id} is at work already {where}, with the same database.",
            "Stop it there. If this state directory was copied from another machine, delete its file node.id.",
        )

    def beat(self, revision: str) -> Beat | None:
        """Be seen, and see the others. None: declared dead. A lost connection is made anew once."""
        again = self._own is not None
        while True:
            connection = self._connected()
            if connection is None:
                raise StoreAway("The lock of this node is still held by its last connection.", "It is tried again.")
            try:
                return self._beat(connection, revision)
            except self._failures() as error:
                lost = self._dropped(error)
                if not again:
                    raise lost from error
                again = False

    def _beat(self, connection: psycopg.Connection[tuple[Any, ...]], revision: str) -> Beat | None:
        assert self._store.node is not None
        row = connection.execute(
            f"WITH was AS (SELECT seen_at FROM node WHERE id = %s AND epoch = %s),"
            f" seen AS (UPDATE node SET seen_at = {NOW}, revision = %s WHERE id = %s AND epoch = %s RETURNING 1)"
            f" SELECT {NOW}, (SELECT seen_at FROM was) FROM seen",
            [*self._store.node, revision, *self._store.node],
        ).fetchone()
        if row is None:
            return None
        found = connection.execute(f"SELECT {_COLUMNS}, {NOW} - seen_at FROM node ORDER BY number").fetchall()
        return Beat(row[0], row[1], tuple(Node(*each) for each in found))

    def wait(self, seconds: float, heard: Callable[[], None]) -> None:
        """Wait that long; `heard` is called when another session committed something meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._own is None or self._own.closed:
                time.sleep(left)
                return
            try:
                for _notice in self._own.notifies(timeout=left, stop_after=1):
                    heard()
            except self._failures() as error:
                self._dropped(error)

    def leave(self) -> list[int]:
        """What is at work becomes ready, the row and the lock go. Later writes of this process are refused."""

        def work() -> list[int]:
            numbers = self._make_ready("node = %s", [self._id])
            self._execute("DELETE FROM node WHERE id = %s", [self._id])
            return numbers

        try:
            return self._write(work)
        finally:
            if self._own is not None:
                self._own.close()

    # ---- taking over ----

    def take_over(self, dead: Node) -> list[int] | None:
        """Of several that try, one finds the row; it ends the sessions that the dead node may still hold locks with."""

        def work() -> list[int] | None:
            rows = self._execute(
                f"SELECT {NOW} - seen_at FROM node WHERE id = %s AND epoch = %s FOR UPDATE", [dead.id, dead.epoch]
            )
            if not rows or not self._is_dead(dead.id, rows[0][0]):
                return None
            self._execute("DELETE FROM node WHERE id = %s AND epoch = %s", [dead.id, dead.epoch])
            self._execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND usename = current_user AND pid <> pg_backend_pid()",
                [session_name(dead.id, dead.pid)],
            )
            return self._make_ready("node = %s", [dead.id])

        return self._write(work)

    def _is_dead(self, node: str, age_s: float) -> bool:
        if age_s > GRACE_S:
            return True
        if age_s <= GONE_S:
            return False
        ((free,),) = self._execute("SELECT pg_try_advisory_xact_lock(%s)", [_key(node)])
        return bool(free)

    def adopt(self) -> list[int]:
        """Runs at work for a node that has no row."""
        lost = "(node IS NULL OR node NOT IN (SELECT id FROM node))"
        running = f"SELECT 1 FROM run WHERE state = %s AND {lost} LIMIT 1"
        if not self._read(lambda: self._execute(running, [RunState.RUNNING.value], reading=True)):
            return []
        return self._write(lambda: self._make_ready(lost, []))

    def _make_ready(self, where: str, values: list[object]) -> list[int]:
        rows = self._execute(
            f"UPDATE run SET state = %s, segment = segment + 1, node = NULL WHERE state = %s AND {where} RETURNING id",
            [RunState.READY.value, RunState.RUNNING.value, *values],
        )
        return sorted(number for (number,) in rows)

    # ---- the inventory in force ----

    def revision(self) -> str:
        """Of the newest inventory; "" before the first."""
        newest = "SELECT revision FROM ops_revision ORDER BY id DESC LIMIT 1"
        rows = self._read(lambda: self._execute(newest, [], reading=True))
        return str(rows[0][0]) if rows else ""

    def inventory(self) -> dict[str, bytes]:
        """The files of the newest inventory."""
        newest = "SELECT files FROM ops_revision ORDER BY id DESC LIMIT 1"
        rows = self._read(lambda: self._execute(newest, [], reading=True))
        if not rows:
            return {}
        with zipfile.ZipFile(io.BytesIO(bytes(rows[0][0]))) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def keep_inventory(self, revision: str, files: dict[str, bytes]) -> None:
        """Put it into force; older ones are kept for a while."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path, data in files.items():
                archive.writestr(path, data)

        def work() -> None:
            self._execute(
                f"INSERT INTO ops_revision (revision, files, node, at) VALUES (%s, %s, %s, {NOW})",
                [revision, packed.getvalue(), self._id],
            )
            kept = "SELECT id FROM ops_revision ORDER BY id DESC LIMIT %s"
            self._execute(f"DELETE FROM ops_revision WHERE id NOT IN ({kept})", [REVISIONS_KEPT])

        self._write(work)

    # ---- asking checks of another owner ----

    def want(self, node: str, checks: Sequence[str]) -> Ask:
        """Ask the owner; see `is_done`."""
        insert = f"INSERT INTO node_ask (node, checks, at) VALUES (%s, %s, {NOW}) RETURNING id"
        ((number,),) = self._write(lambda: self._execute(insert, [node, json.dumps(list(checks))]))
        return Ask(number, node, tuple(checks))

    def wanted(self) -> list[Ask]:
        """What is asked of this node."""
        query = "SELECT id, node, checks FROM node_ask WHERE node = %s ORDER BY id"
        rows = self._read(lambda: self._execute(query, [self._id], reading=True))
        return [Ask(number, node, tuple(json.loads(checks))) for number, node, checks in rows]

    def done(self, ask: Ask) -> None:
        """It was asked, or nobody waits for it any more."""
        self._write(lambda: self._execute("DELETE FROM node_ask WHERE id = %s", [ask.id]))

    def is_done(self, ask: Ask) -> bool:
        """Whether its owner has asked."""
        query = "SELECT 1 FROM node_ask WHERE id = %s"
        return not self._read(lambda: self._execute(query, [ask.id], reading=True))

    # ---- connections ----

    def _write(self, work: Callable[[], T]) -> T:
        return self._store.write(lambda _session: work())

    def _read(self, work: Callable[[], T]) -> T:
        with self._store.read():
            return work()

    def _execute(self, statement: str, values: Sequence[object], reading: bool = False) -> list[tuple[Any, ...]]:
        """Within a transaction of the store: the rows, if the statement gives any."""
        from django.db import connections

        with connections[self._store.reading if reading else self._store.writing].cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]] | None:
        """The connection that holds the lock of this id; None when another session holds it."""
        import psycopg
        from psycopg.conninfo import make_conninfo

        from watchkeeper.settings import POSTGRESQL_ALIVE, POSTGRESQL_KEEPALIVE

        if self._own is not None and not self._own.closed:
            return self._own
        options = {**POSTGRESQL_KEEPALIVE, "options": f"{POSTGRESQL_ALIVE} -c statement_timeout=5s"}
        options |= {"tcp_user_timeout": "5000", "application_name": session_name(self._id, self._pid)}
        try:
            fresh = psycopg.connect(make_conninfo(self._url, **options), autocommit=True)
            row = fresh.execute("SELECT pg_try_advisory_lock(%s)", [_key(self._id)]).fetchone()
            if row is None or not row[0]:
                fresh.close()
                return None
            fresh.execute(f"LISTEN {NEWS}")
        except self._failures() as error:
            raise self._dropped(error) from error
        self._own = fresh
        return fresh

    def _failures(self) -> tuple[type[Exception], ...]:
        import psycopg

        return (psycopg.Error, OSError)

    def _dropped(self, error: Exception) -> StoreAway:
        if self._own is not None:
            self._own.close()
        return away(error)


def _key(node: str) -> int:
    """Key of the advisory lock of a node: a signed 64-bit number, apart from those of `postgresql`."""
    return int.from_bytes(hashlib.sha256(f"watchkeeper node {node}".encode()).digest()[:8], signed=True)
