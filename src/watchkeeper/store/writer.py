"""The main store: one writer thread that commits in groups, and readers beside it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from watchkeeper.core.errors import Locked, StoreAway, WatchkeeperError
from watchkeeper.services.ports.store import Session
from watchkeeper.store import opening, postgresql

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from watchkeeper.core.log.chain import Verification
    from watchkeeper.core.log.values import Absence

T = TypeVar("T")

GROUP = 64
"""Most works in one commit: bounds how long the first of them waits."""


class Store:
    """The main store (a `StorePort`). Open it with `Store.open`; one writer thread per process and store.

    A work may not call `write` itself, may not keep its session, and should be short: all writers wait for it, on
    PostgreSQL those of all nodes. There it may be run again when the connection was lost before its commit.
    """

    def __init__(self, state: Path, writing: str, reading: str, shared: bool = False):
        self.state = state
        self.node: tuple[str, int] | None = None
        """Id and epoch of this node; set when it has joined. From then on it writes only while the others admit it."""
        self._shared = shared
        self._writing = writing
        self._reading = reading
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._revision = time.time_ns() // 1_000_000  # greater than that of any earlier process, so live views move on
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, state_directory: Path | str, url: str = "") -> Store:
        """Opens the store of a state directory, making or upgrading its schema.

        url: ``postgresql://...`` keeps it there instead of in main.db. Raises `Invalid` when the store is damaged,
        newer than this program, not durable, or its log is not protected.
        """
        state = Path(state_directory).absolute()
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        opening.set_up_django(state, url)
        writing, reading = opening.aliases(state, url)
        opening.prepare(state, writing)
        return cls(state, writing, reading, shared=bool(url))

    @property
    def shared(self) -> bool:
        """Whether other machines may be at work on the same data (PostgreSQL)."""
        return self._shared

    @property
    def writing(self) -> str:
        """Django's name of the connection that writes, for the modules of this package."""
        return self._writing

    @property
    def reading(self) -> str:
        """Django's name of the connection that reads."""
        return self._reading

    def heard(self) -> None:
        """Another node has committed something: live views look again."""
        self._revision += 1

    @staticmethod
    def verify_closed(state_directory: Path | str) -> Verification:
        """Check the log of a store that is not open, also of one that `open` refuses; nothing is written."""
        from django.db import connections, transaction

        from watchkeeper.store import log

        state = Path(state_directory).absolute()
        opening.set_up_django(state)
        _writing, reading = opening.aliases(state)
        try:
            with transaction.atomic(using=reading, savepoint=False):
                return log.verify(reading)
        finally:
            connections[reading].close()

    @property
    def revision(self) -> int:
        """Grows with every commit, also over restarts (the clock permitting)."""
        return self._revision

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in an immediate transaction on the writer thread; returns after the durable commit.

        Several waiting works share one commit; one that raises is rolled back alone and raises here.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a work called Store.write: use the session it was given")
        item = _Work(work)
        with self._closing:
            if self._closed:
                raise Locked(
                    "The main store is closed: watchkeeper is ending.", "Start it again, then repeat the command."
                )
            self._queue.put(item)
        return item.answer.result()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read-only session of this thread: one consistent state of the store from its first query to its end.

        On PostgreSQL a lost connection is made anew first; raises `StoreAway` when that does not succeed for a while.
        """
        from django.db import DatabaseError, InterfaceError, connections, transaction

        from watchkeeper.store.session import DjangoSession

        if self._shared:
            postgresql.usable(self._reading)
        try:
            with transaction.atomic(using=self._reading, savepoint=False):
                yield DjangoSession(self._reading)
        except (DatabaseError, InterfaceError) as error:
            if self._shared and postgresql.is_lost(error):
                connections[self._reading].close()
                raise postgresql.away(error) from error
            raise

    def release(self) -> None:
        """Closes this thread's reading connection, for threads that end or rarely read."""
        from django.db import connections

        connections[self._reading].close()

    def verify_log(self) -> Verification:
        """Reads and checks the whole operations log, see `core.log.chain`."""
        from django.db import transaction

        from watchkeeper.store import log

        with transaction.atomic(using=self._reading, savepoint=False):
            return log.verify(self._reading)

    def read_archives_with(self, look: Callable[[Absence], bytes | str | None]) -> None:
        """Archived bodies of the log are read by `look` from now on."""
        from watchkeeper.store.log_absences import read_archives_with

        read_archives_with((self._writing, self._reading), look)

    def erase_deleted(self) -> None:
        """Take the bytes of deleted rows off the file: SQLite leaves them in free pages and in the write-ahead log.

        PostgreSQL does it by its own vacuum. Raises `Locked` when the store is too busy.
        """
        if not self._shared:
            opening.erase_deleted(self.state / "main.db")

    def missing_log_triggers(self) -> list[str]:
        """Names of the triggers that keep log and audit trail append-only and are not there, or were changed."""
        from django.db import connections

        from watchkeeper.store import audit_schema, log_schema

        reading = connections[self._reading]
        return [*log_schema.missing_triggers(reading), *audit_schema.missing_triggers(reading)]

    def close(self) -> None:
        """Finishes what is queued, then ends the writer. Calling it again does nothing."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self.release()

    # the writer thread

    def _run(self) -> None:
        from django.db import connections

        ending = False
        while not ending:
            group, ending = self._next_group()
            if group:
                self._commit(group)
        connections[self._writing].close()

    def _next_group(self) -> tuple[list[_Work], bool]:
        """Waits for a work and takes those that wait behind it; True when the end was asked for."""
        group: list[_Work] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == GROUP:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Work]) -> None:
        """Commit a group; when the connection was lost before its commit, everything in it is done again."""
        until = time.monotonic() + postgresql.PATIENCE_S
        while (lost := self._commit_once(group)) is not None:
            if self._closed or time.monotonic() > until:
                for item in group:
                    item.answer.set_exception(postgresql.away(lost))
                return
            time.sleep(0.2)
            for item in group:
                item.result = item.error = None

    def _commit_once(self, group: list[_Work]) -> BaseException | None:
        """Answer every work of the group. The error when the connection was lost and nothing was kept (PostgreSQL)."""
        from django.db import connections, transaction

        from watchkeeper.store.session import DjangoSession

        session = DjangoSession(self._writing, self.node[0] if self.node else "")
        connection, number, alone, kept = connections[self._writing], "", len(group) == 1, False
        try:
            with transaction.atomic(using=self._writing):
                if self._shared:
                    number = postgresql.begin(connection, self.node)
                for item in group:
                    item.run(session, self._writing, alone)
                kept = any(item.error is None for item in group)
                if not kept:
                    transaction.set_rollback(True, using=self._writing)
                elif transaction.get_rollback(using=self._writing) or not _in_transaction(connection):
                    raise next((item.error for item in group if item.error), None) or _undone()
        except BaseException as error:  # the commit or the connection failed: nothing of the group is kept
            try:
                if not self._shared or not self._kept_after_all(connection, number, kept, error):
                    connection.close()
                    if self._shared and postgresql.is_lost(error):
                        return error
                    self._refuse(group, error)
                    return None
            except Exception as again:  # nobody knows what became of it, so nothing is done a second time
                connection.close()
                self._refuse(group, _unknown_outcome(again))
                return None
        else:
            lost = next((item.error for item in group if item.error and postgresql.is_lost(item.error)), None)
            if self._shared and not kept and lost is not None:
                connection.close()
                return lost
        self._answer(group, kept)
        return None

    def _kept_after_all(self, connection: BaseDatabaseWrapper, number: str, whole: bool, error: BaseException) -> bool:
        """After a commit that was not answered: whether the server kept it."""
        if not (whole and number and postgresql.is_lost(error)):
            return False
        connection.close()
        return postgresql.outcome(self._writing, number)

    def _refuse(self, group: list[_Work], error: BaseException) -> None:
        reason = _explained(error)
        for item in group:
            item.answer.set_exception(_explained(item.error) if item.error else reason)

    def _answer(self, group: list[_Work], kept: bool) -> None:
        self._revision += kept
        for item in group:
            if item.error is None:
                item.answer.set_result(item.result)
            else:
                item.answer.set_exception(_explained(item.error))


class _Work:
    """A closure on its way through the writer, with the answer its caller waits for."""

    __slots__ = ("answer", "error", "result", "work")

    def __init__(self, work: Callable[[Session], Any]):
        self.work = work
        self.answer: Future[Any] = Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, session: Session, using: str, alone: bool) -> None:
        """Runs within the group's transaction, under a savepoint of its own unless it is alone in it."""
        from django.db import transaction

        try:
            with nullcontext() if alone else transaction.atomic(using=using):
                self.result = self.work(session)
                if transaction.get_rollback(using=using):  # the work went on over a failed statement
                    raise _undone()
        except BaseException as error:
            self.error = error


