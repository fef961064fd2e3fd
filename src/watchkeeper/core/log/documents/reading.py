"""A log document, of whatever shape, read into entries. Every line ends up in one entry or in the rest."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from watchkeeper.core.log.documents import records, stamps, words, zones
from watchkeeper.core.log.documents.lines import CODE, LINE_LEVEL, MATTER, Heading, Lines, lines_of
from watchkeeper.core.log.documents.outline import outline
from watchkeeper.core.log.documents.parts import Parts, parts_of, texts_of
from watchkeeper.core.log.documents.regions import Piece, pieces
from watchkeeper.core.log.documents.times import Clockwork, day_of_name, said_zone
from watchkeeper.core.log.documents.values import DAY, Document, Doubt, Found, Options, Span, Stamp, When

MAX_TITLE = 200
_FAR = timedelta(days=330)
_GAPS = re.compile(r"[ \t\r\n\u3000]+")
"""Not every space: in a damaged text others are parts of characters."""
_NIGHT, _MORNING = 20 * 3600, 8 * 3600


def read(text: str, options: Options | None = None) -> Document:
    """The entries of a document. text: decoded, as it is. Nothing of it is changed or left out."""
    options = options or Options()
    found = records.read(text, options)
    if found is not None:
        return found
    document = _Reader(text, options).read()
    return document if document.entries else _fenced(text, options) or document


def _fenced(text: str, options: Options) -> Document | None:
    """The entries of a document whose log is JSON within a fence; None when there is none."""
    lines = lines_of(text, options.zones)
    entries: list[Found] = []
    for index in range(len(lines.all) - 1):
        if lines.kinds[index] != CODE or not lines.all[index].lstrip().startswith(("```json", "~~~json")):
            continue
        last = index + 1
        while (
            last < len(lines.all)
            and lines.kinds[last] == CODE
            and not lines.all[last].lstrip().startswith(("```", "~~~"))
        ):
            last += 1
        within = "".join(lines.all[index + 1 : last])
        inner = records.read(within, options) if within.lstrip()[:1] == "[" else None
        for each in inner.entries if inner and len(inner.entries) > 1 else ():  # one object alone is an example
            entries.append(replace(each, first=each.first + index + 1, last=each.last + index + 1))
    if not entries:
        return None
    spans = records.rest_of(entries, len(lines.all))
    return Document(tuple(entries), tuple(spans), (), len(lines.all), entries[0].when.at > entries[-1].when.at)


class _Reader:
    """Reads one document."""

    def __init__(self, text: str, options: Options) -> None:
        self._lines: Lines = lines_of(text, options.zones)
        self._options = options
        self._day = day_of_name(options.name) or _day_of_matter(self._lines)
        self._doubts: list[Doubt] = []
        self._entries: list[Found] = []
        self._kinds: list[tuple[int, str, str]] = []
        self._clock = Clockwork(options, "")
        self._places = [each.index for each in self._lines.headings]

    def read(self) -> Document:
        lines = self._lines
        self._doubts += outline(lines, self._day)
        for index in lines.unclosed:
            self._doubts.append(
                Doubt(index + 1, "A code fence is opened here and not closed; what follows is read all the same.")
            )
        parts = [each for each in lines.headings if each.role in ("entry", "day", "context", "guide")]
        real = [each for each in parts if each.role == "entry"]
        loose = [each for each in parts if each.role == "day" and each.level == LINE_LEVEL]
        if real and len(loose) < 2:
            parts = [each for each in parts if each not in loose]
        first = min((each.index for each in real), default=len(lines.all))
        said = said_zone("".join(lines.all[: min(first, 200)]), self._options)
        self._clock = Clockwork(self._options, said)
        alone = not real and not any(each.role == "day" for each in parts)
        self._region(0, parts[0].index if parts else len(lines.all), self._day, None, alone)
        for place, heading in enumerate(parts):
            following = parts[place + 1].index if place + 1 < len(parts) else len(lines.all)
            self._place(heading, following, alone)
        self._entries.sort(key=lambda each: each.first)
        return self._document()

    def _place(self, heading: Heading, following: int, alone: bool) -> None:
        if heading.role == "entry":
            self._heading_entry(heading)
        elif heading.role == "guide":
            self._kinds.append((heading.index, "chapter", heading.text))
        else:
            self._kinds.append((heading.index, "day" if heading.role == "day" else "chapter", heading.text))
            day = heading.day if heading.role in ("day", "context") else None
            self._region(heading.body, following, day or self._day, heading if heading.role == "day" else None, alone)

    def _heading_entry(self, heading: Heading) -> None:
        lines = self._lines
        last = self._trimmed(heading.index, heading.end)
        stamp = _merged(heading.stamp, heading.label) or Stamp(None, None, None, None, DAY, "", 0, 0)
        at = bisect_right(self._places, heading.index)
        inside = lines.headings[at : bisect_left(self._places, last)]
        title = stamps.rest_of(heading.text, heading.stamp) if heading.stamp else heading.text
        self._add(heading.index, heading.body, last, stamp, heading.day, title, "heading", inside, heading.level)

    def _region(
        self, first: int, last: int, day: tuple[int, int, int] | None, under: Heading | None, alone: bool
    ) -> None:
        """Entries in lines that no heading claims."""
        kids = under is not None and any(kid.role == "entry" or kid.role == "context" for kid in under.kids)
        found: list[Piece] = []
        if not kids:
            found = pieces(self._lines, first, last, day, in_day=under is not None, alone=alone)
        over = self._over_midnight(found)
        for place, piece in enumerate(found):
            self._piece(piece, _next_day(day) if over is not None and place >= over else day)
        if found or under is None or kids:
            return
        if any(not self._lines.is_blank(index) for index in range(first, last)) and under.day:
            title = stamps.rest_of(under.text, under.stamp) if under.stamp else ""
            stamp = under.stamp or Stamp(under.day, None, None, None, DAY, "", 0, 0)
            self._add(under.index, under.body, self._trimmed(under.index, last), stamp, under.day, title, "day", ())

    def _over_midnight(self, found: Sequence[Piece]) -> int | None:
        """From which piece on the lines of a day are after midnight: times that grow, and fall once, from night to morning."""
        times = [
            (place, each.stamp.start)
            for place, each in enumerate(found)
            if each.stamp is not None and each.stamp.day is None and each.stamp.start is not None
        ]
        falls = [(a, b) for a, b in pairwise(times) if b[1] < a[1]]
        if len(times) < 3 or len(falls) != 1 or falls[0][0][1] < _NIGHT or falls[0][1][1] > _MORNING:
            return None
        place = falls[0][1][0]
        self._doubts.append(Doubt(found[place].first + 1, "The times go over midnight here: read as the day after."))
        return place

    def _piece(self, piece: Piece, day: tuple[int, int, int] | None) -> None:
        stamp = piece.stamp or Stamp(None, None, None, None, DAY, "", 0, 0)
        if piece.shape == "row":
            self._row(piece, stamp, day)
        else:
            body = piece.first if piece.shape == "record" else piece.first + 1
            self._add(piece.first, body, piece.last, stamp, day, piece.title, piece.shape, ())

    def _row(self, piece: Piece, stamp: Stamp, day: tuple[int, int, int] | None) -> None:
        raw = "".join(self._lines.all[piece.first : piece.last])
        when = self._when(piece.first, stamp, day)
        if when is None:
            return
        fields = tuple(
            (name or "-", value) for name, value in piece.fields if value != piece.title or len(value) > MAX_TITLE
        )
        self._entries.append(
            Found(piece.first + 1, piece.last, raw, when, _cut(piece.title), fields, (), (raw,), piece.shape)
        )

    def _add(
        self, first: int, body: int, last: int, stamp: Stamp | None, day: tuple[int, int, int] | None, title: str, shape: str,
        headings: Sequence[Heading], level: int = 0,
    ) -> None:  # fmt: skip
        when = self._when(first, stamp, day)
        if when is None:
            return
        raw = "".join(self._lines.all[first:last])
        parts = parts_of(self._lines, first, body, last, headings, level)
        title = _clean(title)
        if len(title) > MAX_TITLE and body == first + 1:  # a long line is a text with its beginning as title
            begin = raw.find(title[:40])
            end = len(self._lines.all[first].rstrip("\r\n"))
            parts.sections.insert(0, ("", max(begin, 0), end))
        sections, gaps = texts_of(raw, _without_overlap(parts))
        fields, named = _fields(parts)
        title = _cut(title) or named or _first_words(sections) or f"Entry of {when.day.isoformat()}"
        self._entries.append(Found(first + 1, last, raw, when, _cut(title), fields, sections, gaps, shape))

    def _when(self, index: int, stamp: Stamp | None, day: tuple[int, int, int] | None) -> When | None:
        when = self._clock.when(stamp, day) if stamp is not None else None
        if when is None:
            self._doubts.append(Doubt(index + 1, "No date could be made out: not taken for an entry."))
            return None
        if stamp is not None and stamp.unsure:
            self._doubts.append(
                Doubt(index + 1, f"Day and month could be the other way round: read as {when.day.isoformat()}.")
            )
        if when.zone_from == "unsure":
            means = zones.AMBIGUOUS.get(when.zone.upper())
            said = f"{when.zone} can mean {means}" if means else f"{when.zone} is a zone that nobody declared"
            self._doubts.append(
                Doubt(index + 1, f"{said}: the time is read in {self._options.timezone} and marked unsure.")
            )
        return when

    def _trimmed(self, first: int, last: int) -> int:
        while last > first + 1 and self._lines.is_blank(last - 1):
            last -= 1
        return last

    def _document(self) -> Document:
        entries = tuple(self._entries)
        self._far_ones(entries)
        steps = [(b.when.at > a.when.at) - (b.when.at < a.when.at) for a, b in pairwise(entries)]
        rest = tuple(self._rest(entries))
        doubts = tuple(sorted(set(self._doubts), key=lambda each: each.line))
        return Document(entries, rest, doubts, len(self._lines.all), sum(steps) < 0)

    def _far_ones(self, entries: Sequence[Found]) -> None:
        if len(entries) < 4:
            return
        middle = sorted(each.when.day for each in entries)[len(entries) // 2]
        far = [each for each in entries if abs(each.when.day - middle) > _FAR]
        if len(far) * 5 > len(entries):
            return
        for each in far:
            self._doubts.append(
                Doubt(
                    each.first,
                    f"Dated {each.when.day.isoformat()}, far from the others (about {middle.isoformat()}): taken as written.",
                )
            )

    def _rest(self, entries: Sequence[Found]) -> list[Span]:
        """The spans between the entries, cut where a chapter or a day begins."""
        marks = {index: (kind, title) for index, kind, title in self._kinds}
        spans: list[Span] = []
        edges = [(each.first - 1, each.last) for each in entries]
        place, kind, title = 0, "preamble", ""
        for begin, end in [*edges, (len(self._lines.all), len(self._lines.all))]:
            start = place
            for index in range(place, begin):
                if index in marks:
                    if index > start:
                        spans.append(Span(start + 1, index, kind, title))
                    start, (kind, title) = index, marks[index]
            if begin > start:
                spans.append(Span(start + 1, begin, kind, title))
            place, kind, title = end, "between", ""
        return [self._named(span) for span in spans]

    def _named(self, span: Span) -> Span:
        if all(self._lines.is_blank(index) for index in range(span.first - 1, span.last)):
            return Span(span.first, span.last, "blank")
        return span


def _day_of_matter(lines: Lines) -> tuple[int, int, int] | None:
    """The date that the front matter gives the document."""
    for index, line in enumerate(lines.all[:50]):
        if lines.kinds[index] == MATTER and line.lower().startswith("date:"):
            stamp = stamps.leading(stamps.plain(line[5:].strip(" \t'\"")))
            return stamp.day if stamp is not None and stamp.day and stamp.day[0] else None
    return None


def _next_day(day: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    if day is None or not day[0]:
        return day
    following = date(*day) + timedelta(days=1)
    return following.year, following.month, following.day


def _merged(stamp: Stamp | None, label: Stamp | None) -> Stamp | None:
    """What a heading says, completed by its labels."""
    if stamp is None or label is None:
        return stamp or label
    day = stamp.day if stamp.day and stamp.day[0] else label.day
    if stamp.start is None and label.start is not None and (not label.day or label.day == day):
        return Stamp(
            day,
            label.until or stamp.until,
            label.start,
            label.end,
            label.precision,
            label.zone,
            stamp.begin,
            stamp.stop,
            stamp.unsure,
        )
    return Stamp(
        day, stamp.until, stamp.start, stamp.end, stamp.precision, stamp.zone, stamp.begin, stamp.stop, stamp.unsure
    )


def _fields(parts: Parts) -> tuple[tuple[tuple[str, str], ...], str]:
    """(fields, title by label). Dates and times that are nothing else are in the entry's own time already."""
    kept, title = [], ""
    for label, value in parts.fields:
        meaning = words.meaning(label)
        if meaning == "title" and not title:
            title = value
            continue
        if meaning in ("date", "time", "end"):
            stamp = stamps.leading(stamps.plain(value))
            if stamp is not None and not stamps.rest_of(value, stamp):
                continue
        kept.append((label, value.rstrip()))
    return tuple(kept), title


