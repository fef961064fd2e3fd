"""The triggers that keep the audit trail append-only, as SQL. Rows come in; none is changed or leaves."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

_REFUSED = "the audit trail is append-only"
_SQLITE = {
    f"audit_no_{act.lower()}": f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit_event "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    for act in ("UPDATE", "DELETE")
} | {
    "audit_follows": "CREATE TRIGGER audit_follows BEFORE INSERT ON audit_event "
    "WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id) "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
}  # INSERT OR REPLACE deletes without firing a trigger of deletes
_POSTGRESQL = (
    f"CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$",
    (
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event FOR EACH STATEMENT"
        " EXECUTE FUNCTION audit_refuse()"
    ),
)


def statements(vendor: str) -> tuple[str, ...]:
    """What the migration makes on ``sqlite`` or ``postgresql``."""
    return tuple(_SQLITE.values()) if vendor == "sqlite" else _POSTGRESQL


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that are not there any more; sorted."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'")
            wanted = set(_SQLITE)
        else:
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass('audit_event') AND tgenabled IN ('O', 'A')"
            )
            wanted = {"audit_no_change"}
        return sorted(wanted - {name for (name,) in cursor.fetchall()})