def _in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """False when the database gave up the transaction by itself (full disk, failed statement).

    Its commit would then succeed without keeping anything, so this is asked before every commit.
    """
    if connection.vendor == "sqlite":
        return bool(connection.connection.in_transaction)
    inner = connection.connection
    nothing_asked, within = 0, 2  # of psycopg
    return inner is not None and inner.info.transaction_status in (nothing_asked, within)


def _unknown_outcome(error: BaseException) -> WatchkeeperError:
    return StoreAway(
        "The connection to PostgreSQL was lost in the middle of a commit, so it is not known whether it was kept"
        f" ({opening.first_line(error)}).",
        "Look at what is there before repeating it.",
    )


def _undone() -> WatchkeeperError:
    return WatchkeeperError(
        "The main store could not keep what was written: the database undid the transaction.",
        "`wk doctor` looks at the disk and the store; then repeat.",
    )


def _explained(error: BaseException) -> BaseException:
    """A failure of the database as a sentence; anything else stays what it is."""
    from django.db import OperationalError

    if not isinstance(error, OperationalError):
        return error
    text = str(error)
    if "locked" in text:
        told: WatchkeeperError = Locked(
            "The main store is held by another process: its write lock did not become free within 20 s.",
            "Find who has main.db open (`fuser main.db`) and end it; then repeat.",
        )
    elif "full" in text:
        told = WatchkeeperError(
            "The main store cannot be written: the disk of the state directory is full.",
            "Free some space, then repeat.",
        )
    else:
        told = WatchkeeperError(
            f"The main store cannot be written: {opening.first_line(error)}.", "`wk doctor` looks at it."
        )
    told.__cause__ = error
    return told
