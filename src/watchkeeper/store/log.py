"""The operations log: appended, read, verified. Plain SQL on its tables (see `log_schema`); what leaves: `log_keeping`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from django.db import connections, transaction

from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.log import chain
from watchkeeper.core.log.absence import ACT
from watchkeeper.core.log.search import matches, needle
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.store import log_absences, log_rows

SELECT = (
    "SELECT chain.number, chain.digest, chain.previous, chain.hash, body.content"
    " FROM chain LEFT JOIN body ON body.number = chain.number"
)
_PAGE = 1000


_HEAD = "SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1"
ADD_LINK = "INSERT INTO chain (number, previous, at, digest, hash) VALUES (%s, %s, %s, %s, %s)"
ADD_BODY = "INSERT INTO body (number, content) VALUES (%s, %s)"
ADD_LINK_SQLITE, ADD_BODY_SQLITE = ADD_LINK.replace("%s", "?"), ADD_BODY.replace("%s", "?")


def append(using: str, draft: Draft, naming: bool = False) -> Entry:
    """Appends inside the caller's immediate transaction: nobody comes between reading the head and writing.

    Speaks to the database's own cursor: Django's wrappers cost as much as the three statements. A failure half way
    undoes the caller's whole work, whatever the caller makes of it: a chain row without its body would break the log.
    naming: the draft says what was done with the log itself; nobody else may write such facts.
    """
    if not naming and ACT in draft.facts:
        raise Invalid(
            f"An entry cannot carry the fact {ACT}: only the keeping of the log writes it.", "Name it otherwise."
        )
    try:
        return _append(using, draft)
    except BaseException:
        transaction.set_rollback(True, using=using)
        raise


def _append(using: str, draft: Draft) -> Entry:
    connection = connections[using]
    connection.ensure_connection()
    sqlite = connection.vendor == "sqlite"
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        take_turn(using, cursor)
        cursor.execute(_HEAD)
        number, previous = cursor.fetchone() or (0, chain.GENESIS)
        entry, body = chain.chained(draft, number + 1, previous)
        link = (entry.number, previous, chain.microseconds(draft.at), entry.digest, entry.hash)
        cursor.execute(ADD_LINK_SQLITE if sqlite else ADD_LINK, link)
        cursor.execute(ADD_BODY_SQLITE if sqlite else ADD_BODY, (entry.number, body.decode()))
    return entry


def take_turn(using: str, cursor: Any) -> None:
    """PostgreSQL has no immediate transactions: who writes into log or index takes turns by an advisory lock."""
    if connections[using].vendor == "postgresql":
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (0x6C6F67,))


def get(using: str, number: int) -> Entry:
    with connections[using].cursor() as cursor:
        cursor.execute(f"{SELECT} WHERE chain.number = %s", (number,))
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"The operations log has no entry {number}.", "`wk log list` lists them.")
    return entry_of(using, row)


def find(using: str, limit: int, before: int | None, text: str) -> list[Entry]:
    """Newest first; text: only entries that hold it in title, actor, type, sections or facts, in any case."""
    found: list[Entry] = []
    part = needle(text)
    while len(found) < limit:
        rows = _page(using, before, limit if not text else _PAGE, part)
        for row in rows:
            entry = entry_of(using, row)
            if not text or matches(entry.draft, text):
                found.append(entry)
        if not text or len(rows) < _PAGE:
            break
        before = rows[-1][0]
    return found[:limit]


def _page(using: str, before: int | None, limit: int, part: str) -> list[Any]:
    """Rows newest first. part: ASCII text that the body must hold, which spares decoding most bodies."""
    conditions: list[str] = ["1 = 1"]
    values: list[object] = []
    if before is not None:
        conditions.append("chain.number < %s")
        values.append(before)
    if part:
        conditions.append("lower(body.content) LIKE %s ESCAPE '!'")
        values.append("%" + part.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%")
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"{SELECT} WHERE {' AND '.join(conditions)} ORDER BY chain.number DESC LIMIT %s", (*values, limit)
        )
        return list(cursor.fetchall())


def following(using: str, number: int, limit: int) -> list[Entry]:
    """Entries behind a number, oldest first."""
    with connections[using].cursor() as cursor:
        cursor.execute(f"{SELECT} WHERE chain.number > %s ORDER BY chain.number LIMIT %s", (number, limit))
        rows = list(cursor.fetchall())
    return [entry_of(using, row) for row in rows]


def count(using: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chain")
        return int(cursor.fetchone()[0])


def verify(using: str) -> chain.Verification:
    """Reads every entry, archived ones where they are now, and checks body, order, hashes and absences."""
    ask, look = log_absences.asker(using), log_absences.look_of(using)
    return log_rows.verify(ask, connections[using].vendor, "%s", look)


def entry_of(using: str, row: Any) -> Entry:
    number, digest, previous, hash_, content = row
    if content is None:
        absent = log_absences.absent_entry(using, number, digest, previous, hash_)
        if absent is not None:
            return absent
    try:
        draft = chain.draft_of(content.encode())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Invalid(
            f"Entry {number} of the operations log cannot be read: its body is missing or was altered.",
            "`wk log verify` names the first entry that does not hold.",
        ) from None
    return Entry(number, draft, digest, previous, hash_)
