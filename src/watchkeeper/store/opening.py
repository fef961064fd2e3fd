"""Getting a main store ready: Django's set-up, schema upgrades with a backup, and what must hold before it is used."""

from __future__ import annotations

import os
from pathlib import Path

from watchkeeper.core.errors import Invalid, Locked
from watchkeeper.store import versions
from watchkeeper.store.postgresql import changing_schema
from watchkeeper.store.upgrading import upgrading

PUT_BACK = "A damaged file is put back from a backup: wk restore self DIR --replace."


def set_up_django(state: Path, url: str = "") -> None:
    """Starts Django for this process, once. The first state directory is that of the ``default`` connection."""
    import django
    from django.apps import apps
    from django.conf import settings

    if not settings.configured:
        os.environ["WATCHKEEPER_STATE"] = str(state)
        if url:
            os.environ["DATABASE_URL"] = url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "watchkeeper.settings")
    if not apps.ready:
        django.setup()


def aliases(state: Path, url: str = "") -> tuple[str, str]:
    """Names of the writing and the reading connection of a store.

    ``default`` and ``reader`` for the store of the settings; a second store in one process (tests, `wk demo` from a
    shell of Python) gets names of its own.
    """
    from django.db import connections

    from watchkeeper.settings import databases

    wanted = databases(state, url)
    known = connections.databases
    if all(_place(known[name]) == _place(wanted[name]) for name in wanted):
        return "default", "reader"
    names = []
    for name, declared in wanted.items():
        alias = f"{name}:{declared['ENGINE']}:{declared.get('HOST', '')}:{declared.get('PORT', '')}:{declared['NAME']}"
        if alias not in known:
            known[alias] = declared
            connections.configure_settings(known)  # fills in Django's default keys
        names.append(alias)
    return names[0], names[1]


def _place(declared: dict[str, object]) -> tuple[object, ...]:
    return tuple(declared.get(key) or "" for key in ("ENGINE", "NAME", "HOST", "PORT", "USER"))


def prepare(state: Path, using: str) -> None:
    """Makes or upgrades the schema and asserts what the store relies on. Raises `Invalid` with the reason."""
    from django.db import DatabaseError, connections

    connection = connections[using]
    try:
        _assert_sqlite_file(state / "main.db", connection.vendor)
        with upgrading(state), changing_schema(connection):
            _migrate(state, using)
        if connection.vendor == "sqlite":
            _assert_durable(using)
        _assert_triggers(using)
    except DatabaseError as error:
        place = state / "main.db" if connection.vendor == "sqlite" else "the PostgreSQL database"
        raise Invalid(
            f"The main store cannot be opened: {place}: {first_line(error)}.",
            f"See that it can be reached and written, and that its disk has room. {PUT_BACK}",
        ) from error
    finally:
        connection.close()


def _assert_sqlite_file(path: Path, vendor: str) -> None:
    """A new file is made with mode 0600; a file that is no database is named before Django meets it."""
    if vendor != "sqlite":
        return
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return
    with path.open("rb") as file:
        start = file.read(16)
    if start and start != b"SQLite format 3\0":
        raise Invalid(
            f"{path} is not a watchkeeper store: it does not begin like an SQLite database.",
            f"{PUT_BACK} Or name another state directory.",
        )


def _migrate(state: Path, using: str) -> None:
    from django.core.management import call_command
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    connection = connections[using]
    executor = MigrationExecutor(connection)
    applied = set(executor.loader.applied_migrations)
    unknown = sorted(f"{app}.{name}" for app, name in applied - set(executor.loader.disk_migrations))
    if unknown:
        raise Invalid(versions.newer_main(unknown[-1]), versions.goes_back(state))
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", database=using, verbosity=0, interactive=False)


def _assert_durable(using: str) -> None:
    """WAL and FULL are what the promise of a durable answer rests on."""
    from django.db import connections

    with connections[using].cursor() as cursor:
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = cursor.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal" or synchronous != 2:
        raise Invalid(
            f"The main store is not durable: journal mode {mode}, synchronous {synchronous}; wal and 2 are needed.",
            "Put the state directory on a local disk (WAL does not work on network file systems).",
        )


def _assert_triggers(using: str) -> None:
    from django.db import connections

    from watchkeeper.store import audit_schema, log_schema

    missing = log_schema.missing_triggers(connections[using])
    if missing:
        raise Invalid(
            f"The operations log is not protected: {', '.join(missing)} missing or altered in the main store.",
            "Somebody or a schema change removed the triggers, so nothing is written until they are back. `wk log verify` "
            "still reads the chain and names the first bad entry; then put main.db back from a copy.",
        )
    missing = audit_schema.missing_triggers(connections[using])
    if missing:
        raise Invalid(
            f"The audit trail is not protected: {', '.join(missing)} missing in the main store.",
            "Somebody or a schema change removed the triggers, so nothing is written until they are back: put main.db back "
            "from a copy.",
        )


def erase_deleted(path: Path) -> None:
    """Write a database anew without what was deleted, and empty its write-ahead log. Raises `Locked`."""
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(path, timeout=20.0, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        busy = 1
        if "locked" not in str(error) and "busy" not in str(error):
            raise
    if busy:
        raise Locked(
            f"The deleted text is out of the log, but its bytes are still in {path}: others hold the file.",
            "Repeat `wk log purge` of any entry later, or run: sqlite3 main.db 'VACUUM; PRAGMA wal_checkpoint(TRUNCATE)'",
        )


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
