"""The chain as a file: one JSON object per line and entry, in order of the numbers.

    {"number":1,"previous":"000...","at":1763000000123456,"digest":"...","hash":"...","body":"{...}"}

`body` is the canonical body as text: its sha256 is the digest. It is null when the body left the log; a later entry then
names that (`core.log.absence`), so the file needs nothing beside it to be proven or taken over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from watchkeeper.core.errors import Invalid
from watchkeeper.core.log.absence import MARK, claim_of
from watchkeeper.core.log.chain import Row, draft_of
from watchkeeper.core.log.values import Absence

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def line_of(row: Row) -> str:
    """A row as its line, without a line end. Raises `Invalid` when the row was altered so that no line can hold it."""
    try:
        body = None if row.body is None else row.body.decode()
    except UnicodeDecodeError:
        raise Invalid(
            f"Entry {row.number} of the operations log was altered: its text is not UTF-8.", "`wk log verify` names it."
        ) from None
    return _ENCODER.encode({
        "number": row.number, "previous": row.previous, "at": row.at, "digest": row.digest, "hash": row.hash, "body": body,
    })  # fmt: skip


def row_of(line: str, what: str) -> Row:
    """The row of a line. what: names the line in a refusal. Raises `Invalid`."""
    try:
        found = json.loads(line)
        row = Row(*(found[name] for name in ("number", "previous", "at", "digest", "hash", "body")))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid(
            f"{what} is not an entry of an operations log.", "wk log export --chain writes such files."
        ) from None
    texts = isinstance(row.previous, str) and isinstance(row.digest, str) and isinstance(row.hash, str)
    if type(row.number) is not int or type(row.at) is not int or not texts or not isinstance(row.body, str | None):
        raise Invalid(f"{what} is not an entry of an operations log.", "wk log export --chain writes such files.")
    if not 0 < row.number < 2**53 or not -(2**62) < row.at < 2**62:
        raise Invalid(f"{what} has a number or a time out of range.", "wk log export --chain writes such files.")
    try:
        body = None if row.body is None else row.body.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{what} holds text that is not Unicode.", "wk log export --chain writes such files.") from None
    return Row(row.number, row.previous, row.at, row.digest, row.hash, body)


def rows_of(lines: Iterable[str], what: str) -> Iterator[Row]:
    """Every row of a file; empty lines are passed over. Raises `Invalid` with the number of the line."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield row_of(line, f"Line {number} of {what}")


def named(rows: Iterable[Row]) -> Iterator[tuple[Row, Sequence[Absence]]]:
    """Each row with the absences that it names as an entry of the log."""
    for row in rows:
        found: tuple[Absence, ...] = ()
        if row.body is not None and MARK in row.body and isinstance(row.number, int) and isinstance(row.at, int):
            try:
                claim = claim_of(row.number, draft_of(row.body), row.at)
            except (KeyError, TypeError, ValueError):
                raise Invalid(
                    f"Entry {row.number} names bodies that left, and cannot be read.", "Use another copy of the file."
                ) from None
            found = tuple(claim.absences()) if claim is not None else ()
        yield row, found
