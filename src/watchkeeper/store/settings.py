"""Cursors of journals and single settings."""

from __future__ import annotations

from django.db import connections

from watchkeeper.store.rows import storable


def cursor(using: str, name: str) -> int:
    """How far the journal was taken; 0 when it never was."""
    value = _value(using, "journal_cursor", name)
    return int(str(value)) if value is not None else 0


def set_cursor(using: str, name: str, value: int) -> None:
    _put(using, "journal_cursor", name, value)


def get(using: str, name: str) -> str | None:
    """The setting's value, None when it was never set."""
    value = _value(using, "setting", name)
    return None if value is None else str(value)


def put(using: str, name: str, value: str) -> None:
    _put(using, "setting", name, storable(value))


def _value(using: str, table: str, name: str) -> object:
    with connections[using].cursor() as rows:
        rows.execute(f'SELECT "value" FROM "{table}" WHERE "name" = %s', [name])
        row = rows.fetchone()
        return None if row is None else row[0]


def _put(using: str, table: str, name: str, value: object) -> None:
    again = 'ON CONFLICT ("name") DO UPDATE SET "value" = excluded."value"'
    query = f'INSERT INTO "{table}" ("name", "value") VALUES (%s, %s) {again}'
    with connections[using].cursor() as rows:
        rows.execute(query, [name, value])
