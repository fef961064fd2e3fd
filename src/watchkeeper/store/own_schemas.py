"""Schemas of our own in PostgreSQL, beside Django's tables: made and upgraded by plain SQL, with a version each.

The rule is that of docs/decisions/0023: changes only add, and an older program refuses what a newer one wrote.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from watchkeeper.core.errors import Invalid
from watchkeeper.store.kept_connection import Connection, KeptConnection, connect, first_line, unreachable

LOCKS = 30571
"""First number of the advisory locks of this package; the second one says what for."""
SCHEMA_LOCK, PRUNE_LOCK, OWNER_LOCK = 1, 2, 3


@dataclass(frozen=True, slots=True)
class OwnSchema:
    """name: of the schema. what: of the store, in sentences. migrations[n] leads from version n to n + 1."""

    name: str
    what: str
    version: int
    migrations: Mapping[int, str]

    def prepare(self, url: str, patience_s: float) -> None:
        """Make or upgrade the tables, one program at a time; waits for a server that is not there yet.

        Raises `Invalid` (a newer program's tables, no rights, a wrong address) or `StoreAway`.
        """
        ends = time.monotonic() + patience_s
        while True:
            try:
                with connect(url) as connection:
                    connection.autocommit = True
                    while self._step(connection):
                        pass
                    return
            except psycopg.OperationalError as error:
                if time.monotonic() >= ends:
                    raise unreachable(self.what, error) from error
                time.sleep(0.25)
            except psycopg.Error as error:
                raise Invalid(
                    f"The tables of {self.what[0].lower()}{self.what[1:]} cannot be made in PostgreSQL: {first_line(error)}.",
                    "Give the account of DATABASE_URL the right to make a schema, or make it for it: "
                    f"CREATE SCHEMA {self.name} AUTHORIZATION account.",
                ) from error

    def _step(self, connection: Connection) -> bool:
        """One version further in one transaction; False when there is nothing left to do."""
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s, %s)", (LOCKS, SCHEMA_LOCK))
            has = self._version(connection)
            self.refuse_newer(has)
            if has == self.version:
                return False
            if has == 0:
                exists = connection.execute("select 1 from pg_namespace where nspname = %s", (self.name,)).fetchone()
                if exists is None:  # somebody with more rights may have made it for us
                    connection.execute(f"create schema {self.name}")
                connection.execute(f"create table {self.name}.meta (name text primary key, value text not null)")
                connection.execute(f"insert into {self.name}.meta values ('version', '0')")
            connection.execute(self.migrations[has])
            connection.execute(f"update {self.name}.meta set value = %s where name = 'version'", (str(has + 1),))
        return True

    def _version(self, connection: Connection) -> int:
        row = connection.execute("select to_regclass(%s) is not null", (f"{self.name}.meta",)).fetchone()
        if row is None or not row[0]:
            return 0
        found = connection.execute(f"select value from {self.name}.meta where name = 'version'").fetchone()
        return int(found[0]) if found is not None else 0

    def version_in(self, kept: KeptConnection) -> int:
        """The version the tables have, asked by one who only reads; 0 when there are none."""
        if not kept.rows("select to_regclass(%s) is not null", (f"{self.name}.meta",))[0][0]:
            return 0
        return int(kept.rows(f"select value from {self.name}.meta where name = 'version'")[0][0])

    def refuse_newer(self, version: int) -> None:
        """Tables of a newer program are never touched: they may hold what this program would damage."""
        if version > self.version:
            raise Invalid(
                f"The schema {self.name} in PostgreSQL was written by a newer watchkeeper (its version is {version}, this "
                f"program knows {self.version}).",
                "Start the newer program again; of the nodes on one database the newest upgrades the tables for all.",
            )
