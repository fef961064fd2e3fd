"""Bodies that left the operations log: which, why, whereto, and which entry says so.

Only a *naming entry* lets a body go. It stands in the chain before, says in its facts which entries, and keeps its own
body for ever, so whoever changes a row of an absence is found out by the chain itself:

    log_act    archived | purged
    numbers    the entries, as ``1-40,43``
    place      the file that holds them since then, from the root of the ops repo; "" when they are nowhere
    digest     archived: sha256 of that file as it was written; purged: the digest of the body that is gone
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

from watchkeeper.core.log.values import Absence, Draft, Reason

ACT = "log_act"
"""The fact that makes an entry a naming one; nobody but the keeping of the log may write it."""
MARK = b'"log_act":'
"""Stands in the body of every naming entry; within a text of a body its quotes would be escaped."""
Act = Literal["archived", "purged", "hold", "release"]
MOST_NUMBERS = 1_000_000
_SPANS = re.compile(r"\d{1,18}(-\d{1,18})?(,\d{1,18}(-\d{1,18})?)*")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a naming entry says. at: integer microseconds, as in its chain row."""

    entry: int
    reason: Reason
    numbers: tuple[int, ...]
    place: str
    digest: str
    at: int
    by: str

    def absences(self) -> Iterator[Absence]:
        """The rows that must be there, no others."""
        for number in self.numbers:
            yield Absence(number, self.reason, self.entry, self.place, self.digest, self.at, self.by)


def act_of(draft: Draft) -> str:
    """What kind of naming entry this is; "" for all others."""
    found = draft.facts.get(ACT)
    return found if isinstance(found, str) else ""


def claim_of(number: int, draft: Draft, at: int) -> Claim | None:
    """What entry `number` says of bodies that left; None when it says nothing of the kind."""
    reason = act_of(draft)
    if reason not in ("archived", "purged"):
        return None
    numbers = numbers_of(str(draft.facts.get("numbers", "")))
    place, digest = str(draft.facts.get("place", "")), str(draft.facts.get("digest", ""))
    return Claim(number, cast(Reason, reason), numbers, place, digest, at, draft.actor)


def spans(numbers: Iterable[int]) -> str:
    """``1-3,7`` of 7, 1, 2, 3."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def numbers_of(text: str) -> tuple[int, ...]:
    """The numbers of ``1-3,7``, in order; empty when the text is not such a list or far too long."""
    compact = text.replace(" ", "")
    if not _SPANS.fullmatch(compact):
        return ()
    found: set[int] = set()
    for part in compact.split(","):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first)
        if end - begin + len(found) >= MOST_NUMBERS:
            return ()
        found.update(range(begin, end + 1))
    return tuple(sorted(found))
