"""Incidents and their timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db import connections
from django.db.models import Q

from watchkeeper.core.errors import NotFound
from watchkeeper.core.incidents.records import Link, Task
from watchkeeper.core.incidents.similar import PastRun
from watchkeeper.core.incidents.values import ALIVE, Event, Incident, Status
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_incidents = Mapper(Incident, models.Incident, json=("checks",))
_events = Mapper(Event, models.Event, json=("detail",))
_tasks = Mapper(Task, models.Task)
_links = Mapper(Link, models.Link)


def add(using: str, incident: Incident) -> Incident:
    return dataclasses.replace(incident, id=_incidents.insert(using, incident))


def save(using: str, incident: Incident) -> None:
    if not _incidents.update(using, incident, 'WHERE "id" = %s', (incident.id,)):
        raise _missing(incident.id)


def get(using: str, number: int) -> Incident:
    found = _incidents.values(using, 'WHERE "id" = %s', (number,))
    if not found:
        raise _missing(number)
    return found[0]


def find(using: str, status: Status | None, limit: int, before: int | None) -> list[Incident]:
    """Newest first; before: only incidents with a smaller number."""
    parts: list[str] = []
    values: list[object] = []
    if status is not None:
        parts, values = ['"status" = %s'], [status.value]
    if before is not None:
        parts, values = [*parts, '"id" < %s'], [*values, before]
    where = f"WHERE {' AND '.join(parts)} " if parts else ""
    return _incidents.values(using, f'{where}ORDER BY "id" DESC LIMIT %s', [*values, limit])


def last_closed(using: str, service: str, since: float) -> Incident | None:
    query = models.Incident.objects.using(using).filter(
        service=service, closed_at__gte=since, status=Status.CLOSED.value
    )
    row = query.order_by("-closed_at", "-id").values(*_incidents.columns).first()
    return None if row is None else _incidents.value(row)


def add_event(using: str, event: Event) -> Event:
    return dataclasses.replace(event, id=_events.insert(using, event))


def events(using: str, incident: int, after: int, limit: int) -> list[Event]:
    """Oldest first; after: only events with a greater id."""
    tail = 'WHERE "incident" = %s AND "id" > %s ORDER BY "id" LIMIT %s'
    return _events.values(using, tail, (incident, after, limit))


def events_after(using: str, number: int, limit: int) -> list[Event]:
    """Of all incidents, oldest first."""
    return _events.values(using, 'WHERE "id" > %s ORDER BY "id" LIMIT %s', (number, limit))


class IncidentRows:
    """What `services.ports.incidents.IncidentRows` asks, on one Django connection."""

    _using: str

    def living_incidents(self, limit: int = 500) -> list[Incident]:
        tail = f'WHERE "status" IN ({", ".join(["%s"] * len(ALIVE))}) ORDER BY "id" DESC LIMIT %s'
        return _incidents.values(self._using, tail, (*(each.value for each in ALIVE), limit))

    def closed_since(self, service: str, host: str | None, since: float) -> list[Incident]:
        tail = 'WHERE "service" = %s AND "closed_at" >= %s AND "status" = %s'
        values: list[object] = [service, since, Status.CLOSED.value]
        if not service:
            tail += ' AND "host" IS NULL' if host is None else ' AND "host" = %s'
            values += [] if host is None else [host]
        return _incidents.values(self._using, f'{tail} ORDER BY "closed_at" DESC, "id" DESC LIMIT 100', values)

    def closed_between(self, since: float, until: float, limit: int = 2000) -> list[Incident]:
        tail = 'WHERE "closed_at" >= %s AND "closed_at" < %s AND "status" = %s ORDER BY "closed_at", "id" LIMIT %s'
        return _incidents.values(self._using, tail, (since, until, Status.CLOSED.value, limit))

    def incidents_like(self, service: str, pattern: str, limit: int = 50) -> list[Incident]:
        closed = models.Incident.objects.using(self._using).filter(status=Status.CLOSED.value)
        known = Q(pk__in=[])
        if service:
            known |= Q(service=service)
        if pattern:
            known |= Q(pattern=pattern)
        query = closed.filter(known).order_by("-closed_at", "-id")
        return [_incidents.value(row) for row in query.values(*_incidents.columns)[:limit]]

    def runs_of_incidents(self, incidents: Sequence[int]) -> list[PastRun]:
        columns = ("incident", "id", "response", "state", "created_at", "ended_at", "last_change_at")
        query = models.Run.objects.using(self._using).filter(incident__in=list(incidents)).order_by("id")
        return [PastRun(*row) for row in query.values_list(*columns)]

    def delivered_times(self, incidents: Sequence[int]) -> list[tuple[int, float, float]]:
        if not incidents:
            return []
        among = ", ".join(["%s"] * len(incidents))
        query = (
            'SELECT "incident", "created_at", "delivered_at" FROM "notification" WHERE "delivered_at" IS NOT NULL'
            f' AND "delivered_by" <> %s AND "kind" <> %s AND "incident" IN ({among}) ORDER BY "delivered_at"'
        )
        with connections[self._using].cursor() as cursor:
            cursor.execute(query, ["", "closed", *incidents])
            return [(number, made, at) for number, made, at in cursor.fetchall()]

    def add_task(self, task: Task) -> Task:
        row = models.Task.objects.using(self._using).create(**_tasks.row(task))
        return dataclasses.replace(task, id=row.pk)

    def save_task(self, task: Task) -> None:
        models.Task.objects.using(self._using).filter(pk=task.id).update(**_tasks.row(task))

    def task(self, number: int) -> Task:
        row = models.Task.objects.using(self._using).filter(pk=number).values(*_tasks.columns).first()
        if row is None:
            raise NotFound(f"There is no task {number}.", "`wk tasks` lists the open ones.")
        return _tasks.value(row)

    def tasks(self, incident: int | None = None, open_only: bool = False, limit: int = 500) -> list[Task]:
        query = models.Task.objects.using(self._using).order_by("id")
        query = query.filter(incident=incident) if incident is not None else query.filter(incident__gt=0)
        query = query.filter(done_at__isnull=True) if open_only else query
        return [_tasks.value(row) for row in query.values(*_tasks.columns)[:limit]]

    def add_link(self, link: Link) -> Link:
        row = models.Link.objects.using(self._using).create(**_links.row(link))
        return dataclasses.replace(link, id=row.pk)

    def links(self, incident: int) -> list[Link]:
        query = models.Link.objects.using(self._using).filter(incident=incident).order_by("id")
        return [_links.value(row) for row in query.values(*_links.columns)[:500]]


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no incident {number}.", "`wk incidents` lists them.")
