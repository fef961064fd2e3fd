"""An entry of the operations log: append-only, hash-chained, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchkeeper.core.checks.values import Value


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to an entry. size: bytes; digest: sha256 of its bytes, hex; the bytes are kept elsewhere."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be logged, before it has a number.

    at: when it happened, epoch seconds. type, severity, status: words of the team's vocabulary.
    sections: ordered (heading, Markdown text) pairs such as Change, Reason, Procedure, Verification, Impact.
    facts: short machine-readable values (incident, run, service, host, duration_s, ...).
    fields: ordered (label, text) pairs of one line, as a person or a document labelled them (Location, Reviewed by, Cost).
    words: what was written where the vocabulary knows another word, by field: {"severity": "MAJOR"}.
    corrects: number of the entry that this one puts right. status_of: number of the entry whose status is `status` from
    now on. thread: number of the entry that this one answers or continues.
    """

    at: float
    type: str
    title: str
    actor: str
    severity: str = "Low"
    status: str = "Complete"
    sections: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Value] = field(default_factory=dict)
    corrects: int | None = None
    fields: tuple[tuple[str, str], ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    status_of: int | None = None
    thread: int | None = None


Reason = Literal["archived", "purged"]


@dataclass(frozen=True, slots=True)
class Absence:
    """The body of entry `number` left the store. entry: the naming entry, which says so itself, see `core.log.absence`.

    place: the file that holds it since then, "" for none. at: integer microseconds.
    """

    number: int
    reason: Reason
    entry: int
    place: str
    digest: str
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A logged draft. digest: sha256 of the canonical body; hash: sha256 over number, previous hash, time, digest.

    absence: why its body is not in the store any more. Then the draft comes from the archive, or, where that cannot give
    it, stands in: its title says what became of the text.
    """

    number: int
    draft: Draft
    digest: str
    previous: str
    hash: str
    absence: Absence | None = None
