"""Leases: taken, renewed and let go by one row each, so two callers are never both the holder.

Written in SQL: every changing run takes one, and the query builder would cost more than the commit. A row is only
replaced while it is still the one that was read, so callers who race agree also where nothing else keeps them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from watchkeeper.core import leases as rules
from watchkeeper.core.leases import Lease
from watchkeeper.store.rows import storable

_COLUMNS = "name, holder, why, fencing, taken_at, expires_at, run"
_READ = f"SELECT {_COLUMNS} FROM lease"
_PUT = f"""
    INSERT INTO lease ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, why = excluded.why, fencing = excluded.fencing,
        taken_at = excluded.taken_at, expires_at = excluded.expires_at, run = excluded.run
    WHERE lease.holder = %s AND lease.fencing = %s AND lease.expires_at = %s"""


def take(using: str, name: str, holder: str, now: float, lasts_s: float, why: str, run: int | None) -> Lease:
    """The lease as it is now. Of several callers one comes first; the others see what he left."""
    name, holder, why = storable(name), storable(holder), storable(why)
    if not name or not holder:
        raise ValueError(f"a lease needs a name and a holder, not {name!r} and {holder!r}")
    while True:
        found = _get(using, name)
        after = rules.taken(found, name, holder, now, lasts_s, why, run)
        if after == found or _put(using, after, found):
            return after


def release(using: str, name: str, holder: str) -> None:
    """Let go of a lease; nothing happens when somebody else holds it by now."""
    found = _get(using, name)
    if found is not None and found.holder == holder:
        _put(using, rules.released(found), found)


def live(using: str, now: float) -> list[Lease]:
    """Those that somebody holds, oldest first."""
    return _rows(using, f"{_READ} WHERE expires_at > %s AND holder <> '' ORDER BY taken_at, name", [now])


def _get(using: str, name: str) -> Lease | None:
    return next(iter(_rows(using, f"{_READ} WHERE name = %s", [name])), None)


def _rows(using: str, query: str, values: Sequence[Any]) -> list[Lease]:
    from django.db import connections

    with connections[using].cursor() as cursor:
        cursor.execute(query, values)
        return [Lease(*row) for row in cursor.fetchall()]


def _put(using: str, after: Lease, before: Lease | None) -> bool:
    """Keep it if the row is still what was read; False when somebody else was here in between."""
    from django.db import connections

    new = (after.name, after.holder, after.why, after.fencing, after.taken_at, after.expires_at, after.run)
    old = ("", -1, 0.0) if before is None else (before.holder, before.fencing, before.expires_at)
    with connections[using].cursor() as cursor:
        cursor.execute(_PUT, [*new, *old])
        return bool(cursor.rowcount)
