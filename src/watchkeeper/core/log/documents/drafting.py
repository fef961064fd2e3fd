"""An entry of a document as a draft of our log, and back to the very text it was.

The texts of the sections are kept as they stand; what stands around them (heading, labels, blank lines) is kept as
`layout`, so that a draft rebuilds the raw text of its entry byte for byte and nothing is kept twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from watchkeeper.core.checks.values import Value
from watchkeeper.core.log.documents import words
from watchkeeper.core.log.documents.values import Found
from watchkeeper.core.log.values import Draft
from watchkeeper.core.log.vocabulary import Vocabulary

LAYOUT, SOURCE = "layout", "source"
MACHINE = (LAYOUT, "text_digest")
"""Facts that only machines read."""
UNKNOWN = "unknown"
_MAX_WORD = 120
_SIGNED = re.compile(r"\d{1,12}, sha256 [0-9a-f]{64}\s*$")


def draft_of(found: Found, source: str, vocabulary: Vocabulary, by: str = "") -> Draft:
    """The draft of an entry. source: the document's name. by: who imports it."""
    taken, fields, original = _taken(found.fields, vocabulary)
    newline = "crlf" if "\r\n" in found.raw and found.raw.count("\n") == found.raw.count("\r\n") else ""
    sections, gaps = _kept(found)
    facts: dict[str, Value] = {
        SOURCE: source,
        "source_line": found.first,
        "text_digest": digest_of(found.raw),
        "precision": found.when.precision,
        "zone_from": found.when.zone_from,
    }
    facts |= {"day": found.when.day.isoformat()} if found.when.precision == "day" else {}
    facts |= {"zone": found.when.zone} if found.when.zone else {}
    unsaid = ", ".join(name for name in ("type", "severity", "status", "operator") if not taken.get(name))
    facts |= {"unsaid": unsaid} if unsaid else {}
    facts |= {"until": round(found.when.until, 3)} if found.when.until is not None else {}
    facts |= {"newline": newline} if newline else {}
    facts |= {"imported_by": by} if by else {}
    signed = [value for label, value in fields if label == "Entry" and _SIGNED.match(value)]
    if signed:  # watchkeeper's own form, of this or of another instance
        facts["exported_as"] = signed[0]
        fields = tuple(each for each in fields if each != ("Entry", signed[0]))
    if newline:
        sections = tuple((heading, text.replace("\r\n", "\n")) for heading, text in sections)
        gaps = tuple(gap.replace("\r\n", "\n") for gap in gaps)
    facts[LAYOUT] = json.dumps([found.shape == "object", *gaps], ensure_ascii=False)
    return Draft(
        at=found.when.at,
        type=taken.get("type") or "Note",
        title=found.title,
        actor=taken.get("operator") or UNKNOWN,
        severity=taken.get("severity") or "Low",
        status=taken.get("status") or "Complete",
        sections=sections,
        facts=facts,
        fields=fields,
        words=original,
    )


def _taken(
    fields: tuple[tuple[str, str], ...], vocabulary: Vocabulary
) -> tuple[dict[str, str], tuple[tuple[str, str], ...], dict[str, str]]:
    """(the words of type, severity, status, operator; the other fields; what was written where the team's word differs)."""
    look = {"type": vocabulary.type_of, "severity": vocabulary.severity, "status": vocabulary.status_of}
    taken: dict[str, str] = {}
    original: dict[str, str] = {}
    others = []
    for label, value in fields:
        meaning = words.meaning(label)
        if meaning not in words.NAMES or meaning in taken or not value.strip():
            others.append((label, value))
            continue
        if meaning in look:
            name, was = look[meaning](value)
            taken[meaning] = name if len(name) <= _MAX_WORD else name[: _MAX_WORD - 3] + "..."
            if was or taken[meaning] != name:
                original[meaning] = was or name
        else:
            taken[meaning] = value.strip()
    return taken, tuple(others), original


def _kept(found: Found) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Sections with text, and the gaps around them: those without one are part of a gap."""
    sections, gaps = [], [found.gaps[0]]
    for (heading, text), gap in zip(found.sections, found.gaps[1:], strict=True):
        if text.strip():
            sections.append((heading, text))
            gaps.append(gap)
        else:
            gaps[-1] += text + gap
    return tuple(sections), tuple(gaps)


def rebuilt(draft: Draft) -> str | None:
    """The raw text of an imported entry, as it stood in its document; None for an entry that was not imported."""
    layout = draft.facts.get(LAYOUT)
    if not isinstance(layout, str):
        return None
    whole, *gaps = json.loads(layout)
    text: str = (
        gaps[0]
        if whole
        else gaps[0] + "".join(text + gap for (_, text), gap in zip(draft.sections, gaps[1:], strict=True))
    )
    return text.replace("\n", "\r\n") if draft.facts.get("newline") == "crlf" else text


def is_imported(facts: Mapping[str, Value]) -> bool:
    """Whether an entry came from a document."""
    return isinstance(facts.get(LAYOUT), str)


def digest_of(raw: str) -> str:
    """sha256 of a raw text as UTF-8, hex."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
