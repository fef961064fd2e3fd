"""Whether an entry holds a text."""

from __future__ import annotations

import json

from watchkeeper.core.log.values import Draft


def matches(draft: Draft, text: str) -> bool:
    """True when any value of the draft (not the names of its fields) holds the text, in any case."""
    wanted = text.casefold()
    values = [draft.title, draft.actor, draft.type, draft.severity, draft.status]
    values += [part for section in draft.sections for part in section]
    values += [str(value) for value in draft.facts.values()]
    return any(wanted in value.casefold() for value in values)


def needle(text: str) -> str:
    """What the canonical body of a matching draft surely holds, in lower case; empty when nothing is sure."""
    return json.dumps(text.lower())[1:-1] if text.isascii() else ""
