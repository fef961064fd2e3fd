"""What reading a log document gives: its entries, the lines that belong to none, and what is in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

MINUTE, SECOND, DAY = "minute", "second", "day"


@dataclass(frozen=True, slots=True)
class Options:
    """What is known beside the text. timezone: the team's IANA zone. zones: the team's words for zones, to IANA names.

    name: the document's own name; a date in it is the day of times that stand without one.
    zone: IANA name or abbreviation for every time without a zone of its own; "" = the document's, else the team's.
    """

    timezone: str = "UTC"
    zones: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A date, a time, or both, as written. A year of 0 was not written; `start` and `end` are seconds of the day.

    begin, stop: where it stands in the text it was found in. unsure: day and month could be the other way round.
    """

    day: tuple[int, int, int] | None
    until: tuple[int, int, int] | None
    start: int | None
    end: int | None
    precision: str
    zone: str
    begin: int
    stop: int
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class When:
    """When an entry was. at, until: epoch seconds. precision: day, minute or second. zone: the word as written.

    zone_from: written, declared (the team's own words), document, option, team (none was written), unsure (a word
    that means several zones, or none we know: the team's zone was taken).
    """

    at: float
    until: float | None
    day: date
    precision: str
    zone: str
    zone_from: str
    start: int | None = None
    """The time of the day as written, in seconds; None for a day without one."""

    @property
    def is_sure(self) -> bool:
        """Whether the zone of the time was said."""
        return self.zone_from in ("written", "declared", "document", "option")


@dataclass(frozen=True, slots=True)
class Span:
    """Lines first..last, counted from 1. kind: what they are, such as ``preamble`` or ``chapter``; title: its heading."""

    first: int
    last: int
    kind: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something a person should look at. line: 1-based."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a document. first, last: its lines, 1-based; raw: exactly these lines with their ends.

    gaps: what of `raw` stands around the texts of the sections: gaps[0] + text[0] + gaps[1] + ... == raw.
    fields: ordered (label, value) as labelled. level: of its heading, 0 for lines and rows.
    """

    first: int
    last: int
    raw: str
    when: When
    title: str
    fields: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...]
    shape: str = "heading"


@dataclass(frozen=True, slots=True)
class Document:
    """A log that was read. Every line is in exactly one of `entries` and `rest`."""

    entries: tuple[Found, ...]
    rest: tuple[Span, ...]
    doubts: tuple[Doubt, ...]
    lines: int
    newest_first: bool
