"""Incidents and their timeline."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.errors import NotFound
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_incidents = Mapper(Incident, models.Incident, json=("checks",))
_events = Mapper(Event, models.Event, json=("detail",))


def add(using: str, incident: Incident) -> Incident:
    row = models.Incident.objects.using(using).create(**_incidents.row(incident))
    return dataclasses.replace(incident, id=row.pk)


def save(using: str, incident: Incident) -> None:
    if not models.Incident.objects.using(using).filter(pk=incident.id).update(**_incidents.row(incident)):
        raise _missing(incident.id)


def get(using: str, number: int) -> Incident:
    row = models.Incident.objects.using(using).filter(pk=number).values(*_incidents.columns).first()
    if row is None:
        raise _missing(number)
    return _incidents.value(row)


def find(using: str, status: Status | None, limit: int, before: int | None) -> list[Incident]:
    """Newest first; before: only incidents with a smaller number."""
    query = models.Incident.objects.using(using).order_by("-id")
    if status is not None:
        query = query.filter(status=status.value)
    if before is not None:
        query = query.filter(pk__lt=before)
    return [_incidents.value(row) for row in query.values(*_incidents.columns)[:limit]]


def last_closed(using: str, service: str, since: float) -> Incident | None:
    query = models.Incident.objects.using(using).filter(
        service=service, closed_at__gte=since, status=Status.CLOSED.value
    )
    row = query.order_by("-closed_at", "-id").values(*_incidents.columns).first()
    return None if row is None else _incidents.value(row)


def add_event(using: str, event: Event) -> Event:
    row = models.Event.objects.using(using).create(**_events.row(event))
    return dataclasses.replace(event, id=row.pk)


def events(using: str, incident: int, after: int, limit: int) -> list[Event]:
    """Oldest first; after: only events with a greater id."""
    query = models.Event.objects.using(using).filter(incident=incident, pk__gt=after).order_by("id")
    return [_events.value(row) for row in query.values(*_events.columns)[:limit]]


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no incident {number}.", "`wk incidents` lists them.")
