"""Whether an entry holds a text."""

from __future__ import annotations

import json
import re

from watchkeeper.core.log.values import Draft

_APART = {0x212A: 0xE212, 0x0130: 0xE130}
"""Two characters whose small letters are ASCII: kept apart, or a text would be found that no database finds."""


def fold(text: str) -> str:
    """A text as it is compared: small letters, single spaces."""
    return " ".join(text.translate(_APART).lower().split())


def matches(draft: Draft, text: str) -> bool:
    """True when any value of the draft (not the names of its fields) holds the text, in any case."""
    wanted = fold(text)
    return any(wanted in fold(value) for value in _values(draft))


def _values(draft: Draft) -> list[str]:
    values = [draft.title, draft.actor, draft.type, draft.severity, draft.status]
    values += [part for section in draft.sections for part in section]
    values += [str(value) for value in draft.facts.values()]
    values += [part for label in draft.fields for part in label]
    values += draft.words.values()
    values += draft.tags
    values += [attachment.name for attachment in draft.attachments]
    return values


def needle(text: str) -> str:
    """What the canonical body of a matching draft surely holds, whatever the case of its ASCII letters.

    The longest run without spaces and without letters that have another case outside of ASCII; "" when nothing is sure.
    """
    runs = re.split(r"\s+", "".join(each if _is_sure(each) else " " for each in fold(text)))
    longest = max(runs, key=len, default="")
    return json.dumps(longest, ensure_ascii=False)[1:-1]


def _is_sure(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    return character.lower() == character.upper() and ord(character) < 0xD800  # the end keeps _APART out
