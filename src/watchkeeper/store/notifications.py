"""The outbox: notifications on their way, and every attempt to deliver them."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from watchkeeper.core.errors import NotFound
from watchkeeper.core.notifications import Attempt, Message, Notification
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_notifications = Mapper(Notification, models.Notification, json=("channels",), other=("message",))
_messages = Mapper(Message, models.Notification)
_attempts = Mapper(Attempt, models.Attempt)
_COLUMNS = (*_notifications.columns, *_messages.columns)


def add(using: str, notification: Notification) -> Notification:
    """Adds it, or gives the notification back that has the same message key already."""
    row = _row(notification)
    there = models.Notification.objects.using(using).filter(key=row["key"]).values(*_COLUMNS).first()
    if there is not None:
        return _value(there)
    number = models.Notification.objects.using(using).create(**row).pk
    return dataclasses.replace(notification, id=number)


def save(using: str, notification: Notification, attempt: Attempt | None) -> None:
    """Replaces the row and records the attempt that led to it."""
    if not models.Notification.objects.using(using).filter(pk=notification.id).update(**_row(notification)):
        raise NotFound(f"There is no notification {notification.id}.", "`wk status` shows what is not delivered.")
    if attempt is not None:
        models.Attempt.objects.using(using).create(**_attempts.row(attempt))


def due(using: str, now: float, limit: int) -> list[Notification]:
    """Undelivered and due at `now`, oldest first."""
    query = models.Notification.objects.using(using).filter(delivered_at__isnull=True, due_at__lte=now)
    return [_value(row) for row in query.order_by("created_at", "id").values(*_COLUMNS)[:limit]]


def find(using: str, incident: int | None, undelivered: bool, limit: int) -> list[Notification]:
    """Newest first."""
    query = models.Notification.objects.using(using).order_by("-id")
    if incident is not None:
        query = query.filter(incident=incident)
    if undelivered:
        query = query.filter(delivered_at__isnull=True)
    return [_value(row) for row in query.values(*_COLUMNS)[:limit]]


def attempts(using: str, notification: int) -> list[Attempt]:
    """Every try of one notification, newest first."""
    query = models.Attempt.objects.using(using).filter(notification=notification).order_by("-id")
    return [_attempts.value(row) for row in query.values(*_attempts.columns)]


def _row(notification: Notification) -> dict[str, Any]:
    return _notifications.row(notification) | _messages.row(notification.message)


def _value(row: dict[str, Any]) -> Notification:
    message = msgspec.convert({name: row[name] for name in _messages.columns}, type=Message)
    return _notifications.value({name: row[name] for name in _notifications.columns}, message=message)
