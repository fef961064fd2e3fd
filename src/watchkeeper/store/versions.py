"""Schema versions of the three databases, read with plain SQLite: what a file has, what this program knows.

The rule of schema changes is in docs/decisions/0023: a program never touches a file that a newer one wrote.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from watchkeeper.core.backups import Versions
from watchkeeper.core.errors import Invalid
from watchkeeper.store import evidence_schema
from watchkeeper.store.readings import schema as readings_schema

MIGRATIONS = Path(__file__).parent / "migrations"
RESTORING = "restore.unfinished"
"""Stands in a state directory while a restore puts the files in place."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, for the length of the block; sees what was committed, also by a process that died."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=20)) as connection:
        yield connection


def known_changes() -> list[str]:
    """Names of the schema changes of main.db that this program brings, oldest first."""
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


def known() -> Versions:
    """What this program writes."""
    return Versions(known_changes()[-1], evidence_schema.VERSION, readings_schema.VERSION)


def changes_in(path: Path) -> list[str]:
    """Names of the schema changes that a main.db has, oldest first; empty when it is new, missing or unreadable."""
    if not path.exists():
        return []
    try:
        with reading(path) as connection:
            rows = connection.execute("select name from django_migrations where app = 'store' order by name")
            return [name for (name,) in rows]
    except sqlite3.Error:
        return []


def number_in(path: Path) -> int:
    """The number an evidence.db or readings.db has; 0 when it is new, missing or unreadable."""
    if not path.exists():
        return 0
    try:
        with reading(path) as connection:
            return int(connection.execute("pragma user_version").fetchone()[0])
    except sqlite3.Error:
        return 0


def versions_in(folder: Path) -> Versions:
    """The versions of the files of a state directory, or of a backup."""
    changes = changes_in(folder / "main.db")
    numbers = (number_in(folder / "evidence.db"), number_in(folder / "readings.db"))
    return Versions(changes[-1] if changes else "", *numbers)


def newer_than_known(folder: Path) -> str:
    """The sentence that names the first file of a newer program, or "" when this program knows all of them."""
    unknown = [name for name in changes_in(folder / "main.db") if name not in known_changes()]
    if unknown:
        return newer_main(unknown[-1])
    for name, knows in (("evidence.db", evidence_schema.VERSION), ("readings.db", readings_schema.VERSION)):
        has = number_in(folder / name)
        if has > knows:
            return f"{name} was written by a newer watchkeeper (its version is {has}, this program knows {knows})."
    return ""


def newer_main(change: str) -> str:
    """What is said of a main.db with a schema change that this program does not know."""
    return (
        f"The main store was written by a newer watchkeeper: it has the schema change {change}, "
        "which this program does not know."
    )


def assert_usable(state: Path) -> None:
    """Raises `Invalid` when a newer program wrote any file of the state, or a restore into it did not end.

    Every program asks before it opens anything, so that an older one changes nothing at all.
    """
    if (state / RESTORING).exists():
        raise Invalid(
            f"A restore into {state} did not end, so its files do not belong together.",
            f"Repeat it: wk restore self FROM --replace. What was there before is in {state}/replaced-*.",
        )
    sentence = newer_than_known(state)
    if sentence:
        raise Invalid(sentence, goes_back(state))


def goes_back(state: Path) -> str:
    """The next step of somebody who started the older program."""
    return (
        "Start the newer program again, or go back: stop it, then "
        f"wk --state {state} restore self {state}/before-upgrade --replace."
    )


def pending(state: Path) -> list[str]:
    """Schema changes that the next start makes in a state that is not new, as ``main.db 0003_x`` or ``readings.db 2``."""
    has = changes_in(state / "main.db")
    found = [f"main.db {name}" for name in known_changes() if has and name not in has]
    numbers = (("evidence.db", evidence_schema.VERSION), ("readings.db", readings_schema.VERSION))
    for name, knows in numbers:
        there = version_of_used(state / name)
        if there is not None and there < knows:
            found.append(f"{name} {knows}")
    return found


def version_of_used(path: Path) -> int | None:
    """The number of an evidence.db or readings.db that holds tables; None when it is missing, empty or unreadable."""
    if not path.exists():
        return None
    try:
        with reading(path) as connection:
            if connection.execute("select count(*) from sqlite_master").fetchone()[0] == 0:
                return None
            return int(connection.execute("pragma user_version").fetchone()[0])
    except sqlite3.Error:
        return None
