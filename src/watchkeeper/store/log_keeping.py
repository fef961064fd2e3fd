"""What leaves the operations log and how a whole chain comes in: the only statements that delete bodies.

The order is that of the triggers: naming entry, absence, body; all in the caller's one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from django.db import connections, transaction

from watchkeeper.core.errors import Forbidden
from watchkeeper.core.log import chain
from watchkeeper.core.log.absence import ACT, act_of, claim_of
from watchkeeper.core.log.values import Absence, Draft, Entry
from watchkeeper.store import log, log_rows
from watchkeeper.store.log_absences import absences, asker

_ADD = 'INSERT INTO log_absence (number, reason, entry, place, digest, at, "by") VALUES (%s, %s, %s, %s, %s, %s, %s)'
_LEAVE = "DELETE FROM body WHERE number = %s"
_MARKED = " WHERE body.content LIKE %s AND chain.number > %s ORDER BY chain.number"
_PART = 500


class LogKeepingRows:
    """Implements `services.ports.log_keeping.LogKeepingRows`."""

    _using: str

    def name_entry(self, draft: Draft) -> Entry:
        entry = log.append(self._using, draft, naming=True)
        claim = claim_of(entry.number, draft, chain.microseconds(draft.at))
        if claim is not None:
            _let_go(self._using, list(claim.absences()))
        return entry

    def log_links(self, after: int = 0, limit: int = 1000) -> list[chain.Row]:
        return list(log_rows.links(asker(self._using), connections[self._using].vendor, "%s", after, limit))

    def log_links_of(self, numbers: Sequence[int]) -> list[chain.Row]:
        vendor = connections[self._using].vendor
        found: list[chain.Row] = []
        for part in _parts(sorted(set(numbers))):
            found += log_rows.links(asker(self._using), vendor, "%s", limit=len(part), only=part)
        return found

    def log_absences(self, numbers: Sequence[int] | None = None, place: str | None = None) -> list[Absence]:
        return absences(self._using, numbers, place)

    def naming_entries(self, after: int = 0) -> list[Entry]:
        return [entry for entry in _with_fact(self._using, ACT, after) if act_of(entry.draft)]

    def restore_entries(self) -> list[Entry]:
        return [entry for entry in _with_fact(self._using, "backup_head", 0) if entry.draft.facts.get("backup_head")]

    def hashes(self, numbers: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        for part in _parts(sorted(set(numbers))):
            marks = ", ".join("%s" for _ in part)
            found |= dict(asker(self._using)(f"SELECT number, hash FROM chain WHERE number IN ({marks})", part))
        return found

    def log_head(self) -> tuple[int, str]:
        rows = asker(self._using)("SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1", ())
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, chain.GENESIS)

    def verify_log(self) -> chain.Verification:
        return log.verify(self._using)

    def take_over(self, rows: Iterable[tuple[chain.Row, Sequence[Absence]]]) -> int:
        return _take_over(self._using, rows)


def _with_fact(using: str, name: str, after: int) -> list[Entry]:
    with connections[using].cursor() as cursor:
        cursor.execute(log.SELECT + _MARKED, (f'%"{name}":%', after))
        rows = cursor.fetchall()
    return [log.entry_of(using, row) for row in rows]


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _PART):
        yield numbers[start : start + _PART]


def _let_go(using: str, rows: Sequence[Absence]) -> None:
    """Absences first, then the bodies: the triggers want it so. A failure undoes the whole work, entry included."""
    try:
        with connections[using].cursor() as cursor:
            cursor.executemany(_ADD, [_values(each) for each in rows])
            cursor.executemany(_LEAVE, [(each.number,) for each in rows])
    except BaseException:
        transaction.set_rollback(True, using=using)
        raise


def _take_over(using: str, rows: Iterable[tuple[chain.Row, Sequence[Absence]]]) -> int:
    connection, count = connections[using], 0
    if asker(using)("SELECT 1 FROM chain LIMIT 1", ()):
        raise Forbidden(
            "The operations log here is not empty, so no other chain can take its place; nothing was changed.",
            "Import into a fresh state directory: wk --state DIR log import-chain FILE.",
        )
    try:
        connection.ensure_connection()
        with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
            for row, named in rows:
                _add_row(cursor, connection.vendor, row, named)
                count += 1
    except BaseException:
        transaction.set_rollback(True, using=using)
        raise
    return count


def _add_row(cursor: Any, vendor: str, row: chain.Row, named: Sequence[Absence]) -> None:
    sqlite = vendor == "sqlite"
    link = (row.number, row.previous, row.at, row.digest, row.hash)
    cursor.execute(log.ADD_LINK_SQLITE if sqlite else log.ADD_LINK, link)
    if row.body is not None:
        cursor.execute(log.ADD_BODY_SQLITE if sqlite else log.ADD_BODY, (row.number, row.body.decode()))
    for each in named:
        cursor.execute(_ADD.replace("%s", "?") if sqlite else _ADD, _values(each))
    if named:
        leave = _LEAVE.replace("%s", "?") if sqlite else _LEAVE
        for each in named:
            cursor.execute(leave, (each.number,))


def _values(each: Absence) -> tuple[object, ...]:
    return (each.number, each.reason, each.entry, each.place, each.digest, each.at, each.by)
