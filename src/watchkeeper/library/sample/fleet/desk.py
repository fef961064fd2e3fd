"""What all programs of the order desk share: the database, its queue of jobs, and files with KEY=VALUE lines."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOTS = 4
"""Jobs that may be claimed at the same time, by all workers together: the label printer has four trays."""
LEASE_S = 1.4
"""A claim counts this long after its worker renewed it. A claim that ran out is never taken back by itself."""

SCHEMA = """
create table if not exists orders (
    id integer primary key, placed_at real not null, customer text not null, lines text not null,
    state text not null default 'placed', total_cents integer, confirmed_at real);
create table if not exists job (
    id integer primary key, order_id integer not null, state text not null default 'queued',
    priority integer not null default 0, created_at real not null, claimed_by text, generation integer,
    claimed_at real, lease_until real, started_at real, finished_at real, attempts integer not null default 0,
    file text, due_at real);
create index if not exists job_state on job (state, priority desc, id);
create index if not exists job_order on job (order_id);
create table if not exists worker (
    name text primary key, generation integer not null, pid integer not null, started_at real not null,
    beat_at real not null);
"""


class BadSettings(Exception):
    """A settings file that cannot be used; the text says where and why."""


def read_settings(path: Path, known: set[str]) -> dict[str, str]:
    """KEY=VALUE lines; comments and empty lines are skipped. Raises `BadSettings` with file and line."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, separator, value = text.partition("=")
        if not separator or key not in known:
            raise BadSettings(f"{path}:{number}: {text!r} is not one of {', '.join(sorted(known))} with a value")
        found[key] = value.strip()
    missing = known - set(found)
    if missing:
        raise BadSettings(f"{path}: {', '.join(sorted(missing))} is missing")
    return found


def whole_number(settings: dict[str, str], key: str, path: Path) -> int:
    """A setting as a positive number. Raises `BadSettings`."""
    value = settings[key]
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise BadSettings(f"{path}: {key}={value} is not a whole number")
    return int(value)


def connect(path: str, timeout_s: float = 2.0) -> sqlite3.Connection:
    """A connection in autocommit mode; `transaction` makes writes. WAL, so readers never wait for the writer."""
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    _use_wal(connection, time.monotonic() + timeout_s)
    connection.execute("pragma synchronous=normal")
    return connection


def _use_wal(connection: sqlite3.Connection, until: float) -> None:
    """Changing the journal of a new database takes a lock that SQLite itself does not wait for."""
    while True:
        try:
            connection.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def prepare(path: str) -> None:
    """Make the tables. Safe to call from every program at every start."""
    connection = connect(path, 10.0)
    connection.executescript(SCHEMA)
    if _missing_columns(connection):
        with transaction(connection):
            for column in _missing_columns(connection):
                connection.execute(f"alter table job add column {column}")
    connection.close()


def _missing_columns(connection: sqlite3.Connection) -> list[str]:
    """What the jobs of an older desk's database lack. Looked at without the write lock, which somebody may hold."""
    known = {row["name"] for row in connection.execute("pragma table_info(job)")}
    return [column for column in ("file text", "due_at real") if column.split()[0] not in known]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """An immediate transaction: it takes the write lock at once, so it can never fail half-way for it."""
    connection.execute("begin immediate")
    try:
        yield connection
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def place_order(
    connection: sqlite3.Connection,
    customer: str,
    lines: list[dict[str, object]],
    priority: int = 0,
    file: str | None = None,
) -> int:
    """An order and its job, which names its packing list, together or not at all; returns the order's number."""
    now = time.time()
    with transaction(connection):
        cursor = connection.execute(
            "insert into orders (placed_at, customer, lines) values (?, ?, ?)", (now, customer, json.dumps(lines))
        )
        order = int(cursor.lastrowid or 0)
        connection.execute(
            "insert into job (order_id, priority, created_at, file) values (?, ?, ?, ?)", (order, priority, now, file)
        )
    return order


def say(text: str) -> None:
    """One line with the time into the program's log (supervisor keeps standard error)."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(f"{stamp} {text}\n")
    sys.stderr.flush()


def is_alive(pid: int) -> bool:
    """Whether a process of this machine still exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in (b"Z", b"X")


def obey_permissions(folder: Path) -> None:
    """Give up root's right to write where the permissions forbid it: a program of the desk is no better than its user.

    Only where the desk's files are ours; nothing to do without root. Call it before the first thread is started.
    """
    if os.geteuid() != 0 or folder.stat().st_uid != 0:
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for capabilities 0-31 and 32-63
    if libc.capget(header, sets) == 0:
        for index in (0, 1):
            sets[index] &= ~0b10  # CAP_DAC_OVERRIDE
        libc.capset(header, sets)


def leave(code: int) -> None:
    """End at once, also when other threads still run; what was written is flushed."""
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code)
