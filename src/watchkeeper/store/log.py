"""The operations log: appended, read, verified. Plain SQL on two tables (see `log_schema`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.log import chain
from watchkeeper.core.log.search import matches, needle
from watchkeeper.core.log.values import Draft, Entry

_SELECT = (
    "SELECT chain.number, chain.digest, chain.previous, chain.hash, body.content"
    " FROM chain LEFT JOIN body ON body.number = chain.number"
)
_PAGE = 1000


_HEAD = "SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1"
_ADD_LINK = "INSERT INTO chain (number, previous, at, digest, hash) VALUES (%s, %s, %s, %s, %s)"
_ADD_BODY = "INSERT INTO body (number, content) VALUES (%s, %s)"
_ADD_LINK_SQLITE, _ADD_BODY_SQLITE = _ADD_LINK.replace("%s", "?"), _ADD_BODY.replace("%s", "?")


def append(using: str, draft: Draft) -> Entry:
    """Appends inside the caller's immediate transaction: nobody comes between reading the head and writing.

    Speaks to the database's own cursor: Django's wrappers cost as much as the three statements. A failure half way
    undoes the caller's whole work, whatever the caller makes of it: a chain row without its body would break the log.
    """
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
        _lock(connection, cursor)
        cursor.execute(_HEAD)
        number, previous = cursor.fetchone() or (0, chain.GENESIS)
        entry, body = chain.chained(draft, number + 1, previous)
        link = (entry.number, previous, chain.microseconds(draft.at), entry.digest, entry.hash)
        cursor.execute(_ADD_LINK_SQLITE if sqlite else _ADD_LINK, link)
        cursor.execute(_ADD_BODY_SQLITE if sqlite else _ADD_BODY, (entry.number, body.decode()))
    return entry


def _lock(connection: BaseDatabaseWrapper, cursor: Any) -> None:
    """PostgreSQL has no immediate transactions: appenders of several processes take turns by an advisory lock."""
    if connection.vendor == "postgresql":
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (0x6C6F67,))


def get(using: str, number: int) -> Entry:
    with connections[using].cursor() as cursor:
        cursor.execute(f"{_SELECT} WHERE chain.number = %s", (number,))
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"The operations log has no entry {number}.", "`wk log list` lists them.")
    return _entry(row)


def find(using: str, limit: int, before: int | None, text: str) -> list[Entry]:
    """Newest first; text: only entries that hold it in title, actor, type, sections or facts, in any case."""
    found: list[Entry] = []
    part = needle(text)
    while len(found) < limit:
        rows = _page(using, before, limit if not text else _PAGE, part)
        for row in rows:
            entry = _entry(row)
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
            f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY chain.number DESC LIMIT %s", (*values, limit)
        )
        return list(cursor.fetchall())


def count(using: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chain")
        return int(cursor.fetchone()[0])


def verify(using: str) -> chain.Verification:
    """Reads every entry in order and checks body, order and hashes; then looks for bodies without a chain row."""
    found = chain.verify(_rows(using))
    if not found.ok:
        return found
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT min(number) FROM body WHERE number NOT IN (SELECT number FROM chain)")
        orphan = cursor.fetchone()[0]
    if orphan is None:
        return found
    sentence = f"Entry {orphan} is missing from the chain, though its body is there. The {found.entries} entries hold."
    return chain.Verification(False, found.entries, orphan, sentence, found.head)


def _rows(using: str) -> Iterator[chain.Row]:
    """All rows in order, in pages, as raw bytes: altered text need not be valid UTF-8 any more."""
    connection = connections[using]
    columns = ("chain.previous", "chain.digest", "chain.hash", "body.content")
    raw = ", ".join(_as_bytes(connection.vendor, column) for column in columns)
    query = (
        f"SELECT chain.number, chain.at, {raw} FROM chain LEFT JOIN body ON body.number = chain.number"
        " WHERE chain.number > %s ORDER BY chain.number LIMIT %s"
    )
    last = -(2**62)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, (last, _PAGE))
            page = cursor.fetchall()
        for number, at, previous, digest, hash_, body in page:
            yield chain.Row(
                number, _text(previous), at, _text(digest), _text(hash_), None if body is None else bytes(body)
            )
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def _as_bytes(vendor: str, column: str) -> str:
    return f"CAST({column} AS BLOB)" if vendor == "sqlite" else f"convert_to({column}, 'UTF8')"


def _text(value: Any) -> str | None:
    return None if value is None else bytes(value).decode("utf-8", "replace")


def _entry(row: Any) -> Entry:
    number, digest, previous, hash_, content = row
    try:
        draft = chain.draft_of(content.encode())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Invalid(
            f"Entry {number} of the operations log cannot be read: its body is missing or was altered.",
            "`wk log verify` names the first entry that does not hold.",
        ) from None
    return Entry(number, draft, digest, previous, hash_)
