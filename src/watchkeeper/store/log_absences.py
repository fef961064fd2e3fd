"""Entries whose body is not in the store: which rows say so, and what is shown instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import connections

from watchkeeper.core.errors import Invalid
from watchkeeper.core.log import chain
from watchkeeper.core.log.values import Absence, Draft, Entry
from watchkeeper.core.times import utc_words

_looks: dict[str, chain.Look] = {}


def read_archives_with(aliases: Iterable[str], look: chain.Look) -> None:
    """Archived bodies of these connections are read by `look` from now on."""
    for using in aliases:
        _looks[using] = look


def look_of(using: str) -> chain.Look | None:
    """What reads archived bodies; None when nobody said."""
    return _looks.get(using)


def asker(using: str) -> Callable[[str, Sequence[object]], Sequence[Any]]:
    """SQL and values -> rows, on this connection."""

    def ask(query: str, values: Sequence[object]) -> Sequence[Any]:
        with connections[using].cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    return ask


def absences(using: str, numbers: Sequence[int] | None = None, place: str | None = None) -> list[Absence]:
    """Rows of these entries (at most some hundred), of this place, or all; by number, archived before purged."""
    conditions: list[str] = ["1 = 1"]
    values: list[object] = []
    if numbers is not None:
        if not numbers:
            return []
        conditions.append(f"number IN ({', '.join('%s' for _ in numbers)})")
        values += list(numbers)
    if place is not None:
        conditions.append("place = %s")
        values.append(place)
    query = f'SELECT number, reason, entry, place, digest, at, "by" FROM log_absence WHERE {" AND ".join(conditions)}'
    return [Absence(*row) for row in asker(using)(query + " ORDER BY number, reason", values)]


def absent_entry(using: str, number: int, digest: str, previous: str, hash_: str) -> Entry | None:
    """An entry without a body in the store, as far as it can still be shown; None when no row explains that."""
    rows = absences(using, [number])
    if not rows:
        return None
    absence = rows[-1]  # purged comes after archived
    if absence.reason == "archived":
        look = look_of(using)
        body = look(absence) if look else None
        if isinstance(body, bytes):
            try:
                return Entry(number, chain.draft_of(body), digest, previous, hash_, absence)
            except (KeyError, TypeError, ValueError):
                raise Invalid(
                    f"Entry {number} of the operations log cannot be read: its text in {absence.place} was altered.",
                    "`wk log verify` names the first entry that does not hold.",
                ) from None
    at = asker(using)("SELECT at FROM chain WHERE number = %s", (number,))[0][0]
    return Entry(number, _stand_in(absence, at / 1e6), digest, previous, hash_, absence)


def _stand_in(absence: Absence, at: float) -> Draft:
    when = utc_words(absence.at / 1e6)
    if absence.reason == "purged":
        title, text = "Its text was purged", f"{absence.by} purged it at {when}; entry {absence.entry} says why."
    else:
        title = f"Archived in {absence.place}"
        text = f"{absence.by} archived it at {when} (entry {absence.entry}). That file is not in the ops repo here."
    return Draft(at, "Log keeping", title, absence.by, "Low", absence.reason.capitalize(), (("Change", text),))
