"""Tables of readings.db, the guard against a newer program's file, and how values become columns.

Readings are appended without their reason while they are OK: the newest reading of every check keeps all of it in
``state``, and of the old ones the numbers matter. Bodies of answers are never stored.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec

from watchkeeper.core.checks import State, Value
from watchkeeper.core.errors import Invalid
from watchkeeper.store.readings import ping_schema, rollup_schema

VERSION = 3

_TABLES = """
create table meta (name text primary key, value text not null) without rowid;
create table name (id integer primary key, text text not null unique);
create table reading (
    check_id integer not null, at real not null, latency real not null, state integer not null,
    rule_id integer not null, vals text, error text, reason text
);
create index reading_of_check on reading (check_id, at);
create table state (
    check_key text primary key, state integer not null, since real not null, recent text not null,
    good_in_row integer not null, reason text not null, rule_hash text not null,
    at real, latency real, verdict integer, verdict_reason text, vals text, error text
) without rowid;
create table flip (
    seq integer primary key autoincrement, check_key text not null, service text not null, host text,
    at real not null, before_state integer not null, after_state integer not null, reason text not null,
    vals text not null, rule_hash text not null, rule text not null
);
create table alive (id integer primary key check (id = 1), at real not null);
create table gap (id integer primary key, start_at real not null, end_at real not null);
create table ping (
    id integer primary key, check_key text not null, at real not null, status text not null, note text not null
);
create index ping_of_check on ping (check_key, at);
create table seen (check_key text primary key, at real not null) without rowid;
"""
# What leads from one version to the next: MIGRATIONS[n] turns version n into n + 1.
MIGRATIONS: dict[int, str] = {0: _TABLES, 1: rollup_schema.SQLITE, 2: ping_schema.SQLITE}

STATES = (State.OK, State.WARN, State.CRIT, State.UNKNOWN)
NUMBERS = {state: number for number, state in enumerate(STATES)}
LETTERS = {State.OK: "O", State.WARN: "W", State.CRIT: "C", State.UNKNOWN: "U"}
STATE_OF_LETTER = {letter: state for state, letter in LETTERS.items()}

_NEVER_STORED = "body"
_AS_THEY_ARE = frozenset({int, bool, type(None)})
_encode = msgspec.json.Encoder().encode  # a tenth of the time of json.dumps, for every reading there is
_TEXT_LIMIT = 400


def unusable(path: Path, error: sqlite3.Error) -> Invalid:
    """What a person reads when SQLite cannot use the file: damaged, full, or not readable."""
    return Invalid(
        f"The readings store {path} cannot be used: {str(error).rstrip('.')}.",
        f"See that its disk has room. A damaged file: stop watchkeeper, move {path.name} away with its -wal and -shm, start "
        "again; the readings begin anew, incidents and the log stay.",
    )


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of the file; 0 when it is new."""
    return int(connection.execute("pragma user_version").fetchone()[0])


def refuse_newer(version: int, path: str) -> None:
    """A file of a newer program is never touched: it may hold what this program would damage."""
    if version > VERSION:
        sentence = (
            f"{path} was written by a newer watchkeeper (its version is {version}, this program knows {VERSION})."
        )
        raise Invalid(sentence, "Start the newer program again, or move the file away to begin a new history.")


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to this program's version, one step per transaction."""
    refuse_newer(version_of(connection), path)
    while (version := version_of(connection)) < VERSION:
        script = f"begin immediate; {MIGRATIONS[version]} pragma user_version = {version + 1}; commit;"
        connection.executescript(script)


def pack_values(values: Mapping[str, Value]) -> str | None:
    """Values as JSON, without the body of an answer and with long texts cut; None when there are none."""
    kept = {
        name: value if type(value) in _AS_THEY_ARE else _short(value)
        for name, value in values.items()
        if name != _NEVER_STORED
    }
    if not kept:
        return None
    try:
        return _encode(kept).decode()
    except ValueError:  # half a character pair: no database takes it
        return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace").decode()


def unpack_values(text: str | None) -> dict[str, Value]:
    """The opposite of `pack_values`."""
    return dict(json.loads(text)) if text else {}


def _short(value: Value) -> Value:
    if isinstance(value, str):
        return value[:_TEXT_LIMIT]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
