"""An entry of the operations log: append-only, hash-chained, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.core.checks.values import Value


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be logged, before it has a number.

    sections: ordered (heading, Markdown text) pairs such as Change, Reason, Procedure, Verification, Impact.
    facts: short machine-readable fields (incident, run, service, host, duration_s, ...).
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


@dataclass(frozen=True, slots=True)
class Entry:
    """A logged draft. digest: sha256 of the canonical body; hash: sha256 over number, previous hash, time, digest."""

    number: int
    draft: Draft
    digest: str
    previous: str
    hash: str
