"""The rows of the operations log as raw bytes, for whoever verifies or copies it: altered text need not be UTF-8 any more.

Speaks through a function (SQL with ``?`` or ``%s`` as the caller's database wants it, values) -> rows, so that it serves
Django's connections and the plain SQLite of backups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from watchkeeper.core.log import chain
from watchkeeper.core.log.values import Absence

Ask = Callable[[str, Sequence[object]], Sequence[Any]]
PAGE = 1000


def links(
    ask: Ask, vendor: str, mark: str = "?", after: int = -(2**62), limit: int | None = None, only: Sequence[int] = ()
) -> Iterator[chain.Row]:
    """Rows of the chain with number > after, in order, in pages; body None where it is not in the store.

    only: of these entries, some hundred at most.
    """
    columns = ("chain.previous", "chain.digest", "chain.hash", "body.content")
    raw = ", ".join(_as_bytes(vendor, column) for column in columns)
    some = f" AND chain.number IN ({', '.join(str(int(number)) for number in only)})" if only else ""
    query = (
        f"SELECT chain.number, chain.at, {raw} FROM chain LEFT JOIN body ON body.number = chain.number"
        f" WHERE chain.number > {mark}{some} ORDER BY chain.number LIMIT {mark}"
    )
    left = limit
    while left is None or left > 0:
        wanted = PAGE if left is None else min(PAGE, left)
        page = ask(query, (after, wanted))
        for number, at, previous, digest, hash_, body in page:
            if body is not None and type(body) is not bytes:
                body = bytes(body)
            yield chain.Row(number, _text(previous), at, _text(digest), _text(hash_), body)
        if len(page) < wanted:
            return
        after = page[-1][0]
        left = None if left is None else left - len(page)


def absences(ask: Ask, vendor: str) -> list[Absence]:
    """Every row of `log_absence`; none where a store is older than the table."""
    there = "SELECT 1 FROM sqlite_master WHERE name = 'log_absence'"
    if vendor != "sqlite":
        there = "SELECT 1 WHERE to_regclass('log_absence') IS NOT NULL"
    if not ask(there, ()):
        return []
    texts = ", ".join(_as_bytes(vendor, column) for column in ("reason", "place", "digest", '"by"'))
    found = ask(f"SELECT number, entry, at, {texts} FROM log_absence", ())
    return [
        Absence(number, _text(reason), entry, _text(place) or "", _text(digest) or "", at, _text(by) or "")  # type: ignore[arg-type]
        for number, entry, at, reason, place, digest, by in found
    ]


def orphan(ask: Ask) -> int | None:
    """The first body that no row of the chain speaks of."""
    found = ask("SELECT min(number) FROM body WHERE number NOT IN (SELECT number FROM chain)", ())
    return None if found[0][0] is None else int(found[0][0])


def verify(ask: Ask, vendor: str, mark: str = "?", look: chain.Look | None = None) -> chain.Verification:
    """Reads every entry in order and checks body, order, hashes and absences; then looks for bodies without a chain row."""
    found = chain.verify(links(ask, vendor, mark), absences(ask, vendor), look)
    alone = orphan(ask) if found.ok else None
    if alone is None:
        return found
    sentence = f"Entry {alone} is missing from the chain, though its body is there. The {found.entries} entries hold."
    return chain.Verification(False, found.entries, alone, sentence, found.head)


def _as_bytes(vendor: str, column: str) -> str:
    return f"CAST({column} AS BLOB)" if vendor == "sqlite" else f"convert_to({column}, 'UTF8')"


def _text(value: Any) -> str | None:
    return None if value is None else str(value, "utf-8", "replace")
