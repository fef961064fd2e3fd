"""Escalations, and who is on call by command."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.db import connections
from django.db.models import Q

from watchkeeper.core.errors import NotFound
from watchkeeper.core.escalations import Ladder
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.oncall.values import Override, Turn
from watchkeeper.store import incidents as incident_rows
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_ladders = Mapper(Ladder, models.Ladder)
_overrides = Mapper(Override, models.OnCallOverride)
_turns = Mapper(Turn, models.OnCallTurn)

_OPEN = (
    "JOIN incident ON incident.id = ladder.incident WHERE incident.status = %s AND incident.reopened = ladder.opening"
)
_TO_LOOK_AT = """
    SELECT ladder.incident FROM ladder JOIN incident ON incident.id = ladder.incident
    WHERE incident.reopened = ladder.opening AND (
        (incident.status = %s AND (
            ladder.due_at <= %s OR incident.severity <> ladder.severity OR ladder.paused_why IN ('muted', 'merged')
            OR (ladder.policy <> '' AND ladder.paused_at IS NULL AND incident.acknowledged_at IS NOT NULL)
            OR (ladder.paused_why = 'acknowledged' AND incident.acknowledged_at IS NULL)))
        OR (incident.status = %s AND ladder.policy <> '' AND ladder.paused_at IS NULL))
    ORDER BY ladder.due_at IS NULL, incident.severity, ladder.due_at, ladder.incident LIMIT %s"""
_STANDING = f"""
    SELECT ladder.incident FROM ladder {_OPEN} AND (ladder.due_at IS NOT NULL OR ladder.paused_at IS NOT NULL)
    ORDER BY ladder.due_at IS NULL, ladder.due_at, ladder.incident"""
_WITHOUT = """
    SELECT incident.id FROM incident LEFT JOIN ladder
        ON ladder.incident = incident.id AND ladder.opening = incident.reopened
    WHERE incident.status = %s AND ladder.incident IS NULL ORDER BY incident.id LIMIT %s"""


class OnCallRows:
    """The methods of `services.ports.oncall.OnCallRows`."""

    _using: str

    def ladder(self, incident: int) -> Ladder | None:
        row = models.Ladder.objects.using(self._using).filter(pk=incident).values(*_ladders.columns).first()
        return None if row is None else _ladders.value(row)

    def save_ladder(self, ladder: Ladder) -> None:
        row = _ladders.row(ladder)
        number = row.pop("incident")
        models.Ladder.objects.using(self._using).update_or_create(incident=number, defaults=row)

    def ladders(self, incidents: Sequence[int] = ()) -> list[Ladder]:
        numbers = list(incidents) or self._numbers(_STANDING, [Status.OPEN.value])
        query = models.Ladder.objects.using(self._using).filter(pk__in=numbers).values(*_ladders.columns)
        found = {row["incident"]: _ladders.value(row) for row in query}
        return [found[number] for number in numbers if number in found]

    def without_ladder(self, limit: int = 100) -> list[Incident]:
        numbers = self._numbers(_WITHOUT, [Status.OPEN.value, limit])
        return [incident_rows.get(self._using, number) for number in numbers]

    def ladders_to_look_at(self, now: float, limit: int = 200) -> list[int]:
        return self._numbers(_TO_LOOK_AT, [Status.OPEN.value, now, Status.MERGED.value, limit])

    def _numbers(self, query: str, values: Sequence[object]) -> list[int]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(query, values)
            return [row[0] for row in cursor.fetchall()]

    def add_override(self, override: Override) -> Override:
        row = models.OnCallOverride.objects.using(self._using).create(**_overrides.row(override))
        return dataclasses.replace(override, id=row.pk)

    def save_override(self, override: Override) -> None:
        rows = models.OnCallOverride.objects.using(self._using).filter(pk=override.id)
        if not rows.update(**_overrides.row(override)):
            raise _missing(override.id)

    def override(self, number: int) -> Override:
        rows = models.OnCallOverride.objects.using(self._using).filter(pk=number)
        row = rows.values(*_overrides.columns).first()
        if row is None:
            raise _missing(number)
        return _overrides.value(row)

    def overrides(self, since: float | None = None, removed: bool = False) -> list[Override]:
        query = models.OnCallOverride.objects.using(self._using).order_by("id")
        query = query if removed else query.filter(removed_at__isnull=True)
        query = query if since is None else query.filter(Q(until__gt=since))
        return [_overrides.value(row) for row in query.values(*_overrides.columns)]

    def turns(self) -> list[Turn]:
        rows = models.OnCallTurn.objects.using(self._using).order_by("schedule").values(*_turns.columns)
        return [_turns.value(row) for row in rows]

    def save_turn(self, turn: Turn) -> None:
        row = _turns.row(turn)
        name = row.pop("schedule")
        models.OnCallTurn.objects.using(self._using).update_or_create(schedule=name, defaults=row)


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no override {number}.", "List them: wk oncall list.")
