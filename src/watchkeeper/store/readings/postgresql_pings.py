"""Statements about pings and alerts in PostgreSQL. The writer gives the connection and holds the transaction."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.core.alerts import KEPT_S, Alert
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.store.kept_connection import Connection, KeptConnection, clean
from watchkeeper.store.readings.pings import ALERT_COLUMNS, COLUMNS, WHOLE, alert_of, alert_row, ping_row
from watchkeeper.store.readings.postgresql_rows import PRUNE_PINGS

_SLOTS = ", ".join(["%s"] * 9)
_ADD = f"insert into watch.ping ({WHOLE}) values ({_SLOTS})"
_ADD_ONCE = (
    f"insert into watch.ping ({WHOLE}) select {_SLOTS} where not exists"
    " (select 1 from watch.ping where check_key = %s and at = %s and status = %s and rid = %s)"
)
_ALERT_NAMES = ALERT_COLUMNS.split(", ")
_ADD_ALERT = (
    f"insert into watch.alert ({ALERT_COLUMNS}) values ({', '.join(['%s'] * len(_ALERT_NAMES))})"
    " on conflict (check_key, fingerprint) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in _ALERT_NAMES if name not in ("check_key", "fingerprint"))
)


def _cleaned(row: Sequence[object]) -> tuple[object, ...]:
    return tuple(clean(value) if isinstance(value, str) else value for value in row)


def add(connection: Connection, pings: Sequence[Ping], prune: Sequence[str], *, once: bool = False) -> None:
    """As `pings.add`."""
    rows = [_cleaned(ping_row(ping)) for ping in pings]
    with connection.cursor() as cursor:
        if once:
            casts = [(*row, row[0], row[1], row[2], row[4]) for row in rows]
            cursor.executemany(_once_with_types(), casts)
        else:
            cursor.executemany(_ADD, rows)
        for check in prune:
            cursor.execute(PRUNE_PINGS, {"check": clean(check)})


def _once_with_types() -> str:
    """A select has no types of its own: they are said."""
    kinds = ("text", "float8", "text", "text", "text", "int4", "float8", "text", "text")
    return _ADD_ONCE.replace(_SLOTS, ", ".join(f"%s::{kind}" for kind in kinds), 1)


def newest(kept: KeptConnection, check: str, limit: int, columns: str = COLUMNS) -> list[Ping]:
    """As `pings.newest`, whichever node took them."""
    query = f"select {columns} from watch.ping where check_key = %s order by id desc limit %s"
    return [Ping(*row) for row in reversed(kept.rows(query, (check, limit)))]


def put_alerts(connection: Connection, alerts: Sequence[Alert], now: float) -> None:
    """As `pings.put_alerts`."""
    with connection.cursor() as cursor:
        cursor.executemany(_ADD_ALERT, [_cleaned(alert_row(alert)) for alert in alerts])
        cursor.execute("delete from watch.alert where status = 'resolved' and updated_at < %s", (now - KEPT_S,))


def alerts_of(kept: KeptConnection, check: str) -> list[Alert]:
    """As `pings.alerts_of`."""
    return [
        alert_of(row) for row in kept.rows(f"select {ALERT_COLUMNS} from watch.alert where check_key = %s", (check,))
    ]