def _without_overlap(parts: Parts) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    place = 0
    for heading, begin, end in parts.sections:
        if begin >= place:
            found.append((heading, begin, end))
            place = max(end, begin)
    return found


def _clean(title: str) -> str:
    """A title without what decorates it: emphasis around it, marks of status behind it."""
    text = _GAPS.sub(" ", title).strip("\x00\ufeff ")
    while text and (
        text[-1] in " \t:："
        or (not text[-1].isalnum() and ord(text[-1]) > 0x2000 and text[-1] not in "）】」』”’。！？…")
    ):
        text = text[:-1]
    for mark in ("**", "__", "*"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)]
        elif text.count(mark) % 2 and mark != "*":
            text = text.removeprefix(mark).removesuffix(mark)
            if text.count(mark) % 2:
                text = text.replace(mark, "", 1)
    return text.strip(" ")


def _cut(title: str) -> str:
    title = _clean(title)
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 3].rstrip() + "..."


def _first_words(sections: Sequence[tuple[str, str]]) -> str:
    for _, text in sections:
        for line in text.split("\n"):
            bare = line.strip().lstrip("-*+#>0123456789.|[]x ").strip()
            if any(each.isalnum() for each in bare) and not bare.startswith(("```", "~~~")):
                return bare
    return ""
