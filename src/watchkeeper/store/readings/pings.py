"""Statements about pings and alerts in readings.db. The writer gives the connection and holds the transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import cache

from watchkeeper.core.alerts import KEPT_S, Alert
from watchkeeper.core.checks.heartbeats import NOTE_LENGTH, RUN_ID_LENGTH, Ping

COLUMNS = "check_key, at, status, note, rid, exit_code, duration"
WHOLE = f"{COLUMNS}, body, source"
ALERT_COLUMNS = (
    "fingerprint, status, name, severity, summary, labels, starts_at, ends_at, updated_at, sender, check_key"
)
FEW, MANY = 8, 64
"""A commit of so many pings is one under load; then the old pings of a check go after so many new ones, of so few checks
with one commit."""
AT_ONCE = 32
"""Rows of one statement: after each statement the writing thread may have to wait for the busy loop beside it."""
_SLOTS = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_ONCE = (
    f"insert into ping ({WHOLE}) select ?, ?, ?, ?, ?, ?, ?, ?, ? where not exists"
    " (select 1 from ping where check_key = ?1 and at = ?2 and status = ?3 and rid = ?5)"
)
_PRUNE = """
with full (check_key, below, kept) as materialized (
  select value, (select id from ping where check_key = value order by id desc limit 1 offset 1000),
    (select coalesce(max(id), 0) from ping where check_key = value and status = 'success')
  from json_each(?)
)
delete from ping where id in (
  select ping.id from full join ping on ping.check_key = full.check_key and ping.id <= below and ping.id != kept
)
"""
_ADD_ALERT = f"insert or replace into alert ({ALERT_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def ping_row(ping: Ping) -> tuple[object, ...]:
    """In the order of `WHOLE`."""
    return (
        ping.check, ping.at, ping.status, ping.note[:NOTE_LENGTH], ping.rid[:RUN_ID_LENGTH], ping.exit_code,
        ping.duration_s, ping.body, ping.source,
    )  # fmt: skip


def alert_row(alert: Alert) -> tuple[object, ...]:
    """In the order of `ALERT_COLUMNS`."""
    labels = json.dumps(dict(alert.labels), ensure_ascii=False)
    return (
        alert.fingerprint, alert.status, alert.name, alert.severity, alert.summary, labels, alert.starts_at,
        alert.ends_at, alert.updated_at, alert.sender, alert.check,
    )  # fmt: skip


def alert_of(row: Sequence[object]) -> Alert:
    """The opposite of `alert_row`."""
    values = list(row)
    values[5] = json.loads(str(values[5]))
    return Alert(*values)  # type: ignore[arg-type]


class Pruning:
    """Whose old pings go with this commit: at once for a few pings, under load those that had many new ones, a few checks
    with each commit: jobs that report in step would all be due with the same one, and hold it up."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._waiting: dict[str, None] = {}

    def due(self, pings: Sequence[Ping]) -> list[str]:
        """The checks to prune now."""
        checks, new = [ping.check for ping in pings], self._new
        if len(checks) < FEW:
            self._waiting = dict.fromkeys(checks) | self._waiting
            for check in checks:
                new.pop(check, None)
        else:
            for check in checks:
                new[check] = new.get(check, 0) + 1
                if new[check] >= MANY:
                    del new[check]
                    self._waiting[check] = None
        found = list(self._waiting)[:FEW]
        for check in found:
            del self._waiting[check]
        return found


def add(connection: sqlite3.Connection, pings: Sequence[Ping], prune: Sequence[str], *, once: bool = False) -> None:
    """Add pings. prune: of these checks the newest 1,000 are kept, and the last success. once: not those that are there."""
    rows = [ping_row(ping) for ping in pings]
    if once:
        connection.executemany(_ADD_ONCE, rows)
    else:
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            connection.execute(_adding(len(part)), [value for row in part for value in row])
    if prune:
        connection.execute(_PRUNE, (json.dumps(sorted(set(prune))),))


@cache
def _adding(count: int) -> str:
    """The statement for so many rows."""
    return f"insert into ping ({WHOLE}) values {', '.join([_SLOTS] * count)}"


def newest(connection: sqlite3.Connection, check: str, limit: int, columns: str = COLUMNS) -> list[Ping]:
    """The newest pings of a check, oldest first. Without their bodies, unless `columns` is `WHOLE`."""
    query = f"select {columns} from ping where check_key = ? order by id desc limit ?"
    return [Ping(*row) for row in reversed(connection.execute(query, (check, limit)).fetchall())]


def put_alerts(connection: sqlite3.Connection, alerts: Sequence[Alert], now: float) -> None:
    """Replace what was known of these alerts; resolved ones of long ago go."""
    connection.executemany(_ADD_ALERT, [alert_row(alert) for alert in alerts])
    connection.execute("delete from alert where status = 'resolved' and updated_at < ?", (now - KEPT_S,))


def alerts_of(connection: sqlite3.Connection, check: str) -> list[Alert]:
    """Every alert that is known of a check."""
    query = f"select {ALERT_COLUMNS} from alert where check_key = ?"
    return [alert_of(row) for row in connection.execute(query, (check,))]
