"""What the main store does differently on PostgreSQL: many writers in one row, a fence against dead nodes, lost connections.

All transactions that write, of all nodes, wait for one advisory lock and then run alone, as SQLite's immediate
transactions do. So what a service reads in its transaction stays true until its commit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from watchkeeper.core.errors import Outcast, StoreAway

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

WRITERS, SCHEMA = 0x776B_0001, 0x776B_0002
"""Keys of the advisory locks that all writers take, and that whoever changes the schema takes."""
PATIENCE_S = 20.0
"""How long a lost connection is made anew before it is said; as long as a busy SQLite is waited for."""
ENDED_BY_SERVER = frozenset({"25P03", "53300", "57P01", "57P02", "57P03", "57P05"})
"""SQLSTATEs of a server that ended the session: idle in a transaction, too many sessions, shut down, starting up."""
NEWS = "watchkeeper"
"""The channel on which every commit is told to the other nodes."""


def begin(connection: BaseDatabaseWrapper, node: tuple[str, int] | None) -> str:
    """Take the turn of a writer, in its open transaction; the transaction's number, see `outcome`.

    Raises `Outcast` when this node was declared dead: the others have taken over what it had, so it writes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS])
        # a statement of its own, so that it sees what was committed while we waited
        cursor.execute(
            "SELECT pg_current_xact_id()::text, pg_notify(%s, ''),"
            " %s OR EXISTS (SELECT 1 FROM node WHERE id = %s AND epoch = %s)",
            [NEWS, node is None, *(node or ("", 0))],
        )
        number, _told, admitted = cursor.fetchone()
    if not admitted:
        raise Outcast(
            "This node was silent for too long, so the others declared it dead and took over its runs.",
            "It ends and starts again by itself.",
        )
    return str(number)


@contextmanager
def changing_schema(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within the block this node alone changes the schema. Does nothing on SQLite, where a file lock does it."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '0', false), pg_advisory_lock(%s)", [SCHEMA])
    try:
        yield
    finally:  # a connection that is lost let go of it
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [SCHEMA])


def is_lost(error: BaseException | None) -> bool:
    """Whether an error of the database says that the connection is gone, so that trying again makes sense."""
    from django.db import DatabaseError, InterfaceError, OperationalError

    if isinstance(error, InterfaceError):
        return True
    state = getattr(error.__cause__, "sqlstate", None) if isinstance(error, DatabaseError) else None
    if state is None:
        return isinstance(error, OperationalError)
    return state[:2] == "08" or state in ENDED_BY_SERVER


def outcome(using: str, number: str) -> bool:
    """Whether a transaction whose commit was not answered was kept. Asked on a new connection; raises while it hangs."""
    from django.db import connections

    until = time.monotonic() + PATIENCE_S
    while True:
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT pg_xact_status(%s::xid8)", [number])
            (status,) = cursor.fetchone()
        if status != "in progress" or time.monotonic() > until:
            return bool(status == "committed")
        time.sleep(0.1)


def usable(using: str, patience_s: float = PATIENCE_S) -> None:
    """See that this thread's connection works, made anew if need be. Raises `StoreAway` after `patience_s`."""
    from django.db import DatabaseError, InterfaceError, connections

    connection = connections[using]
    until = time.monotonic() + patience_s
    while True:
        try:
            if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
                connection.close()
            connection.ensure_connection()
            return
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if time.monotonic() >= until:
                raise away(error) from error
        time.sleep(0.2)


def away(error: BaseException) -> StoreAway:
    """The sentence of a database that cannot be reached."""
    from watchkeeper.store.opening import first_line

    return StoreAway(
        f"The PostgreSQL database of the main store cannot be reached: {first_line(error)}.",
        "Nothing of this was kept. See that the server runs and DATABASE_URL is right; then repeat.",
    )
