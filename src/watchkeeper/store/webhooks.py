"""What happened after a number, for those who follow."""

from __future__ import annotations

from django.db import connections

from watchkeeper.core.incidents.values import Event
from watchkeeper.core.log.values import Entry
from watchkeeper.store.incidents import events_after
from watchkeeper.store.log import following


class WebhookRows:
    """What `services.ports.webhooks.WebhookRows` asks, on one Django connection."""

    _using: str

    def events_after(self, number: int, limit: int) -> list[Event]:
        return events_after(self._using, number, limit)

    def entries_after(self, number: int, limit: int) -> list[Entry]:
        return following(self._using, number, limit)

    def newest_event(self) -> int:
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT max(id) FROM incident_event")
            (newest,) = cursor.fetchone()
        return int(newest or 0)
