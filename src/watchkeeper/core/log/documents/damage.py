"""Text that was read in a wrong encoding and saved so, once or more often: undone.

What `core.runbooks.mojibake` proves is undone by it. It leaves control characters alone, which no text of people holds:
where they stand in a run that is UTF-8 read as Latin-1 or Windows-1252, they are the proof.
"""

from __future__ import annotations

import re
from functools import cache

from watchkeeper.core.runbooks import mojibake

_ROUNDS = 6
_CONTROL = re.compile("[\x80-\x9f]")


def undone(text: str) -> str:
    """The text as it was meant."""
    for _ in range(_ROUNDS):
        before = text
        if _CONTROL.search(text):
            text = _runs().sub(_meant, text)
        found = None if text.isascii() else mojibake.detect(text.encode("utf-8", "replace"))
        if found is not None:
            text = found.repaired.decode("utf-8")
        if text == before:
            break
    return text


def first_damage(text: str) -> tuple[str, int, str, str] | None:
    """(encoding, line, the text as it stands, as it was meant) of the first damaged place; None when there is none."""
    if text.isascii():
        return None
    found = mojibake.detect(text.encode("utf-8", "replace"))
    if found is not None:
        example = found.examples[0]
        return found.name, example.line, example.found, undone(example.found)
    if _CONTROL.search(text):
        for match in _runs().finditer(text):
            meant = _meant(match)
            if meant != match.group():
                return "Latin-1", text.count("\n", 0, match.start()) + 1, match.group(), undone(meant)
    return None


@cache
def _table() -> dict[str, int]:
    table = {chr(byte): byte for byte in range(0x80, 0x100)}
    for byte in range(0x80, 0xA0):
        try:
            table[bytes([byte]).decode("cp1252")] = byte
        except UnicodeDecodeError:
            continue
    return table


@cache
def _runs() -> re.Pattern[str]:
    def signs(first: int, last: int) -> str:
        return "[" + "".join(re.escape(sign) for sign, byte in _table().items() if first <= byte <= last) + "]"

    tail = signs(0x80, 0xBF)
    two, three, four = signs(0xC2, 0xDF), signs(0xE0, 0xEF), signs(0xF0, 0xF4)
    return re.compile(f"(?:{four}{tail}{{3}}|{three}{tail}{{2}}|{two}{tail})+")


def _meant(match: re.Match[str]) -> str:
    run = match.group()
    if not _CONTROL.search(run):
        return run
    try:
        return bytes(_table()[sign] for sign in run).decode("utf-8")
    except UnicodeDecodeError:
        return run
