"""The outbox: notifications on their way, and every attempt to deliver them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections

from watchkeeper.core.errors import NotFound
from watchkeeper.core.notifications import Attempt, Message, Notification
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper, insert

_notifications = Mapper(Notification, models.Notification, json=("channels",), other=("message",))
_messages = Mapper(Message, models.Notification, json=("facts",), other=("items", "group", "update", "acknowledge"))
_attempts = Mapper(Attempt, models.Attempt)
_COLUMNS = (*_notifications.columns, *_messages.columns)


def add(using: str, notification: Notification) -> Notification:
    """Adds it, or gives the notification back that has the same message key already."""
    row = _row(notification)
    there = _select(using, 'WHERE "key" = %s', (row["key"],))
    if there:
        return there[0]
    return dataclasses.replace(notification, id=insert(using, models.Notification, row))


def save(using: str, notification: Notification, attempt: Attempt | None) -> None:
    """Replaces the row and records the attempt that led to it."""
    row = _row(notification)
    places = ", ".join(f'"{name}" = %s' for name in row)
    with connections[using].cursor() as cursor:
        cursor.execute(f'UPDATE "notification" SET {places} WHERE "id" = %s', [*row.values(), notification.id])
        known = cursor.rowcount
    if not known:
        raise NotFound(f"There is no notification {notification.id}.", "`wk status` shows what is not delivered.")
    if attempt is not None:
        _attempts.insert(using, attempt)


def due(using: str, now: float, limit: int) -> list[Notification]:
    """Undelivered and due at `now`, oldest first."""
    query = models.Notification.objects.using(using).filter(delivered_at__isnull=True, due_at__lte=now)
    return [_value(row) for row in query.order_by("created_at", "id").values(*_COLUMNS)[:limit]]


def find(using: str, incident: int | None, undelivered: bool, limit: int) -> list[Notification]:
    """Newest first."""
    parts: list[str] = []
    values: list[object] = []
    if incident is not None:
        parts, values = ['"incident" = %s'], [incident]
    if undelivered:
        parts.append('"delivered_at" IS NULL')
    where = f"WHERE {' AND '.join(parts)} " if parts else ""
    return _select(using, f'{where}ORDER BY "id" DESC LIMIT %s', [*values, limit])


def attempts(using: str, notification: int) -> list[Attempt]:
    """Every try of one notification, newest first."""
    query = models.Attempt.objects.using(using).filter(notification=notification).order_by("-id")
    return [_attempts.value(row) for row in query.values(*_attempts.columns)]


class DeliveryRows:
    """The methods of `services.ports.delivery.DeliveryRows`."""

    _using: str

    def notification(self, number: int) -> Notification:
        found = _select(self._using, 'WHERE "id" = %s', (number,))
        if not found:
            raise NotFound(f"There is no notification {number}.", "List them: wk notifications.")
        return found[0]

    def save_notifications(self, rows: Iterable[Notification]) -> None:
        for each in rows:
            save(self._using, each, None)

    def anything_due(self, now: float) -> bool:
        sql = 'SELECT 1 FROM "notification" WHERE "delivered_at" IS NULL AND "folded_into" IS NULL AND "due_at" <= %s LIMIT 1'
        with connections[self._using].cursor() as cursor:
            cursor.execute(sql, [now])
            return cursor.fetchone() is not None

    def due_to_send(self, now: float, limit: int = 1000) -> list[Notification]:
        tail = f'{_WAITING} AND "folded_into" IS NULL AND "due_at" <= %s ORDER BY "id" LIMIT %s'
        return _select(self._using, tail, (now, limit))

    def undelivered_of(self, incidents: Sequence[int]) -> list[Notification]:
        if not incidents:
            return []
        return _select(self._using, f'{_WAITING} AND "incident" IN ({_places(incidents)}) ORDER BY "id"', incidents)

    def riders(self, carriers: Sequence[int]) -> dict[int, list[Notification]]:
        found: dict[int, list[Notification]] = {}
        if carriers:
            tail = f'{_WAITING} AND "folded_into" IN ({_places(carriers)}) ORDER BY "id"'
            for row in _select(self._using, tail, carriers):
                found.setdefault(row.folded_into or 0, []).append(row)
        return found

    def carried_by(self, carrier: int) -> list[Notification]:
        query = self._notifications().filter(folded_into=carrier).order_by("id")
        return [_value(row) for row in query.values(*_COLUMNS)]

    def told_since(self, since: float) -> list[Notification]:
        tail = 'WHERE "delivered_at" > %s AND "delivered_by" <> %s ORDER BY "delivered_at", "id"'
        return _select(self._using, tail, (since, ""))

    def ends_of(self, incidents: Sequence[int]) -> dict[int, int]:
        if not incidents:
            return {}
        among = f'"incident" IN ({_places(incidents)})'
        query = f'SELECT "incident", max("id") FROM "notification" WHERE {among} AND "kind" = %s GROUP BY "incident"'
        with connections[self._using].cursor() as cursor:
            cursor.execute(query, [*incidents, "closed"])
            return dict(cursor.fetchall())

    def last_attempts(self, channel: str, limit: int = 8) -> list[Attempt]:
        rows = _attempts.select(self._using, 'WHERE "channel" = %s ORDER BY "id" DESC LIMIT %s', (channel, limit))
        return [_attempts.value(row) for row in rows]

    def hasten(self, channel: str, now: float) -> int:
        query = self._notifications().filter(
            delivered_at__isnull=True, due_at__gt=now, failed=True, channels__contains=json.dumps(channel)
        )
        return int(query.update(due_at=now))

    def newest_notifications(
        self, undelivered: bool = False, before: int | None = None, limit: int = 50
    ) -> list[Notification]:
        query = self._notifications().order_by("-id")
        if undelivered:
            query = query.filter(delivered_at__isnull=True)
        if before is not None:
            query = query.filter(pk__lt=before)
        return [_value(row) for row in query.values(*_COLUMNS)[:limit]]

    def _notifications(self) -> Any:
        return models.Notification.objects.using(self._using)


_WAITING = 'WHERE "delivered_at" IS NULL'


def _select(using: str, tail: str, values: Sequence[object]) -> list[Notification]:
    """Whole rows by plain SQL: a look at the outbox asks for them several times. tail: the statement from WHERE on."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    with connections[using].cursor() as cursor:
        cursor.execute(f'SELECT {names} FROM "notification" {tail}', list(values))
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    return [_value(row | {"failed": bool(row["failed"])}) for row in rows]


def _places(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _row(notification: Notification) -> dict[str, Any]:
    return _notifications.row(notification) | _messages.row(notification.message)


def _value(row: dict[str, Any]) -> Notification:
    message = _messages.value({name: row[name] for name in _messages.columns})
    return _notifications.value({name: row[name] for name in _notifications.columns}, message=message)
