"""What an entry of the log is found by, besides its text: its words, its people, its place, and what was said of it since."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchkeeper.core.log.values import Draft
from watchkeeper.core.log.vocabulary import bare, folded

IS: Mapping[str, str] = {
    "corrected": "another entry puts it right", "correction": "it puts another entry right",
    "status": "it changes the status of another entry", "reply": "it answers another entry",
    "imported": "it came from a document", "own": "watchkeeper wrote it",
    "gone": "its text was archived or purged",
}  # fmt: skip
HAS: Mapping[str, str] = {
    "attachment": "a file", "reply": "an answer", "status": "a later status", "tag": "a tag", "incident": "an incident",
    "run": "a run", "service": "a service", "host": "a host", "component": "a component",
    "reviewed": "somebody who reviewed it", "approved": "somebody who approved it", "verification": "how it was proven",
    "rollback": "how it is undone", "lessons": "lessons learned", "follow-up": "follow-up actions",
}  # fmt: skip

_LABELS: Mapping[str, str] = {
    "component": "component", "module": "component", "service": "service", "host": "host", "server": "host",
    "location": "location", "took part": "operator", "operator": "operator",
    "performed by": "operator", "created by": "operator",
    "reviewed by": "reviewed", "reviewer": "reviewed", "approved by": "approved", "approver": "approved",
    "approved for production": "approved",
}  # fmt: skip
_SECTIONS: Mapping[str, str] = {
    "verification": "verification", "results": "verification", "rollback procedure": "rollback", "rollback": "rollback",
    "lessons learned": "lessons", "follow-up actions": "follow-up", "next steps": "follow-up",
}  # fmt: skip
_PEOPLE = re.compile(r"\s*(?:[,;+&/]|\band\b|\bwith\b)\s*")
_IMPORTED = ("source", "document", "imported")
_MOST_FACETS = 200


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is known of an entry without its body. type, severity, status: folded; facets: (name, folded value) pairs."""

    number: int
    at: float
    type: str
    severity: str
    status: str
    facets: frozenset[tuple[str, str]]
    gone: bool = False


def indexed(number: int, draft: Draft) -> Indexed:
    """An entry as it is found; what later entries say about it (corrected, its status) is added when they come."""
    facets: set[tuple[str, str]] = {("operator", folded(draft.actor)), *_marks(draft)}
    facets |= {("tag", folded(tag)) for tag in draft.tags}
    facets |= {("file", each.digest) for each in draft.attachments}
    facets |= {
        (name, folded(str(draft.facts[name])))
        for name in ("service", "host", "incident", "run")
        if draft.facts.get(name)
    }
    for label, text in draft.fields:
        name = _LABELS.get(folded(label))
        if name:
            several = _PEOPLE.split(text) if name in ("operator", "reviewed", "approved") else [text]
            facets |= {(name, folded(bare(each))) for each in (*several, text)}
    facets |= {("has", name) for name, _ in tuple(facets) if name in HAS}
    kept = sorted((name, value[:200]) for name, value in facets if value)[:_MOST_FACETS]
    kind, severity, status = (folded(bare(word))[:200] for word in (draft.type, draft.severity, draft.status))
    return Indexed(number, draft.at, kind, severity, status, frozenset(kept))


def _marks(draft: Draft) -> Iterator[tuple[str, str]]:
    for name, mark, number in (
        ("corrects", "correction", draft.corrects), ("status-of", "status", draft.status_of), ("thread", "reply", draft.thread),
    ):  # fmt: skip
        if number is not None:
            yield "is", mark
            yield name, str(number)
    if draft.actor == "watchkeeper":
        yield "is", "own"
    if any(draft.facts.get(name) for name in _IMPORTED):
        yield "is", "imported"
    if draft.attachments:
        yield "has", "attachment"
    for heading, text in draft.sections:
        said = _SECTIONS.get(folded(heading))
        if said and text.strip():
            yield "has", said


def consequences(draft: Draft) -> Iterator[tuple[int, str, str]]:
    """What an entry makes true of others: (number, facet, value)."""
    if draft.corrects is not None:
        yield draft.corrects, "is", "corrected"
    if draft.status_of is not None:
        yield draft.status_of, "has", "status"
    if draft.thread is not None:
        yield draft.thread, "has", "reply"
