"""The audit trail: rows that are only added."""

from __future__ import annotations

import dataclasses

from django.db.models import Q

from watchkeeper.core.audit import AuditEvent
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper, storable

_events = Mapper(AuditEvent, models.AuditEvent)


class AuditRows:
    """The audit trail of `services.ports.accounts.AccountRows`."""

    _using: str

    def add_audit_event(self, event: AuditEvent) -> AuditEvent:
        return dataclasses.replace(event, id=_events.insert(self._using, event))

    def audit_events(
        self, limit: int = 50, before: int | None = None, actor: str = "", act: str = "", since: float | None = None,
        outcome: str = "",
    ) -> list[AuditEvent]:  # fmt: skip
        query = models.AuditEvent.objects.using(self._using).order_by("-id")
        query = query.filter(pk__lt=before) if before is not None else query
        query = query.filter(actor=storable(actor)) if actor else query
        query = query.filter(Q(act=storable(act)) | Q(act__startswith=f"{storable(act)}.")) if act else query
        query = query.filter(at__gte=since) if since is not None else query
        query = query.filter(outcome=storable(outcome)) if outcome else query
        return [_events.value(row) for row in query.values(*_events.columns)[:limit]]
