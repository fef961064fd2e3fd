"""Writing YAML so that nothing a host said can leave its string or its comment.

Plain words stay plain; all else stands in double quotes with backslashes and quotes escaped. Characters that are not
printable never arrive here (`text.printable`), and are replaced once more for safety.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from watchkeeper.core.discovery.text import printable, words_of
from watchkeeper.core.redaction import Redactor

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*\Z")
_NUMBERED = re.compile(r"\d{1,6}(?:ms|s|m|min|h|d|GB|MB)\Z")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._/-]*)?\Z")
_WORDS = words_of("true false null yes no on off y n")
LONGEST = 300

Value = str | int | bool | Sequence["Value"] | Mapping[str, "Value"]


def scalar(text: str) -> str:
    """One value of text."""
    text = printable(text)[:LONGEST]
    if _NUMBERED.match(text) or (_PLAIN.match(text) and text.lower() not in _WORDS and len(text) <= 120):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def block(value: Value) -> str:
    """A value behind its key on one line; a URL needs no quotes there."""
    return value if isinstance(value, str) and _URL.match(value) else flow(value)


def flow(value: Value) -> str:
    """A value on one line: a map in braces, a list in brackets."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    return "[" + ", ".join(flow(each) for each in value) + "]"


def comment(text: str, room: int = 180) -> str:
    """Text for the end of a comment line: one line, printable, without what looks like a secret, bounded."""
    clean = Redactor().text(printable(" ".join(text.split())))
    clean = printable(" ".join(clean.split()))
    return clean if len(clean) <= room else clean[: room - 3] + "..."
