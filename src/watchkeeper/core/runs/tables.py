"""Which tables and rows an SQL text says it would change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_NAME = r"([\w.\"`\[\]]+)"
_CHANGES: Final = tuple(
    (re.compile(pattern, re.I), how)
    for pattern, how in (
        (rf"\bupdate\s+(?:only\s+|or\s+\w+\s+)?{_NAME}\s+set\b", "updates"),
        (rf"\bdelete\s+from\s+(?:only\s+)?{_NAME}", "deletes from"),
        (rf"\b(?:insert(?:\s+or\s+\w+)?|replace)\s+into\s+{_NAME}", "inserts into"),
        (rf"\btruncate\s+(?:table\s+)?(?:only\s+)?{_NAME}", "empties"),
        (rf"\bdrop\s+\w+\s+(?:concurrently\s+)?(?:if\s+exists\s+)?{_NAME}", "drops"),
        (rf"\balter\s+\w+\s+(?:if\s+exists\s+)?(?:only\s+)?{_NAME}", "alters"),
        (rf"\bcreate\s+(?:unique\s+)?index\b.*?\bon\s+{_NAME}", "makes an index of"),
        (rf"\bcreate\s+\w+\s+(?:if\s+not\s+exists\s+)?{_NAME}", "creates"),
        (rf"\bcopy\s+{_NAME}\s+from\b", "loads into"),
        (rf"\block\s+table\s+{_NAME}", "locks"),
        (rf"\b(?:vacuum(?:\s+full)?|reindex\s+\w+|analyze)\s+{_NAME}", "rewrites"),
    )
)
_WHOLE: Final = re.compile(r"^\s*(vacuum|reindex|checkpoint|pragma)\b", re.I)
_SESSIONS: Final = re.compile(r"\bpg_(terminate|cancel)_backend\b", re.I)


def of_sql(text: str) -> Iterator[tuple[str, str]]:
    """(table with its rows, how) for every changing statement; the rows are what the text itself says."""
    plain = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.S)
    for statement in plain.split(";"):
        if _SESSIONS.search(statement):
            yield "database sessions that its query names", "ends"
            continue
        found = next(((match, how) for pattern, how in _CHANGES if (match := pattern.search(statement))), None)
        if found is not None:
            table = re.sub(r"[\"`\[\]]", "", found[0].group(1))
            yield table + _rows(statement, found[1]), found[1]
        elif _WHOLE.match(statement):
            yield "the whole database", "rewrites"


def _rows(statement: str, how: str) -> str:
    """``, at most 100 rows``; ``, every row``; ``, rows where ...``; empty where rows do not matter."""
    if how not in ("updates", "deletes from"):
        return ""
    limit = re.search(r"\blimit\s+(\d+)", statement, re.I)
    if limit:
        return f" (at most {limit.group(1)} rows)"
    where = re.search(r"\bwhere\s+(.+)", statement, re.I | re.S)
    if where is None:
        return " (every row)"
    condition = " ".join(where.group(1).split()).rstrip("\"'")
    return f" (rows where {condition if len(condition) <= 60 else condition[:57] + '...'})"
