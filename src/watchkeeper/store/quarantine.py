"""What keeps automation from doing harm, as rows: quarantines, results of runs, backoffs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from watchkeeper.core.errors import NotFound
from watchkeeper.core.runs.quarantine import Quarantine
from watchkeeper.core.runs.rate_limits import Backoff
from watchkeeper.core.runs.results import Result
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_quarantines = Mapper(Quarantine, models.Quarantine, json=("runs",))
_results = Mapper(Result, models.RunResult, json=("checks",))
_backoffs = Mapper(Backoff, models.Backoff)


class QuarantineRows:
    """Implements `services.ports.quarantine.QuarantineRows`."""

    _using: str

    def add_quarantine(self, held: Quarantine) -> Quarantine:
        row = models.Quarantine.objects.using(self._using).create(**_quarantines.row(held))
        return dataclasses.replace(held, id=row.pk)

    def save_quarantine(self, held: Quarantine) -> None:
        rows = models.Quarantine.objects.using(self._using).filter(pk=held.id)
        if not rows.update(**_quarantines.row(held)):
            raise NotFound(f"There is no quarantine {held.id}.", "`wk automation quarantine` lists them.")

    def quarantines(self, response: str = "", active: bool = False, limit: int = 100) -> list[Quarantine]:
        rows = models.Quarantine.objects.using(self._using).order_by("-id")
        if response:
            rows = rows.filter(response=response)
        if active:
            rows = rows.filter(released_at=None)
        return [_quarantines.value(row) for row in rows.values(*_quarantines.columns)[:limit]]

    def note_result(self, result: Result) -> None:
        row = _results.row(result)
        rows = models.RunResult.objects.using(self._using)
        if not rows.filter(run=result.run).update(**row):
            rows.create(**row)

    def results(
        self, since: float = 0.0, service: str = "", response: str = "", runbook: str = "", limit: int = 500
    ) -> list[Result]:
        rows = models.RunResult.objects.using(self._using).filter(at__gte=since).order_by("-at", "-run")
        named = {"service": service, "response": response, "runbook": runbook}
        rows = rows.filter(**{name: value for name, value in named.items() if value})
        return [_results.value(row) for row in rows.values(*_results.columns)[:limit]]

    def did_not_hold(self, incident: int, since: float) -> int:
        rows = models.RunResult.objects.using(self._using)
        return rows.filter(incident=incident, outcome="proven", held=True, at__gte=since).update(held=False)

    def backoff(self, service: str, now: float) -> Backoff | None:
        rows = models.Backoff.objects.using(self._using).filter(service=service, until_at__gt=now)
        for row in rows.values(*_backoffs.columns):
            return _backoffs.value(row)
        return None

    def backoffs(self, services: Sequence[str] = ()) -> list[Backoff]:
        rows = models.Backoff.objects.using(self._using).order_by("service")
        if services:
            rows = rows.filter(service__in=list(services))
        return [_backoffs.value(row) for row in rows.values(*_backoffs.columns)]

    def set_backoff(self, held: Backoff) -> None:
        row = _backoffs.row(held)
        rows = models.Backoff.objects.using(self._using)
        if not rows.filter(service=held.service).update(**row):
            rows.create(**row)

    def end_backoff(self, service: str) -> None:
        models.Backoff.objects.using(self._using).filter(service=service).delete()
