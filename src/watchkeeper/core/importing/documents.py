"""One document that somebody brings: what can be read, what is refused, and what its encoding says."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from watchkeeper.core.errors import Invalid

MOST_BYTES = 1_000_000
"""More than any person reads; a longer log is imported in parts."""
MOST_HEADINGS = 4_000
_HEADING = re.compile(r"^ {0,3}#{1,6}\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One document. name: as the person gave it. stem: what its copies are called. sha256: of the bytes as they came.

    damage: how its encoding is damaged, "" when it is not. repaired: the text is the repaired one.
    """

    name: str
    stem: str
    text: str
    sha256: str
    damage: str = ""
    repaired: bool = False


def read_document(name: str, data: bytes, repair: bool = False) -> Document:
    """Bytes to a document. repair: mend a damaged encoding, which is never done without being asked.

    Raises `Invalid` for what is empty, too large, no text, or not UTF-8.
    """
    if not data.strip():
        raise Invalid(f"{name} is empty; nothing was written.", "Name a document with text in it.")
    if len(data) > MOST_BYTES:
        size = f"{len(data) / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB that are read"
        raise Invalid(f"{name} has {size}; nothing was written.", "Split it.")
    sha256 = hashlib.sha256(data).hexdigest()
    stem = stem_of(name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Document(name, stem, _foreign(name, data, error.start, repair), sha256, repaired=True)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Invalid(f"{name} is not text: line {line} holds a zero byte; nothing was written.", "Name a text file.")
    number = len(_HEADING.findall(text))
    if number > MOST_HEADINGS:
        said = f"{name} has {number} lines that begin like headings, more than the {MOST_HEADINGS} that are read"
        raise Invalid(f"{said}; nothing was written.", "Split it.")
    damage, mended = _damage(data)
    if mended is not None and repair:
        return Document(name, stem, mended, sha256, damage, True)
    return Document(name, stem, text, sha256, damage)


def stem_of(name: str) -> str:
    """What the copies of a document are called: its file name without ending, as a name."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem = re.sub(r"-{2,}", "-", re.sub(r"[^\w.-]+", "-", last.rpartition(".")[0] or last)).strip("-._")[:60]
    return stem or "document"


def _foreign(name: str, data: bytes, at: int, repair: bool) -> str:
    """The text of a document that is not UTF-8, when it is to be repaired; raises `Invalid` else."""
    line = data[:at].count(b"\n") + 1
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and b"\0" in data:
        raise Invalid(f"{name} is not text: it holds zero bytes; nothing was written.", "Name a text file.")
    try:
        text = data.decode("utf-16" if wide else "cp1252")
    except UnicodeDecodeError:
        raise Invalid(
            f"{name} is not UTF-8 (line {line}, byte 0x{data[at]:02x}); nothing was written.", "Save it as UTF-8."
        ) from None
    if not repair:
        called = "UTF-16" if wide else "Windows-1252"
        raise Invalid(
            f"{name} is not UTF-8 (line {line}, byte 0x{data[at]:02x}); nothing was written.",
            f"Save it as UTF-8, or add --repair-encoding to read it as {called}.",
        )
    return text


def _damage(data: bytes) -> tuple[str, str | None]:
    """(how UTF-8 was read as something else, the text as it was meant); ("", None) when it is sound."""
    from watchkeeper.core.runbooks.mojibake import detect

    found = detect(data)
    if found is None:
        return "", None
    seen = [f"line {each.line} has {each.found!r} for {each.meant!r}" for each in found.examples[:2]]
    number = f"{found.places} place{'' if found.places == 1 else 's'}"
    sentence = f"its UTF-8 was once read as {found.name} ({number}; {', '.join(seen)})"
    return sentence, found.repaired.decode("utf-8")
