"""Approvals: asked for, decided, expired."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.errors import NotFound
from watchkeeper.core.runs.values import Approval
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_approvals = Mapper(Approval, models.Approval, json=("given", "pins"))


def add(using: str, approval: Approval) -> Approval:
    row = models.Approval.objects.using(using).create(**_approvals.row(approval))
    return dataclasses.replace(approval, id=row.pk)


def save(using: str, approval: Approval) -> None:
    if not models.Approval.objects.using(using).filter(pk=approval.id).update(**_approvals.row(approval)):
        raise NotFound(f"There is no approval {approval.id}.", "`wk runs` lists the runs that wait for one.")


def find(using: str, run: int | None, pending: bool) -> list[Approval]:
    """Newest first; pending: only those not decided."""
    query = models.Approval.objects.using(using).order_by("-id")
    if run is not None:
        query = query.filter(run=run)
    if pending:
        query = query.filter(decided="")
    return [_approvals.value(row) for row in query.values(*_approvals.columns)]
