"""Evidence in a few lines: what is shown of a long text, and the digests that bind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from watchkeeper.core.shifts.values import Note

LINES = 10
WIDTH = 200
LARGEST = 262_144
"""Characters of evidence that are kept; what is beyond is cut, and said so."""


def shortened(text: str) -> tuple[str, bool]:
    """(at most 10 lines of it, whether that is all). The middle is left out: how it began, and how it ended."""
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    cut = [line if len(line) <= WIDTH else line[: WIDTH - 1] + "\N{HORIZONTAL ELLIPSIS}" for line in lines]
    if len(cut) <= LINES:
        return "\n".join(cut), cut == lines
    head, tail = cut[:6], cut[-3:]
    return "\n".join([*head, f"... {len(cut) - 9} lines left out ...", *tail]), False


def bounded(text: str) -> str:
    """The text as it is kept."""
    if len(text) <= LARGEST:
        return text
    return text[:LARGEST] + f"\n... cut here: {len(text) - LARGEST} more characters were given ...\n"


def digest_of(text: str) -> str:
    """sha256 of a text, hex. What no UTF-8 can hold counts as its escape."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def notes_digest(notes: Iterable[Note]) -> str:
    """sha256 over the notes of a shift in their order, with the digests of their evidence: what the hand-over binds."""
    body = [[note.id, round(note.at * 1000), note.kind, note.actor, note.text, note.evidence_digest] for note in notes]
    return digest_of(json.dumps(body, ensure_ascii=True, separators=(",", ":")))
