"""What may have to be logged, open tasks, and the numbers of daily issues."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db import connections
from django.db.models import F, Max, Q

from watchkeeper.core.changes import Change
from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.log.chain import microseconds
from watchkeeper.core.log.values import Entry
from watchkeeper.core.runs.values import Run
from watchkeeper.store import log, models
from watchkeeper.store.rows import Mapper, storable
from watchkeeper.store.runs import _runs

_tasks = Mapper(Task, models.Task)
_changes = Mapper(Change, models.Change)
_incidents = Mapper(Incident, models.Incident, json=("checks",))


class LogTaskRows:
    """The methods of `services.ports.log_tasks.LogTaskRows`."""

    _using: str

    def add_task_once(self, task: Task) -> Task | None:
        known = models.Task.objects.using(self._using).filter(source=storable(task.source))
        if task.source and known.exists():
            return None
        row = models.Task.objects.using(self._using).create(**_tasks.row(task))
        return dataclasses.replace(task, id=row.pk)

    def open_tasks(self, limit: int = 500) -> list[Task]:
        query = models.Task.objects.using(self._using).filter(done_at__isnull=True)
        query = query.order_by(F("due_at").asc(nulls_last=True), "id")
        return [_tasks.value(row) for row in query.values(*_tasks.columns)[:limit]]

    def tasks_of_entry(self, entry: int) -> list[Task]:
        query = models.Task.objects.using(self._using).filter(entry=entry).order_by("id")
        return [_tasks.value(row) for row in query.values(*_tasks.columns)[:200]]

    def tasks_ended(self, since: float, until: float, limit: int = 500) -> list[Task]:
        query = models.Task.objects.using(self._using).filter(done_at__gte=since, done_at__lt=until)
        return [_tasks.value(row) for row in query.order_by("done_at", "id").values(*_tasks.columns)[:limit]]

    def changes_after(self, number: int, limit: int = 200) -> list[Change]:
        query = models.Change.objects.using(self._using).filter(pk__gt=number).order_by("id")
        return [_changes.value(row) for row in query.values(*_changes.columns)[:limit]]

    def newest_change(self) -> int:
        return int(models.Change.objects.using(self._using).aggregate(newest=Max("id"))["newest"] or 0)

    def entries_between(self, since: float, until: float, limit: int = 1000) -> list[Entry]:
        statement = "SELECT number FROM chain WHERE at >= %s AND at < %s ORDER BY number LIMIT %s"
        with connections[self._using].cursor() as cursor:
            cursor.execute(statement, (microseconds(since), microseconds(until), limit))
            numbers = [int(row[0]) for row in cursor.fetchall()]
        found = []
        for number in numbers:
            try:
                found.append(log.get(self._using, number))
            except (Invalid, NotFound):
                continue  # its body was archived or altered: `wk log verify` speaks of that
        return found

    def runs_between(self, since: float, until: float, limit: int = 500) -> list[Run]:
        query = models.Run.objects.using(self._using).filter(created_at__lt=until)
        query = query.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=since)).order_by("id")
        return [_runs.value(row) for row in query.values(*_runs.columns)[:limit]]

    def incidents_between(self, since: float, until: float, limit: int = 500) -> list[Incident]:
        query = models.Incident.objects.using(self._using).filter(opened_at__lt=until)
        query = query.filter(Q(closed_at__isnull=True) | Q(closed_at__gte=since)).order_by("opened_at", "id")
        return [_incidents.value(row) for row in query.values(*_incidents.columns)[:limit]]

    def daily_numbers(self, day: str, sources: Sequence[str]) -> dict[str, int]:
        known = self.daily_known(day)
        for source in sources:
            if source not in known:
                known[source] = max(known.values(), default=0) + 1
                models.DailyIssue.objects.using(self._using).create(day=day, number=known[source], source=source)
        return {source: known[source] for source in sources}

    def daily_known(self, day: str) -> dict[str, int]:
        rows = models.DailyIssue.objects.using(self._using).filter(day=day)
        return dict(rows.values_list("source", "number"))
