"""By what entries of the operations log are found: plain columns and facets beside the log, derived and rebuildable.

The index follows the log: an append writes the chain alone, and whoever asks lets the index catch up first (decision 0058).
Text is looked for in the bodies themselves: a second copy of it would cost more at every append than a question saves,
and would have to be purged too (decision 0058).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from django.db import connections

from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.log import chain
from watchkeeper.core.log.absence import claim_of
from watchkeeper.core.log.facets import Indexed, consequences, indexed
from watchkeeper.core.log.query import Condition, Selection, says
from watchkeeper.core.log.search import needle
from watchkeeper.core.log.values import Absence, Attachment, Draft, Entry
from watchkeeper.core.log.vocabulary import SEVERITIES, STATUSES, TYPES, Vocabulary, folded
from watchkeeper.services.ports.log_index import Links
from watchkeeper.store import log
from watchkeeper.store.log_keeping import LogKeepingRows

_PAGE = 500
_ROW = "INSERT INTO log_index (number, at, type, severity, status) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
_FACET = "INSERT INTO log_facet (name, value, number) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_STATUS = "UPDATE log_index SET status = %s WHERE number = %s"
_BODIES = (
    "SELECT chain.number, chain.at, body.content FROM chain LEFT JOIN body ON body.number = chain.number"
    " WHERE chain.number > %s ORDER BY chain.number LIMIT %s"
)
_FROM = "FROM log_index AS i JOIN chain ON chain.number = i.number LEFT JOIN body ON body.number = i.number"
_COUNTED = "FROM log_index AS i LEFT JOIN body ON body.number = i.number"
_COLUMNS = log.SELECT.partition(" FROM ")[0]


class LogIndexRows(LogKeepingRows):
    """Implements `services.ports.log_index.LogIndexRows`."""

    def name_entry(self, draft: Draft) -> Entry:
        claim = claim_of(0, draft, chain.microseconds(draft.at))
        purged = claim.numbers if claim is not None and claim.reason == "purged" else ()
        files = {file.digest for number in purged for file in log.get(self._using, number).draft.attachments}
        entry = super().name_entry(draft)
        _forget(self._using, purged)
        for digest in files:
            if not self._is_named(digest):
                self.drop_file(digest)
        return entry

    def _is_named(self, digest: str) -> bool:
        """Whether an entry still has a file of these bytes: by its body, or by the index when its body is in the archive."""
        bodies = "SELECT 1 FROM body WHERE content LIKE %s LIMIT 1"
        facets = "SELECT 1 FROM log_facet WHERE name = 'file' AND value = %s LIMIT 1"
        return bool(_rows(self._using, facets, (digest,)) or _rows(self._using, bodies, (f"%{digest}%",)))

    def take_over(self, rows: Iterable[tuple[chain.Row, Sequence[Absence]]]) -> int:
        count = super().take_over(rows)
        rebuild(self._using)
        return count

    def asked_entries(self, selection: Selection, limit: int, before: int | None = None) -> list[Entry]:
        return find(self._using, selection, limit, before)

    def asked_count(self, selection: Selection) -> int:
        where, values = _where(selection)
        return int(_rows(self._using, f"SELECT count(*) {_COUNTED} WHERE {where}", values)[0][0])

    def entry_links(self, numbers: Sequence[int]) -> dict[int, Links]:
        return _links(self._using, numbers)

    def is_log_indexed(self) -> bool:
        newest = "SELECT coalesce(max(number), 0) FROM"
        return bool(_rows(self._using, f"SELECT ({newest} chain) <= ({newest} log_index)")[0][0])

    def index_log(self, at_most: int = _PAGE) -> bool:
        return catch_up(self._using, at_most) < at_most

    def rebuild_log_index(self) -> int:
        return rebuild(self._using)

    def keep_file(self, name: str, data: bytes) -> Attachment:
        digest = hashlib.sha256(data).hexdigest()
        packed = zlib.compress(data, 6)
        smaller = len(packed) < len(data)
        query = "INSERT INTO log_file (digest, size, packed, content) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
        with connections[self._using].cursor() as cursor:
            cursor.execute(query, (digest, len(data), smaller, packed if smaller else data))
        return Attachment(name, len(data), digest)

    def kept_file(self, attachment: Attachment) -> bytes:
        found = _rows(self._using, "SELECT packed, content FROM log_file WHERE digest = %s", (attachment.digest,))
        if not found:
            raise NotFound(
                f"The bytes of {attachment.name} are not in the store (sha256 {attachment.digest[:16]}).",
                "They were purged, or the entry came from another instance without its files.",
            )
        try:
            data = zlib.decompress(bytes(found[0][1])) if found[0][0] else bytes(found[0][1])
        except zlib.error:
            data = b""
        if hashlib.sha256(data).hexdigest() != attachment.digest:
            raise Invalid(
                f"{attachment.name} was altered or damaged: its bytes do not have the digest that the entry names.",
                "Nothing of it is given out. Put main.db back from a copy; the digest shows whether that one is right.",
            )
        return data

    def drop_file(self, digest: str) -> bool:
        with connections[self._using].cursor() as cursor:
            cursor.execute("DELETE FROM log_file WHERE digest = %s", (digest,))
            return bool(cursor.rowcount)


# ---- writing ---------------------------------------------------------------------------------------------------------


def catch_up(using: str, at_most: int) -> int:
    """Index the entries that came since the last one that is indexed, oldest first; how many there were."""
    with connections[using].cursor() as cursor:
        log.take_turn(using, cursor)
        cursor.execute("SELECT coalesce(max(number), 0) FROM log_index")
        rows = _rows(using, _BODIES, (cursor.fetchone()[0], at_most))
    _index(using, rows)
    return len(rows)


def _index(using: str, rows: Sequence[Any]) -> None:
    drafts = [(row[0], _draft(using, row)) for row in rows]
    _write(using, [indexed(number, draft) for number, draft in drafts], drafts)


def _write(using: str, found: Sequence[Indexed], entries: Sequence[tuple[int, Draft]]) -> None:
    status = {each.number: each.status for each in found}
    rows = [(each.number, each.at, each.type, each.severity, each.status) for each in found]
    facets = [(name, value, each.number) for each in found for name, value in sorted(each.facets)]
    facets += [(name, value, of) for _, draft in entries for of, name, value in consequences(draft)]
    changes = [(status[number], draft.status_of) for number, draft in entries if draft.status_of is not None]
    connection = connections[using]
    connection.ensure_connection()
    mark = "?" if connection.vendor == "sqlite" else "%s"
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        if rows:
            cursor.executemany(_ROW.replace("%s", mark), rows)
        if facets:
            cursor.executemany(_FACET.replace("%s", mark), facets)
        if changes:
            cursor.executemany(_STATUS.replace("%s", mark), changes)


def _forget(using: str, numbers: Sequence[int]) -> None:
    """Of purged entries nothing stays that was written into them, but for words of the usual vocabulary."""
    usual = Vocabulary(TYPES, SEVERITIES, STATUSES)
    words = {
        folded(name)
        for each in (usual.types, usual.severities, usual.statuses)
        for word in each
        for name in (word.name, *word.aliases)
    }
    with connections[using].cursor() as cursor:
        for number in numbers:
            cursor.execute(
                "DELETE FROM log_facet WHERE number = %s AND name NOT IN ('is', 'has', 'corrects', 'status-of', 'thread')",
                (number,),
            )
            cursor.execute("SELECT type, severity, status FROM log_index WHERE number = %s", (number,))
            for row in cursor.fetchall():
                kept = [word if word in words else "" for word in row]
                cursor.execute(
                    "UPDATE log_index SET type = %s, severity = %s, status = %s WHERE number = %s", (*kept, number)
                )


def rebuild(using: str) -> int:
    """Forget the index and make it anew from the log; how many entries it has. An entry without a body has its time only."""
    with connections[using].cursor() as cursor:
        cursor.execute("DELETE FROM log_facet")
        cursor.execute("DELETE FROM log_index")
    last, count = 0, 0
    while rows := _rows(using, _BODIES, (last, _PAGE)):
        _index(using, rows)
        last, count = rows[-1][0], count + len(rows)
    return count


def _draft(using: str, row: Any) -> Draft:
    """What an entry says, read in the archive when it is there; of a purged or altered one only its time."""
    number, at, content = row
    try:
        if content is None:
            entry = log.get(using, number)
            if entry.absence is not None and entry.absence.reason == "archived":
                return entry.draft
        return chain.draft_of(content.encode())
    except (AttributeError, KeyError, TypeError, ValueError, Invalid):
        return Draft(at / 1e6, "", f"Entry {number}", "", "", "")


# ---- asking ----------------------------------------------------------------------------------------------------------


def find(using: str, selection: Selection, limit: int, before: int | None = None) -> list[Entry]:
    """Entries newest first by their time, then by number; before: only those that come after this entry in that order.

    Altered entries are shown as far as the index knows them, never left out.
    """
    found: list[Entry] = []
    where, values = _where(selection)
    sure = [part for part in (needle(word) for word, negated in selection.words if not negated) if part]
    for part in sure:
        where += " AND (body.number IS NULL OR lower(body.content) LIKE %s ESCAPE '!')"
        values.append("%" + _escaped(part) + "%")
    place = _place(using, before)
    page = _PAGE if selection.words else limit
    while len(found) < limit:
        cut, more = ("", []) if place is None else (" AND (i.at, i.number) < (%s, %s)", list(place))
        query = f"{_COLUMNS}, i.at {_FROM} WHERE {where}{cut} ORDER BY i.at DESC, i.number DESC LIMIT %s"
        rows = _rows(using, query, [*values, *more, page])
        for *row, _ in rows:
            entry = _entry(using, row)
            if says(selection, entry.draft):
                found.append(entry)
        if len(rows) < page:
            break
        place = (rows[-1][5], rows[-1][0])
    return found[:limit]


def _entry(using: str, row: Sequence[Any]) -> Entry:
    try:
        return log.entry_of(using, row)
    except Invalid as error:
        number, digest, previous, hash_ = row[:4]
        at = _rows(using, "SELECT at FROM chain WHERE number = %s", (number,))[0][0] / 1e6
        draft = Draft(at, "", "This entry cannot be read", "", "", "", (("Change", error.sentence),))
        return Entry(number, draft, digest, previous, hash_)


def _place(using: str, before: int | None) -> tuple[float, int] | None:
    if before is None:
        return None
    rows = _rows(using, "SELECT at, number FROM log_index WHERE number = %s", (before,))
    if rows:
        return rows[0][0], rows[0][1]
    rows = _rows(using, "SELECT at, number FROM log_index WHERE number < %s ORDER BY number DESC LIMIT 1", (before,))
    return (rows[0][0], before) if rows else (float("-1e18"), 0)


def _where(selection: Selection) -> tuple[str, list[object]]:
    """A selection without its words as SQL; the database says the same as `core.log.query.holds`."""
    parts, values = ["1 = 1"], list[object]()
    for column, sign, bound in (("i.at", ">=", selection.since), ("i.at", "<", selection.until)):
        if bound is not None:
            parts.append(f"{column} {sign} %s")
            values.append(bound)
    for condition in selection.conditions:
        text, more = _condition(condition)
        parts.append(f"NOT ({text})" if condition.negated else text)
        values += more
    return " AND ".join(parts), values


def _condition(condition: Condition) -> tuple[str, list[object]]:
    if condition.about == "gone":
        return "body.number IS NULL", []
    if condition.about == "number":
        bounds = [(">=", condition.least), ("<=", condition.most)]
        given = [(sign, bound) for sign, bound in bounds if bound is not None]
        return " AND ".join(f"i.number {sign} %s" for sign, _ in given) or "1 = 1", [bound for _, bound in given]
    if condition.about.startswith("facet "):
        either, values = _either("value", condition.values)
        name = condition.about[6:]
        return f"i.number IN (SELECT number FROM log_facet WHERE name = %s AND ({either}))", [name, *values]
    return _either(f"i.{condition.about}", condition.values)


def _either(column: str, patterns: Sequence[str]) -> tuple[str, list[object]]:
    """One of the values, or one of the patterns."""
    plain = [each for each in patterns if "*" not in each]
    parts, values = [], list[object]()
    if plain:
        parts.append(f"{column} IN ({', '.join('%s' for _ in plain)})")
        values += plain
    for pattern in patterns:
        if "*" in pattern:
            parts.append(f"{column} LIKE %s ESCAPE '!'")
            values.append("%".join(_escaped(each) for each in pattern.split("*")))
    return f"({' OR '.join(parts)})" if parts else "1 = 0", values


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _links(using: str, numbers: Sequence[int]) -> dict[int, Links]:
    """What later entries say about some entries."""
    found: dict[int, dict[str, list[int]]] = {number: {} for number in numbers}
    for start in range(0, len(numbers), _PAGE):
        part = [str(number) for number in numbers[start : start + _PAGE]]
        query = (
            "SELECT name, value, number FROM log_facet WHERE name IN ('corrects', 'status-of', 'thread')"
            f" AND value IN ({', '.join('%s' for _ in part)}) ORDER BY number"
        )
        for name, value, number in _rows(using, query, part):
            found[int(value)].setdefault(name, []).append(number)
    return {
        number: Links(*(tuple(names.get(name, ())) for name in ("corrects", "status-of", "thread")))
        for number, names in found.items()
    }


def _rows(using: str, query: str, values: Sequence[object] = ()) -> list[Any]:
    with connections[using].cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
