"""Changes of the world."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.changes import Change
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_changes = Mapper(Change, models.Change)


def add(using: str, change: Change) -> Change:
    row = models.Change.objects.using(using).create(**_changes.row(change))
    return dataclasses.replace(change, id=row.pk)


def find(using: str, since: float, until: float, limit: int) -> list[Change]:
    """Changes of since <= at <= until, newest first."""
    query = models.Change.objects.using(using).filter(at__gte=since, at__lte=until).order_by("-at", "-id")
    return [_changes.value(row) for row in query.values(*_changes.columns)[:limit]]
