"""Changes of the world."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.changes import Change
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper, storable

_changes = Mapper(Change, models.Change)


def add(using: str, change: Change) -> Change:
    """Keeps it; one with a key that is known already is not added again, the first one comes back."""
    known = by_key(using, change.key) if change.key else None
    if known is not None:
        return known
    row = models.Change.objects.using(using).create(**_changes.row(change))
    return dataclasses.replace(change, id=row.pk)


def by_key(using: str, key: str) -> Change | None:
    """The one that was told under this key."""
    row = models.Change.objects.using(using).filter(key=storable(key)).values(*_changes.columns).first()
    return None if row is None else _changes.value(row)


def find(using: str, since: float, until: float, limit: int) -> list[Change]:
    """Changes of since <= at <= until, newest first."""
    tail = 'WHERE "at" >= %s AND "at" <= %s ORDER BY "at" DESC, "id" DESC LIMIT %s'
    return _changes.values(using, tail, (since, until, limit))
