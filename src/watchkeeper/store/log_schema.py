"""The two tables of the operations log and the triggers that keep them append-only, as SQL.

They are no Django models on purpose: Django re-makes tables on SQLite and silently drops their triggers. The migration
runs these statements and every start asserts them. Refused: every update, every delete, and an insert that does not
follow the last entry (which also stops INSERT OR REPLACE, whose deletes fire no trigger).
"""

from __future__ import annotations

import re

from django.db.backends.base.base import BaseDatabaseWrapper

from watchkeeper.core.log.chain import GENESIS

_REFUSED = "the operations log is append-only"

_SQLITE_TABLES = (
    """CREATE TABLE chain (number INTEGER PRIMARY KEY, previous TEXT NOT NULL, at INTEGER NOT NULL,
       digest TEXT NOT NULL, hash TEXT NOT NULL)""",
    "CREATE TABLE body (number INTEGER PRIMARY KEY, content TEXT NOT NULL)",
)
_SQLITE_TRIGGERS = {
    f"{table}_no_{act.lower()}": f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    for table in ("chain", "body")
    for act in ("UPDATE", "DELETE")
} | {
    "chain_follows": "CREATE TRIGGER chain_follows BEFORE INSERT ON chain "
    "WHEN NEW.number IS NOT coalesce((SELECT max(number) FROM chain), 0) + 1 "
    f"OR NEW.previous IS NOT coalesce((SELECT hash FROM chain ORDER BY number DESC LIMIT 1), '{GENESIS}') "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    "body_follows": "CREATE TRIGGER body_follows BEFORE INSERT ON body "
    "WHEN NEW.number IS NOT coalesce((SELECT max(number) FROM body), 0) + 1 "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
}

_POSTGRESQL_TABLES = (
    """CREATE TABLE chain (number BIGINT PRIMARY KEY, previous TEXT NOT NULL, at BIGINT NOT NULL,
       digest TEXT NOT NULL, hash TEXT NOT NULL)""",
    "CREATE TABLE body (number BIGINT PRIMARY KEY, content TEXT NOT NULL)",
    f"""CREATE FUNCTION operations_log_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$""",
    f"""CREATE FUNCTION operations_log_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.number IS DISTINCT FROM coalesce((SELECT max(number) FROM chain), 0) + 1
        OR NEW.previous IS DISTINCT FROM coalesce((SELECT hash FROM chain ORDER BY number DESC LIMIT 1), '{GENESIS}')
        THEN RAISE EXCEPTION '{_REFUSED}'; END IF; RETURN NEW; END $$""",
)
_POSTGRESQL_TRIGGERS = {
    f"{table}_no_change": f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION operations_log_refuse()"
    for table in ("chain", "body")
} | {
    "chain_follows": "CREATE TRIGGER chain_follows BEFORE INSERT ON chain "
    "FOR EACH ROW EXECUTE FUNCTION operations_log_follow()",
}


def statements(vendor: str) -> tuple[str, ...]:
    """What makes tables and triggers on ``sqlite`` or ``postgresql``."""
    if vendor == "sqlite":
        return (*_SQLITE_TABLES, *_SQLITE_TRIGGERS.values())
    return (*_POSTGRESQL_TABLES, *_POSTGRESQL_TRIGGERS.values())


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that are not there, or are there with another text or disabled; sorted."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('chain', 'body')"
            )
            there = {name: _normal(text) for name, text in cursor.fetchall()}
            return sorted(name for name, text in _SQLITE_TRIGGERS.items() if there.get(name) != _normal(text))
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') AND NOT tgisinternal"
            " AND tgrelid IN (to_regclass('chain'), to_regclass('body'))"
        )
        enabled = {name for (name,) in cursor.fetchall()}
        return sorted(set(_POSTGRESQL_TRIGGERS) - enabled)


def _normal(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip().rstrip(";").lower()
