"""Cursors of journals and single settings."""

from __future__ import annotations

from watchkeeper.store import models
from watchkeeper.store.rows import storable


def cursor(using: str, name: str) -> int:
    """How far the journal was taken; 0 when it never was."""
    value = models.Cursor.objects.using(using).filter(name=name).values_list("value", flat=True).first()
    return 0 if value is None else value


def set_cursor(using: str, name: str, value: int) -> None:
    models.Cursor.objects.using(using).update_or_create(name=name, defaults={"value": value})


def get(using: str, name: str) -> str | None:
    """The setting's value, None when it was never set."""
    return models.Setting.objects.using(using).filter(name=name).values_list("value", flat=True).first()


def put(using: str, name: str, value: str) -> None:
    models.Setting.objects.using(using).update_or_create(name=name, defaults={"value": storable(value)})
