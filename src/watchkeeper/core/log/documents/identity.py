"""When two texts are the same entry: a copy that moved, was saved in another encoding, or was written on since.

An entry is known by what people know it by: its day, its time, its title. Whether it still says the same is seen from
its text, compared without spaces, marks of headings and damage of encodings.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.core.log.documents.damage import undone
from watchkeeper.core.log.documents.values import Found

_SPACES = re.compile(r"\s+")
_MARKS = re.compile(r"^[ \t>]*#{1,6}[ \t]+|[ \t\\]+$|\ufeff", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Key:
    """slot: which entry; text: what it says; day and start: when it was, as written."""

    slot: str
    text: str
    day: str
    start: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the log that came from a document."""

    number: int
    source: str
    key: Key


@dataclass(frozen=True, slots=True)
class Matched:
    """new: entries that the log does not have. same: how many it has. differing: those whose text is another one now,
    with the number of the entry that the log has. repeated: those that the document itself holds twice.
    there: how often the log has each (slot, text)."""

    new: tuple[tuple[Found, Key], ...]
    same: int
    differing: tuple[tuple[Found, Key, int], ...]
    repeated: tuple[tuple[Found, int], ...]
    there: Mapping[tuple[str, str], int] = field(default_factory=dict)


def key_of(found: Found) -> Key:
    """The identity of an entry, whatever the encoding or place of its document."""
    title = folded(found.title)
    day, start = found.when.day.isoformat(), found.when.start
    slot = _digest(f"{day}\0{'' if start is None else start}\0{title}")
    return Key(slot, _digest(folded(_MARKS.sub("", found.raw))), day, start)


def folded(text: str) -> str:
    """A text as it is compared: damage repaired, one form of each character, single spaces, no decoration."""
    if not text.isascii():
        text = undone(text)
        text = unicodedata.normalize("NFKC", text)
        text = "".join(
            each for each in text if unicodedata.category(each) not in ("So", "Cf", "Mn", "Cc") or each in "\n\t\r"
        )
    return _SPACES.sub(" ", text).strip().casefold()


def match(found: Sequence[Found], known: Iterable[Known], source: str) -> Matched:
    """Compare what a document holds with what the log has. source: the document's name."""
    there = list(known)
    by_text: Counter[tuple[str, str]] = Counter((each.key.slot, each.key.text) for each in there)
    has = dict(by_text)
    seen: dict[tuple[str, str], int] = {}
    left: list[tuple[Found, Key]] = []
    repeated: list[tuple[Found, int]] = []
    matched: set[tuple[str, str]] = set()
    same = 0
    for entry in found:
        key = key_of(entry)
        pair = (key.slot, key.text)
        if pair in seen and entry.when.start is not None:
            repeated.append((entry, seen[pair]))
            continue
        seen.setdefault(pair, entry.first)
        if has.get(pair, 0):
            has[pair] -= 1
            same += 1
            matched.add(pair)
        else:
            left.append((entry, key))
    free = [each for each in there if (each.key.slot, each.key.text) not in matched]
    new, differing = _paired(left, free, source)
    return Matched(tuple(new), same, tuple(differing), tuple(repeated), by_text)


def _paired(
    left: Sequence[tuple[Found, Key]], free: Sequence[Known], source: str
) -> tuple[list[tuple[Found, Key]], list[tuple[Found, Key, int]]]:
    """Pairs that are one entry with another text: the same slot; else, in the same document, the same time or text."""
    slots: dict[str, list[Known]] = {}
    for each in free:
        slots.setdefault(each.key.slot, []).append(each)
    new, differing = [], []
    taken: set[int] = set()
    for entry, key in left:
        there = slots.get(key.slot)
        if there:
            one = there.pop()
            taken.add(one.number)
            differing.append((entry, key, one.number))
        else:
            new.append((entry, key))
    mine = [each for each in free if each.source == source and each.number not in taken]
    if not mine or not new:
        return new, differing
    renamed = _renamed(new, mine)
    differing += [(entry, key, renamed[entry.first]) for entry, key in new if entry.first in renamed]
    return [(entry, key) for entry, key in new if entry.first not in renamed], differing


def _renamed(new: Sequence[tuple[Found, Key]], mine: Sequence[Known]) -> dict[int, int]:
    """Entries whose title was edited since: the only one left at its time, on both sides."""
    there: dict[tuple[str, int], list[int]] = {}
    for each in mine:
        if each.key.start is not None:
            there.setdefault((each.key.day, each.key.start), []).append(each.number)
    here: dict[tuple[str, int], list[int]] = {}
    for entry, key in new:
        if key.start is not None:
            here.setdefault((key.day, key.start), []).append(entry.first)
    return {
        firsts[0]: there[moment][0]
        for moment, firsts in here.items()
        if len(firsts) == 1 and len(there.get(moment, ())) == 1
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
