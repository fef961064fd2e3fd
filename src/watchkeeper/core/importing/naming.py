"""Names for what documents call anything: as ops repos allow them, and readable where they are files."""

from __future__ import annotations

import re
import unicodedata
import zlib

from watchkeeper.core.discovery.drafts import slug


def name_of(text: str, longest: int = 50, kind: str = "part") -> str:
    """A name of ASCII letters and digits, lower case; where the text has none, the kind with a number that stays the same."""
    name = slug(re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", text.lower())), longest)
    known = sum(each.isascii() and each.isalnum() for each in text)
    if name == "unnamed" or known * 2 < sum(each.isalnum() for each in text):
        return f"{kind}-{zlib.crc32(text.encode('utf-8', 'surrogatepass')) & 0xFFFF:04x}"
    return name


def file_of(text: str, longest: int = 55, kind: str = "part") -> str:
    """The stem of a file: letters of every script, lower case, at most so many characters."""
    plain = unicodedata.normalize("NFC", text).lower()
    stem = re.sub(r"-{2,}", "-", re.sub(r"[^\w.-]+", "-", plain)).strip("-._")[:longest].rstrip("-._")
    return stem if re.search(r"[^\W\d_]", stem) else name_of(text, longest, kind)
