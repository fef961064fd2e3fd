"""The three tables of the operations log and the triggers that keep them append-only, as SQL.

They are no Django models on purpose: Django re-makes tables on SQLite and silently drops their triggers. The migrations
run these statements and every start asserts them. Refused: every update, every delete but that of a body whose absence
stands in `log_absence`, an entry that does not follow the last one, a body of another entry than the last, an absence
that the last entry did not just name (the inserts also stop INSERT OR REPLACE, whose deletes fire no trigger).
"""

from __future__ import annotations

import re

from django.db.backends.base.base import BaseDatabaseWrapper

from watchkeeper.core.log.chain import GENESIS

TABLES = ("chain", "body", "log_absence")
_REFUSED = "the operations log is append-only"

_SQLITE_TABLES = (
    """CREATE TABLE chain (number INTEGER PRIMARY KEY, previous TEXT NOT NULL, at INTEGER NOT NULL,
       digest TEXT NOT NULL, hash TEXT NOT NULL)""",
    "CREATE TABLE body (number INTEGER PRIMARY KEY, content TEXT NOT NULL)",
)


def _refusing(table: str, act: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    )


_SQLITE_CHAIN = {
    f"{table}_no_{act.lower()}": _refusing(table, act)
    for table, act in (("chain", "UPDATE"), ("chain", "DELETE"), ("body", "UPDATE"))
} | {
    "chain_follows": "CREATE TRIGGER chain_follows BEFORE INSERT ON chain "
    "WHEN NEW.number IS NOT coalesce((SELECT max(number) FROM chain), 0) + 1 "
    f"OR NEW.previous IS NOT coalesce((SELECT hash FROM chain ORDER BY number DESC LIMIT 1), '{GENESIS}') "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
}  # fmt: skip
_SQLITE_FIRST = _SQLITE_CHAIN | {
    "body_no_delete": _refusing("body", "DELETE"),
    "body_follows": "CREATE TRIGGER body_follows BEFORE INSERT ON body "
    "WHEN NEW.number IS NOT coalesce((SELECT max(number) FROM body), 0) + 1 "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
}
_SQLITE_ABSENCE = """CREATE TABLE log_absence (number INTEGER NOT NULL, reason TEXT NOT NULL, entry INTEGER NOT NULL,
    place TEXT NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL, "by" TEXT NOT NULL,
    PRIMARY KEY (number, reason)) WITHOUT ROWID"""
