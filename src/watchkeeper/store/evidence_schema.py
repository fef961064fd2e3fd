"""Tables of evidence.db and their version. Version 1 is what was written before versions were counted."""

from __future__ import annotations

import sqlite3

from watchkeeper.core.errors import Invalid

VERSION = 1

_TABLES = """
create table if not exists chunk (
    run integer not null, step integer not null, attempt integer not null,
    start integer not null, size integer not null, packed integer not null, data blob not null,
    primary key (run, step, attempt, start)
) without rowid;
"""
# What leads from one version to the next: MIGRATIONS[n] turns version n into n + 1. A file of version 0 may be new, or
# hold the tables of version 1 already.
MIGRATIONS: dict[int, str] = {0: _TABLES}


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of the file."""
    return int(connection.execute("pragma user_version").fetchone()[0])


def refuse_newer(version: int, path: str) -> None:
    """A file of a newer program is never touched. Raises `Invalid`."""
    if version > VERSION:
        sentence = (
            f"{path} was written by a newer watchkeeper (its version is {version}, this program knows {VERSION})."
        )
        raise Invalid(
            sentence, "Start the newer program again, or move the file away: the outputs in it are then missing."
        )


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to this program's version, one step per transaction."""
    refuse_newer(version_of(connection), path)
    while (version := version_of(connection)) < VERSION:
        script = f"begin immediate; {MIGRATIONS[version]} pragma user_version = {version + 1}; commit;"
        connection.executescript(script)
