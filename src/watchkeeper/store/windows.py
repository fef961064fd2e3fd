"""Windows and silences."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Least

from watchkeeper.core.errors import NotFound
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.recurrence import KeptPlan
from watchkeeper.core.windows import Kind, Window
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_windows = Mapper(Window, models.Window, json=("targets", "items"))
_plans = Mapper(KeptPlan, models.WindowPlan, json=("plan",))
_events = Mapper(Event, models.Event, json=("detail",))


class WindowRows:
    """The methods of `services.ports.windows.WindowRows`."""

    _using: str

    def add_window(self, window: Window) -> Window:
        if window.occurrence is not None:
            there = self.window_of(window.occurrence)
            if there is not None:
                return there
        row = models.Window.objects.using(self._using).create(**_windows.row(window))
        return dataclasses.replace(window, id=row.pk)

    def save_window(self, window: Window) -> None:
        rows = models.Window.objects.using(self._using).filter(pk=window.id)
        if not rows.update(**_windows.row(window)):
            raise _missing(window.id)

    def window(self, number: int) -> Window:
        row = models.Window.objects.using(self._using).filter(pk=number).values(*_windows.columns).first()
        if row is None:
            raise _missing(number)
        return _windows.value(row)

    def open_windows(self) -> list[Window]:
        return _windows.values(self._using, 'WHERE "ended_at" IS NULL ORDER BY "starts_at", "id"', ())

    def watched_windows(self) -> list[Window]:
        tail = 'WHERE "watched_at" IS NULL AND "ended_at" IS NOT NULL ORDER BY "ended_at", "id"'
        return _windows.values(self._using, tail, ())

    def windows(self, kind: Kind | None = None, limit: int = 50, before: int | None = None) -> list[Window]:
        query = models.Window.objects.using(self._using).order_by("-id")
        if kind is not None:
            query = query.filter(kind=kind)
        if before is not None:
            query = query.filter(pk__lt=before)
        return [_windows.value(row) for row in query.values(*_windows.columns)[:limit]]

    def windows_between(self, since: float, until: float, kind: Kind | None = None) -> list[Window]:
        end = Least(F("ends_at"), Coalesce(F("ended_at"), F("ends_at")))
        query = models.Window.objects.using(self._using).filter(
            Q(ends_at__gt=since, starts_at__lt=until, taken_back_at__isnull=True)
        )
        query = query.annotate(end=end).filter(Q(end__gt=since) & Q(end__gt=F("starts_at")))
        if kind is not None:
            query = query.filter(kind=kind)
        return [_windows.value(row) for row in query.order_by("starts_at", "id").values(*_windows.columns)]

    def window_of(self, occurrence: str) -> Window | None:
        row = models.Window.objects.using(self._using).filter(occurrence=occurrence).values(*_windows.columns).first()
        return None if row is None else _windows.value(row)

    def add_window_plan(self, plan: KeptPlan) -> KeptPlan:
        row = models.WindowPlan.objects.using(self._using).create(**_plans.row(plan))
        named = dataclasses.replace(plan, id=row.pk, plan=dataclasses.replace(plan.plan, key=f"plan:{row.pk}"))
        self.save_window_plan(named)
        return named

    def save_window_plan(self, plan: KeptPlan) -> None:
        rows = models.WindowPlan.objects.using(self._using).filter(pk=plan.id)
        if not rows.update(**_plans.row(plan)):
            raise NotFound(f"There is no recurring window {plan.id}.", "List them: wk window.")

    def window_plans(self) -> list[KeptPlan]:
        return _plans.values(self._using, 'WHERE "ended_at" IS NULL ORDER BY "id"', ())

    def muting_events(self, incidents: Sequence[int]) -> list[Event]:
        if not incidents:
            return []
        among = ", ".join(["%s"] * len(incidents))
        tail = f'WHERE "incident" IN ({among}) AND "kind" IN (%s, %s) ORDER BY "id"'
        return _events.values(self._using, tail, [*incidents, "muted", "window"])


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no window or silence {number}.", "List them: wk window, wk silence.")
