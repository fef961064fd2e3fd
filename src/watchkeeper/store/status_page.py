"""What the public is told: notices of incidents and their updates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from watchkeeper.core.errors import NotFound
from watchkeeper.core.status_page import Notice, Update
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_notices = Mapper(Notice, models.StatusNotice, json=("components",))
_updates = Mapper(Update, models.StatusUpdate)


class StatusPageRows:
    """The methods of `services.ports.status_page.StatusPageRows`."""

    _using: str

    def add_notice(self, notice: Notice) -> Notice:
        there = self.notice_of(notice.incident)
        if there is not None:
            return there
        return dataclasses.replace(notice, id=_notices.insert(self._using, notice))

    def save_notice(self, notice: Notice) -> None:
        if not _notices.update(self._using, notice, 'WHERE "id" = %s', [notice.id]):
            raise NotFound(f"There is no notice {notice.id} on the status page.", "List them: wk statuspage list.")

    def notice(self, number: int) -> Notice:
        found = _notices.values(self._using, 'WHERE "id" = %s', [number])
        if not found:
            raise NotFound(f"There is no notice {number} on the status page.", "List them: wk statuspage list.")
        return found[0]

    def notice_of(self, incident: int) -> Notice | None:
        return next(iter(_notices.values(self._using, 'WHERE "incident" = %s', [incident])), None)

    def open_notices(self) -> list[Notice]:
        return _notices.values(self._using, 'WHERE "ended_at" IS NULL ORDER BY "id"', ())

    def notices(self, since: float, until: float, limit: int = 500) -> list[Notice]:
        tail = 'WHERE "began_at" >= %s AND "began_at" < %s ORDER BY "began_at" DESC, "id" DESC LIMIT %s'
        return _notices.values(self._using, tail, [since, until, limit])

    def add_update(self, update: Update) -> Update:
        return dataclasses.replace(update, id=_updates.insert(self._using, update))

    def save_update(self, update: Update) -> None:
        if not _updates.update(self._using, update, 'WHERE "id" = %s', [update.id]):
            raise _no_update(update.id)

    def update(self, number: int) -> Update:
        found = _updates.values(self._using, 'WHERE "id" = %s', [number])
        if not found:
            raise _no_update(number)
        return found[0]

    def updates(self, notices: Sequence[int]) -> list[Update]:
        if not notices:
            return []
        among = ", ".join(["%s"] * len(notices))
        return _updates.values(self._using, f'WHERE "notice" IN ({among}) ORDER BY "id"', list(notices))


def _no_update(number: int) -> NotFound:
    return NotFound(f"There is no update {number} of the status page.", "List them: wk statuspage list.")
