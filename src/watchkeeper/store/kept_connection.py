"""Kept connections to PostgreSQL for what is not Django's: made anew when lost, with a deadline on everything.

Imported only where a `postgresql://` address is given. Methods block: call them beside an event loop. No sentence that
leaves this module holds the address, which may carry a password.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from watchkeeper.core.errors import Invalid, Locked, StoreAway, WatchkeeperError

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

DEADLINE_S = 15.0
"""A transaction that has no answer by then has lost its connection: the server hangs, or the line is cut."""
_STATEMENT_S, _LOCK_S, _IDLE_S, _CONNECT_S = 10, 8, 3, 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_OLDEST_SERVER = 130_000  # the first with pg_current_xact_id and pg_xact_status(xid8)

# A process that is frozen in the middle of a transaction holds locks others wait for: the server ends it.
_SESSION = (
    f"set statement_timeout = '{_STATEMENT_S}s'; set lock_timeout = '{_LOCK_S}s'; set synchronous_commit = on;"
    f"set idle_in_transaction_session_timeout = '{_IDLE_S}s'; set timezone = 'UTC'; set client_encoding = 'UTF8'"
)
_AGAIN = "It is tried again by itself; see that the server runs and that DATABASE_URL is right."
_HELD_UP = (errors.DeadlockDetected, errors.LockNotAvailable, errors.SerializationFailure, errors.QueryCanceled)


class Lost(StoreAway):
    """The database does not answer. Nothing of the transaction is kept; it may be repeated."""


class Doubtful(Lost):
    """The connection was lost while the commit was under way: ask `KeptConnection.committed(transaction)` later."""

    def __init__(self, what: str, transaction: int, result: object) -> None:
        super().__init__(
            f"{what} in PostgreSQL: the connection was lost during a commit.", "It is looked up by itself."
        )
        self.transaction = transaction
        self.result = result


class KeptConnection:
    """One connection, made at first use and again after it was lost. Threads take turns.

    what: names the store in sentences. After a failed attempt to connect the next ones fail at once for a while
    (0.1 s, doubling up to 5 s), so that callers can come as often as they like. turn_s: how long a thread waits for its
    turn; then it is told that the store is held up, so that a server that hangs cannot fill a pool of threads.
    """

    def __init__(self, url: str, what: str, *, read_only: bool = False, turn_s: float = 600.0) -> None:
        self._url, self.what, self._read_only, self._turn_s = url, what, read_only, turn_s
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._closed = False
        self._pause_s, self._not_before, self._why = 0.0, 0.0, ""
        self._watching = threading.Lock()
        self._ends_at: float | None = None
        self.made = 0
        """Number of the present connection, 1 for the first."""
        _watchdog.watch(self)

    def connect(self) -> int:
        """See that there is a connection; its number, see `made`. Raises `Lost`."""
        with self._turn():
            self._connected()
            return self.made

    def transaction(self, work: Callable[[Connection], T], *, durable: bool = True, patience_s: float = 0.0) -> T:
        """Run `work` in one transaction; returns what it returned, after the commit.

        durable False: a crash of the server may lose the last such commits, never their order. patience_s: how long a
        lost connection or a lock is waited for; `work` may then run again.
        Raises `Lost` (nothing kept), `Doubtful` (not known yet), `WatchkeeperError` (refused: full disk, rights).
        """
        ends = time.monotonic() + patience_s
        doubt: Doubtful | None = None
        with self._turn():
            while True:
                try:
                    if doubt is not None and self.committed(doubt.transaction):
                        return doubt.result  # type: ignore[return-value]
                    doubt = None
                    return self._once(work, durable)
                except Doubtful as lost:
                    doubt = lost
                    self._forget_pause()  # looked up at once: most connections come back
                except Lost as lost:
                    if time.monotonic() >= ends:
                        raise doubt or lost from lost
                    time.sleep(min(max(0.02, self._not_before - time.monotonic()), 0.5))

    def committed(self, transaction: int) -> bool:
        """Whether a transaction in doubt was kept. Raises `Lost` while that is not known."""
        try:
            status = self._ask("select pg_xact_status(%s::text::xid8)", (str(transaction),))[0][0]
        except psycopg.Error as error:
            explained = self._explained(error)
            if isinstance(explained, Lost):
                raise explained from error
            return False  # a number of another history: the database was put back from a copy
        if status == "in progress":
            self._not_before = time.monotonic() + 0.05
            raise Lost(f"{self.what} in PostgreSQL: a commit has not ended yet.", "It is looked up by itself.")
        return bool(status == "committed")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of one question; asked once more on a new connection when the kept one turns out to be lost."""
        with self._turn():
            again = self._connection is not None
            while True:
                try:
                    return self._ask(query, values)
                except psycopg.Error as error:
                    explained = self._explained(error)
                    if not isinstance(explained, Lost) or not again:
                        raise explained from error
                    again = False
                    self._forget_pause()

    def close(self) -> None:
        """Calling it again does nothing."""
        with self._turn():
            self._closed = True
            self._drop()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._turn_s):
            raise Lost(f"{self.what} in PostgreSQL is held up: others wait for it too.", "It is tried again by itself.")
        try:
            yield
        finally:
            self._lock.release()

    def _ask(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._turn(), self._deadline() as connection:
            found = connection.execute(query, values).fetchall()
            connection.rollback()
            return found

    def _once(self, work: Callable[[Connection], T], durable: bool) -> T:
        number, result = 0, None
        committing = False
        begin = "select pg_current_xact_id()::text, set_config('synchronous_commit', %s, true)"
        try:
            with self._deadline() as connection:
                number = int(connection.execute(begin, ("on" if durable else "off",)).fetchall()[0][0])
                result = work(connection)
                committing = True
                connection.commit()
                return result
        except psycopg.Error as error:
            explained = self._explained(error)
            if committing and isinstance(explained, Lost):
                raise Doubtful(self.what, number, result) from error
            raise explained from error

    @contextmanager
    def _deadline(self) -> Iterator[Connection]:
        """The connection for one transaction. Whatever goes wrong, no open transaction stays behind."""
        connection = self._connected()
        with self._watching:
            self._ends_at = time.monotonic() + DEADLINE_S
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.rollback()
            raise
        finally:
            with self._watching:
                self._ends_at = None
            if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
                self._drop()

    def cut_when_late(self, now: float) -> None:
        """Used by the watchdog: end a connection whose transaction is past its deadline, so that its thread goes on."""
        with self._watching:
            if self._ends_at is None or now < self._ends_at or self._connection is None:
                return
            with (
                contextlib.suppress(OSError, psycopg.Error),
                socket.socket(fileno=os.dup(self._connection.fileno())) as line,
            ):
                line.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> Connection:
        if self._closed:
            raise Locked(f"{self.what} is closed: watchkeeper is ending.", "Start it again, then repeat the command.")
        if self._connection is not None:
            return self._connection
        if self._why and time.monotonic() < self._not_before:
            raise Lost(self._why, _AGAIN)
        try:
            self._connection = connect(self._url, read_only=self._read_only)
        except psycopg.Error as error:
            self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + self._pause_s
            lost = unreachable(self.what, error)
            self._why = lost.sentence
            raise lost from error
        self._forget_pause()
        self.made += 1
        return self._connection

    def _forget_pause(self) -> None:
        self._pause_s, self._not_before, self._why = 0.0, 0.0, ""

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _explained(self, error: psycopg.Error) -> WatchkeeperError:
        """A failure as a sentence. A connection that cannot be used any more was dropped before."""
        if isinstance(error, errors.ReadOnlySqlTransaction) and not self._read_only:
            self._drop()  # this server became a standby: another one takes writes now
        if isinstance(error, _HELD_UP):
            return Lost(f"{self.what} in PostgreSQL is held up: {first_line(error)}.", "It is tried again by itself.")
        if self._connection is None:
            return unreachable(self.what, error)
        return WatchkeeperError(
            f"{self.what} in PostgreSQL cannot be used: {first_line(error)}.",
            "See that the database has room, and that the account of DATABASE_URL has rights to it.",
        )


class Connections:
    """A few kept connections for many threads; each question takes one that is free."""

    def __init__(self, url: str, what: str, limit: int = 4, *, read_only: bool = False) -> None:
        self._all = [KeptConnection(url, what, read_only=read_only) for _ in range(limit)]
        self._free = list(reversed(self._all))  # the last one used is taken first: few are made when few are needed
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[KeptConnection]:
        """A connection for the length of the block; waits while all are in use."""
        with self._changed:
            while not self._free:
                self._changed.wait()
            kept = self._free.pop()
        try:
            yield kept
        finally:
            with self._changed:
                self._free.append(kept)
                self._changed.notify()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of one question."""
        with self.one() as kept:
            return kept.rows(query, values)

    def transaction(self, work: Callable[[Connection], T], *, durable: bool = True, patience_s: float = 0.0) -> T:
        """See `KeptConnection.transaction`."""
        with self.one() as kept:
            return kept.transaction(work, durable=durable, patience_s=patience_s)

    def close(self) -> None:
        """Close them all; each waits for the question that is under way."""
        for kept in self._all:
            kept.close()


class _Watchdog:
    """One thread for all kept connections of the process, begun with the first."""

    FROZEN_S = 4.0

    def __init__(self) -> None:
        self._kept: weakref.WeakSet[KeptConnection] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ticked_at = self._woke_at = 0.0

    def watch(self, kept: KeptConnection) -> None:
        with self._guard:
            self._kept.add(kept)
            if self._thread is None:
                self._ticked_at = time.monotonic()
                self._thread = threading.Thread(target=self._run, name="postgresql-deadlines", daemon=True)
                self._thread.start()

    def slept_since(self, moment: float) -> bool:
        now = time.monotonic()
        return self._woke_at >= moment or now - self._ticked_at > self.FROZEN_S

    def _run(self) -> None:
        while True:
            time.sleep(1.0)
            now = time.monotonic()
            if now - self._ticked_at > self.FROZEN_S:
                self._woke_at = now
            self._ticked_at = now
            with self._guard:
                watched = list(self._kept)
            for kept in watched:
                kept.cut_when_late(now)
            watched.clear()


_watchdog = _Watchdog()


def slept_since(moment: float) -> bool:
    """Whether this process was frozen for some seconds after `moment` (monotonic), rather than waiting for an answer."""
    return _watchdog.slept_since(moment)


def connect(url: str, *, read_only: bool = False) -> Connection:
    """A new connection with our limits. Raises psycopg.Error, or `Invalid` when the address or the server is none."""
    parts = parts_of(url)
    ours: dict[str, Any] = {"connect_timeout": _CONNECT_S, "fallback_application_name": "watchkeeper", "keepalives_idle": 5,
                            "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}  # fmt: skip
    if not read_only:
        ours["target_session_attrs"] = "read-write"
    connection: Connection = psycopg.connect(**(ours | parts), autocommit=True)
    try:
        _assert_fit(connection)
        connection.execute(_SESSION)
        if read_only:
            connection.execute("set default_transaction_read_only = on")
        else:
            connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _assert_fit(connection: Connection) -> None:
    if connection.info.server_version < _OLDEST_SERVER:
        raise Invalid(
            f"The PostgreSQL of DATABASE_URL has the version {connection.info.server_version // 10_000}.",
            "Version 13 or a newer one is needed.",
        )
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise Invalid(
            "The database of DATABASE_URL does not keep its texts as UTF8.",
            "Make one that does: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0.",
        )


def parts_of(url: str) -> dict[str, Any]:
    """The address taken apart. Raises `Invalid`, which names nothing of it."""
    try:
        parts = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        parts = {}
    if not parts.get("dbname"):
        raise Invalid(
            "DATABASE_URL does not name a PostgreSQL database.",
            "It has the form postgresql://user:password@host:port/name.",
        )
    return parts


def unreachable(what: str, error: psycopg.Error) -> Lost:
    """What a person reads while the server does not answer."""
    return Lost(f"{what} in PostgreSQL cannot be reached: {first_line(error)}.", _AGAIN)


def first_line(error: BaseException) -> str:
    """The first line of what the database said."""
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")


def clean(text: str) -> str:
    """Text as PostgreSQL can keep it: without NUL and without halves of surrogate pairs."""
    if text.isascii():
        return text if "\0" not in text else text.replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