_SQLITE_TRIGGERS = (
    _SQLITE_CHAIN
    | {f"log_absence_no_{act.lower()}": _refusing("log_absence", act) for act in ("UPDATE", "DELETE")}
    | {
        "body_leaves": "CREATE TRIGGER body_leaves BEFORE DELETE ON body "
        "WHEN NOT EXISTS (SELECT 1 FROM log_absence WHERE number = OLD.number) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
        "body_follows": "CREATE TRIGGER body_follows BEFORE INSERT ON body "
        "WHEN NEW.number IS NOT (SELECT max(number) FROM chain) "
        "OR EXISTS (SELECT 1 FROM body WHERE number = NEW.number) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
        "log_absence_follows": "CREATE TRIGGER log_absence_follows BEFORE INSERT ON log_absence "
        "WHEN NEW.entry IS NOT (SELECT max(number) FROM chain) OR NEW.number >= NEW.entry "
        "OR NOT EXISTS (SELECT 1 FROM chain WHERE number = NEW.number) OR NEW.reason NOT IN ('archived', 'purged') "
        "OR EXISTS (SELECT 1 FROM log_absence WHERE number = NEW.number AND reason = NEW.reason) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    }
)

_POSTGRESQL_TABLES = (
    """CREATE TABLE chain (number BIGINT PRIMARY KEY, previous TEXT NOT NULL, at BIGINT NOT NULL,
       digest TEXT NOT NULL, hash TEXT NOT NULL)""",
    "CREATE TABLE body (number BIGINT PRIMARY KEY, content TEXT NOT NULL)",
)


def _function(name: str, condition: str, returned: str) -> str:
    body = f"BEGIN IF {condition} THEN RAISE EXCEPTION '{_REFUSED}'; END IF; RETURN {returned}; END"
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"


_POSTGRESQL_FIRST_FUNCTIONS = {
    "operations_log_refuse": f"""CREATE FUNCTION operations_log_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$""",
    "operations_log_follow": f"""CREATE FUNCTION operations_log_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.number IS DISTINCT FROM coalesce((SELECT max(number) FROM chain), 0) + 1
        OR NEW.previous IS DISTINCT FROM coalesce((SELECT hash FROM chain ORDER BY number DESC LIMIT 1), '{GENESIS}')
        THEN RAISE EXCEPTION '{_REFUSED}'; END IF; RETURN NEW; END $$""",
}
_POSTGRESQL_FIRST = {
    f"{table}_no_change": f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION operations_log_refuse()"
    for table in ("chain", "body")
} | {
    "chain_follows": "CREATE TRIGGER chain_follows BEFORE INSERT ON chain "
    "FOR EACH ROW EXECUTE FUNCTION operations_log_follow()",
}
_POSTGRESQL_ABSENCE = """CREATE TABLE log_absence (number BIGINT NOT NULL, reason TEXT NOT NULL, entry BIGINT NOT NULL,
    place TEXT NOT NULL, digest TEXT NOT NULL, at BIGINT NOT NULL, "by" TEXT NOT NULL, PRIMARY KEY (number, reason))"""
_POSTGRESQL_NEW_FUNCTIONS = {
    "operations_log_leave": _function(
        "operations_log_leave", "NOT EXISTS (SELECT 1 FROM log_absence WHERE number = OLD.number)", "OLD"
    ),
    "operations_log_body": _function(
        "operations_log_body", "NEW.number IS DISTINCT FROM (SELECT max(number) FROM chain)", "NEW"
    ),
    "operations_log_absent": _function(
        "operations_log_absent",
        "NEW.entry IS DISTINCT FROM (SELECT max(number) FROM chain) OR NEW.number >= NEW.entry "
        "OR NOT EXISTS (SELECT 1 FROM chain WHERE number = NEW.number) OR NEW.reason NOT IN ('archived', 'purged')",
        "NEW",
    ),
}
_POSTGRESQL_FUNCTIONS = _POSTGRESQL_FIRST_FUNCTIONS | _POSTGRESQL_NEW_FUNCTIONS
_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32
_POSTGRESQL_TRIGGERS: dict[str, tuple[str, int, str]] = {
    "chain_no_change": ("chain", _BEFORE | _UPDATE | _DELETE | _TRUNCATE, "operations_log_refuse"),
    "chain_follows": ("chain", _ROW | _BEFORE | _INSERT, "operations_log_follow"),
    "body_no_change": ("body", _BEFORE | _UPDATE | _TRUNCATE, "operations_log_refuse"),
    "body_leaves": ("body", _ROW | _BEFORE | _DELETE, "operations_log_leave"),
    "body_follows": ("body", _ROW | _BEFORE | _INSERT, "operations_log_body"),
    "log_absence_no_change": ("log_absence", _BEFORE | _UPDATE | _DELETE | _TRUNCATE, "operations_log_refuse"),
    "log_absence_follows": ("log_absence", _ROW | _BEFORE | _INSERT, "operations_log_absent"),
}
"""Table, what fires it (as `pg_trigger.tgtype` says it), function."""


def statements(vendor: str) -> tuple[str, ...]:
    """What the first migration of the log makes on ``sqlite`` or ``postgresql``: chain and body, from which nothing leaves."""
    if vendor == "sqlite":
        return (*_SQLITE_TABLES, *_SQLITE_FIRST.values())
    return (*_POSTGRESQL_TABLES, *_POSTGRESQL_FIRST_FUNCTIONS.values(), *_POSTGRESQL_FIRST.values())


def absence_statements(vendor: str) -> tuple[str, ...]:
    """What the second one adds: `log_absence`, and the triggers that let a body go when a row there says so."""
    if vendor == "sqlite":
        new = [text for name, text in _SQLITE_TRIGGERS.items() if name not in _SQLITE_CHAIN]
        return (_SQLITE_ABSENCE, "DROP TRIGGER body_no_delete", "DROP TRIGGER body_follows", *new)
    new = [_trigger(name) for name in _POSTGRESQL_TRIGGERS if name not in ("chain_no_change", "chain_follows")]
    return (_POSTGRESQL_ABSENCE, *_POSTGRESQL_NEW_FUNCTIONS.values(), "DROP TRIGGER body_no_change ON body", *new)


def _trigger(name: str) -> str:
    table, kind, function = _POSTGRESQL_TRIGGERS[name]
    words = {_INSERT: "INSERT", _DELETE: "DELETE", _UPDATE: "UPDATE", _TRUNCATE: "TRUNCATE"}
    acts = " OR ".join(word for bit, word in words.items() if kind & bit)
    each = "ROW" if kind & _ROW else "STATEMENT"
    return f"CREATE TRIGGER {name} BEFORE {acts} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that are not there, are there with another text, are disabled, or do not belong there; sorted."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            names = ", ".join(f"'{table}'" for table in TABLES)
            cursor.execute(
                f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN ({names})"
            )
            there = {name: _normal(text) for name, text in cursor.fetchall()}
            wanted = {name: _normal(text) for name, text in _SQLITE_TRIGGERS.items()}
            return sorted(name for name in wanted.keys() | there.keys() if there.get(name) != wanted.get(name))
        cursor.execute(
            "SELECT t.tgname, c.relname, t.tgtype, p.proname, p.prosrc FROM pg_trigger t"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND t.tgattr::text = ''"
            " AND t.tgrelid IN (to_regclass('chain'), to_regclass('body'), to_regclass('log_absence'))"
        )
        found = {
            name: (table, kind, function, _normal(source)) for name, table, kind, function, source in cursor.fetchall()
        }
    expected = {name: (*facts, _source(facts[2])) for name, facts in _POSTGRESQL_TRIGGERS.items()}
    return sorted(name for name in expected.keys() | found.keys() if found.get(name) != expected.get(name))


def _source(function: str) -> str:
    """The text between the dollar signs."""
    return _normal(_POSTGRESQL_FUNCTIONS[function].split("$$")[1])


def _normal(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip().rstrip(";").lower()
