"""Grants: standing permissions of persons."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.errors import NotFound
from watchkeeper.core.runs.values import Grant
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_grants = Mapper(Grant, models.Grant, json=("hosts", "pins"))


def add(using: str, grant: Grant) -> Grant:
    row = models.Grant.objects.using(using).create(**_grants.row(grant))
    return dataclasses.replace(grant, id=row.pk)


def save(using: str, grant: Grant) -> None:
    if not models.Grant.objects.using(using).filter(pk=grant.id).update(**_grants.row(grant)):
        raise NotFound(f"There is no grant {grant.id}.", "`wk grant list` lists them.")


def find(using: str) -> list[Grant]:
    """All grants, revoked and expired ones too, newest first."""
    rows = models.Grant.objects.using(using).order_by("-id").values(*_grants.columns)
    return [_grants.value(row) for row in rows]
