"""UTF-8 text that a program once read as Mac Roman or Windows-1252 and saved again: found, and the repair offered.

Nothing here changes a document. A place is damaged when a run of characters, written back in the wrong encoding, is
exactly one or more UTF-8 characters outside ASCII that a text may hold. Real accents, Japanese or emoji are not: their
bytes in the wrong encoding are no UTF-8 (``é`` is the single byte E9), or they are not in that encoding at all. The
few combinations that people do write are left alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

ENCODINGS: Final = ("mac_roman", "cp1252")
NAMES: Final = {"mac_roman": "Mac Roman", "cp1252": "Windows-1252"}
MAX_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Example:
    """One damaged place: 1-based line, the text as it stands, and as it was meant."""

    line: int
    found: str
    meant: str


@dataclass(frozen=True, slots=True)
class Mojibake:
    """A damaged document and its repair. encoding: as Python names it. places: how many runs the repair changes.

    repaired: the whole document; every byte outside those runs is as it was.
    """

    encoding: str
    repaired: bytes
    places: int
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        """The encoding as people write it."""
        return NAMES[self.encoding]


@cache
def _to_byte(encoding: str) -> dict[str, int]:
    """Character -> byte for the upper half of an encoding. Bytes that Windows-1252 leaves free stand for themselves,
    as browsers and editors read them."""
    table: dict[str, int] = {}
    for byte in range(0x80, 0x100):
        try:
            table[bytes([byte]).decode(encoding)] = byte
        except UnicodeDecodeError:
            table[chr(byte)] = byte
    return table


@cache
def _runs(encoding: str) -> re.Pattern[str]:
    """Runs of characters that are one lead byte and its continuation bytes, once or more often."""
    table = _to_byte(encoding)

    def characters(first: int, last: int) -> str:
        return "[" + "".join(re.escape(one) for one, byte in table.items() if first <= byte <= last) + "]"

    tail = characters(0x80, 0xBF)
    two, three, four = characters(0xC2, 0xDF), characters(0xE0, 0xEF), characters(0xF0, 0xF4)
    return re.compile(f"(?:{four}{tail}{{3}}|{three}{tail}{{2}}|{two}{tail})+")


def _plausible(text: str) -> bool:
    """Whether repaired text holds only characters that people write: no controls, no unassigned or private ones."""
    return all(unicodedata.category(one) not in ("Cc", "Cn", "Co", "Cs") for one in text)


def _meant(run: str, encoding: str) -> str | None:
    """The text a damaged run was, or None when the round trip is not exact or not plausible."""
    table = _to_byte(encoding)
    try:
        meant = bytes(table[one] for one in run).decode("utf-8")
    except UnicodeDecodeError:
        return None
    back = {byte: one for one, byte in table.items()}
    exact = "".join(back[byte] for byte in meant.encode("utf-8")) == run
    return meant if exact and _plausible(meant) else None


def _is_sure(run: str, before: str, encoding: str) -> bool | None:
    """How much a run that would round-trip says: True alone is proof, False is damage only beside proof, None is text
    that people write (``« voilà »`` with its fixed spaces, ``√π``, a quotation mark after a capital)."""
    if len(run) >= 4:
        return True
    inside = before.isalpha() and before.isascii()
    if encoding == "mac_roman":
        if len(run) == 3:
            return run[0] in "‚ÔÓ" or None
        if run[0] not in "√¬" or (not inside and run[1] in "π∞∑∏Ω∫"):
            return None
        return inside or run[0] == "¬"
    if len(run) == 3:
        if inside and any(one in "\u00a0»…”“’" for one in run[1:]):
            return None
        return run[0] in "âï"
    if run[0] in "ÃÂ":
        return None if before.isupper() and run[1] in "»”“’" else True
    return None if run[1] in "»”“’‘–—…\u00a0" else False


def _places(text: str, encoding: str) -> dict[int, tuple[str, str]]:
    """Damaged places: offset -> (found, meant). Unsure ones count beside a sure one, or when three differ."""
    sure: dict[int, tuple[str, str]] = {}
    unsure: dict[int, tuple[str, str]] = {}
    for match in _runs(encoding).finditer(text):
        run = match.group()
        meant = _meant(run, encoding)
        verdict = _is_sure(run, text[match.start() - 1 : match.start()], encoding) if meant is not None else None
        if meant is not None and verdict is not None:
            (sure if verdict else unsure)[match.start()] = run, meant
    if sure or len(set(unsure.values())) >= 3:
        sure.update(unsure)
    return dict(sorted(sure.items()))


def _repair(text: str, places: dict[int, tuple[str, str]]) -> str:
    parts, position = [], 0
    for start, (found, meant) in places.items():
        parts += [text[position:start], meant]
        position = start + len(found)
    return "".join(parts) + text[position:]


def _examples(text: str, places: dict[int, tuple[str, str]]) -> tuple[Example, ...]:
    first = list(places.items())[:MAX_EXAMPLES]
    return tuple(Example(text.count("\n", 0, start) + 1, found, meant) for start, (found, meant) in first)


def detect(data: bytes) -> Mojibake | None:
    """Whether a document is UTF-8 text that was read in a wrong encoding; None when it is not, or is not UTF-8.

    The encoding that explains more characters wins. Nothing is changed: the repair is offered.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if text.isascii():
        return None
    found = {encoding: _places(text, encoding) for encoding in ENCODINGS}
    encoding = max(ENCODINGS, key=lambda one: sum(len(run) for run, _ in found[one].values()))
    places = found[encoding]
    if not places:
        return None
    return Mojibake(encoding, _repair(text, places).encode("utf-8"), len(places), _examples(text, places))
