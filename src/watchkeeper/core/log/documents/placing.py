"""Where new entries belong in a document that a team keeps, by the document's own shape.

Only text is put in between lines: every line that was there stays as it is, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from itertools import pairwise

from watchkeeper.core.log.documents import stamps
from watchkeeper.core.log.documents.lines import LINE_LEVEL, Heading, Lines, lines_of
from watchkeeper.core.log.documents.outline import outline
from watchkeeper.core.log.documents.regions import pieces
from watchkeeper.core.log.markdown import render_entry, zone_word
from watchkeeper.core.log.values import Entry
from watchkeeper.core.times import zone_of

OWN = re.compile(r"^\*\*Entry\*\*: (\d{1,12}), sha256 ([0-9a-f]{64})[ \t]*\r?$", re.MULTILINE)
"""How watchkeeper signs an entry that it wrote into a document."""
_NEWEST = re.compile(
    r"newest (?:entries )?first|reverse[- ]chronological|most recent first|新しい順|最新[^\n]{0,6}(?:在前|上)|倒序|최신순",
    re.IGNORECASE,
)
_OLDEST = re.compile(
    r"oldest (?:entries )?first|append(?:ed)? (?:to|at) the (?:end|bottom)|"
    r"(?<!reverse )(?<!reverse-)chronological|古い順|正序|오래된 순",
    re.IGNORECASE,
)


class Unplaceable(Exception):
    """The document has a shape into which no entry can be put; the text says why."""


@dataclass(frozen=True, slots=True)
class _Insertion:
    index: int
    text: str


def numbers_in(text: str) -> dict[int, str]:
    """Number to hash of the entries that watchkeeper wrote into a document."""
    return {int(found.group(1)): found.group(2) for found in OWN.finditer(text)}


def placed(text: str, entries: Sequence[Entry], timezone: str, zones: Mapping[str, str] | None = None) -> str:
    """The document with these entries in it. Raises `Unplaceable`."""
    if not entries:
        return text
    if text.lstrip("\ufeff \t\r\n")[:1] in ("[", "{"):
        raise Unplaceable("it is data, not Markdown")
    return _Placer(text, timezone, zones or {}).place(sorted(entries, key=lambda each: (each.draft.at, each.number)))


def _has_dated(heading: Heading) -> bool:
    """Whether what stands below it carries dates of its own, as below the title of a document."""
    return any(kid.stamp is not None and kid.stamp.day for kid in heading.kids if kid.role == "entry")


class _Placer:
    """Puts entries into one document."""

    def __init__(self, text: str, timezone: str, zones: Mapping[str, str]) -> None:
        self._text = text
        self._lines: Lines = lines_of(text, zones)
        outline(self._lines, None)
        self._zone: tzinfo = zone_of(timezone)
        self._crlf = text.count("\r\n") * 2 > text.count("\n")
        real = [each for each in self._lines.headings if each.level < LINE_LEVEL]
        self._days = [each for each in real if each.role == "day" and each.day and not _has_dated(each)]
        self._entries = [each for each in real if each.role == "entry"]
        self._guides = [each for each in real if each.role == "guide" and each.level <= 2]

    def place(self, entries: Sequence[Entry]) -> str:
        """Oldest first given."""
        if self._days:
            insertions = self._by_day(entries)
        elif self._entries:
            insertions = self._among(entries)
        else:
            insertions = self._first(entries)
        return self._joined(insertions)

    def _by_day(self, entries: Sequence[Entry]) -> list[_Insertion]:
        newest = self._is_newest_first([each.day or (0, 0, 0) for each in self._days])
        there: dict[tuple[int, int, int], Heading] = {}
        for heading in self._days:
            if heading.day and (heading.day not in there or not newest):
                there[heading.day] = heading
        found: list[_Insertion] = []
        fresh: list[tuple[tuple[int, int, int], str]] = []
        for day, body in self._grouped(entries, newest):
            standing = there.get(day)
            if standing is None:
                fresh.append((day, body))
            elif newest:
                found.append(self._below(standing.body, body))
            else:
                found.append(self._behind(self._end(standing), body))
        return found + self._new_days(fresh, newest)

    def _new_days(self, fresh: Sequence[tuple[tuple[int, int, int], str]], newest: bool) -> list[_Insertion]:
        found = []
        rule = "---\n\n" if self._has_rules() else ""
        level = self._days[0].level
        for day, body in sorted(fresh, reverse=newest):
            head = f"{'#' * level} {self._day_words(day)}\n\n"
            if newest:
                before = next((each for each in self._days if (each.day or day) < day), None)
                if before is not None:
                    found.append(_Insertion(before.index, f"{head}{body}\n{rule}"))
                    continue
            found.append(self._behind(self._end(self._days[-1]), head + body))
        return found

    def _among(self, entries: Sequence[Entry]) -> list[_Insertion]:
        """The document's headings carry the whole date: ours do too."""
        level = min(each.level for each in self._entries)
        alike = [each for each in self._entries if each.level == level]
        if not any(each.stamp is not None and each.stamp.day for each in alike):
            raise Unplaceable("its entries have headings without a date")
        newest = self._is_newest_first(
            [(*(each.day or (0, 0, 0)), (each.stamp.start or 0) if each.stamp else 0) for each in alike]
        )
        ordered = list(reversed(entries)) if newest else list(entries)
        body = "\n".join(self._rendered(each, level, dated=True) for each in ordered)
        if newest:
            return [_Insertion(alike[0].index, body + "\n")]
        return [self._behind(self._end(alike[-1]), body)]

    def _first(self, entries: Sequence[Entry]) -> list[_Insertion]:
        """The document has no entry yet: days begin before the chapters about the log, or at its end."""
        region = (0, self._guides[0].index if self._guides else len(self._lines.all))
        if pieces(self._lines, *region, None, in_day=False, alone=True):
            raise Unplaceable("its entries are lines or rows of a table, not headings")
        if any(each.role == "day" for each in self._lines.headings):
            raise Unplaceable("its days are lines, not headings")
        newest = not (_OLDEST.search(self._text[:4000]) and not _NEWEST.search(self._text[:4000]))
        blocks = [f"## {date(*day).isoformat()}\n\n{body}" for day, body in self._grouped(entries, newest)]
        body = "\n".join(reversed(blocks) if newest else blocks)
        if self._guides:
            return [_Insertion(self._guides[0].index, body + "\n")]
        return [self._behind(self._trimmed(0, len(self._lines.all)), body)]

    def _grouped(self, entries: Sequence[Entry], newest: bool) -> list[tuple[tuple[int, int, int], str]]:
        level = self._entry_level()
        days: dict[tuple[int, int, int], list[str]] = {}
        for entry in entries:
            at = datetime.fromtimestamp(entry.draft.at, self._zone)
            days.setdefault((at.year, at.month, at.day), []).append(self._rendered(entry, level))
        return [(day, "\n".join(reversed(texts) if newest else texts)) for day, texts in days.items()]

    def _entry_level(self) -> int:
        below = [kid.level for each in self._days for kid in each.kids if kid.role == "entry"]
        return min(below) if below else min((self._days[0].level if self._days else 2) + 1, 6)

    def _rendered(self, entry: Entry, level: int, dated: bool = False) -> str:
        text = render_entry(entry, self._zone)
        head, _, body = text.partition("\n")
        said = head.removeprefix("### ")
        if dated:
            at = datetime.fromtimestamp(entry.draft.at, self._zone)
            said = (
                f"{at:%Y-%m-%d} {said}"
                if said.startswith(f"{at:%H:%M}") and zone_word(at) in said
                else f"{at:%Y-%m-%d} - {said}"
            )
        return f"{'#' * level} {said}\n{body}"

    def _day_words(self, day: tuple[int, int, int]) -> str:
        """A day as the document writes its days, where that is figures; else as ISO has it."""
        text = self._days[0].text
        plain = stamps.plain(text)
        found = re.match(r"(?:19|20)\d\d([-/.])\d\d\1\d\d$", plain)
        if found:
            return f"{day[0]}{found.group(1)}{day[1]:02}{found.group(1)}{day[2]:02}"
        if re.match(r"(?:19|20)\d\d年\d{1,2}月\d{1,2}日$", plain):
            return f"{day[0]}年{day[1]}月{day[2]}日"
        if re.match(r"(?:19|20)\d\d년 \d{1,2}월 \d{1,2}일$", plain):
            return f"{day[0]}년 {day[1]}월 {day[2]}일"
        return date(*day).isoformat()

    def _is_newest_first(self, order: Sequence[tuple[int, ...]]) -> bool:
        pairs = list(pairwise(order))
        down = sum(1 for a, b in pairs if a > b)
        up = sum(1 for a, b in pairs if a < b)
        if down != up:
            return down > up
        head = self._text[:4000]
        return bool(_NEWEST.search(head)) or not _OLDEST.search(head)

    def _has_rules(self) -> bool:
        """Whether the days are parted by rules."""
        if len(self._days) < 2:
            return False
        index = self._days[1].index - 1
        while index > 0 and not self._lines.all[index].strip():
            index -= 1
        return self._lines.all[index].strip().startswith("---")

    def _end(self, heading: Heading) -> int:
        """Behind the last line of what stands below a heading, chapters about the log left out."""
        last = next(
            (
                each.index
                for each in self._lines.headings
                if each.index > heading.index and each.index < heading.end and each.role == "guide"
            ),
            heading.end,
        )
        return self._trimmed(heading.index, last)

    def _trimmed(self, first: int, last: int) -> int:
        while last > first + 1 and self._lines.is_blank(last - 1):
            last -= 1
        return last if last > first else first

    def _below(self, index: int, body: str) -> _Insertion:
        following = self._lines.all[index] if index < len(self._lines.all) else ""
        return _Insertion(index, f"\n{body}" + ("\n" if following.strip() else ""))

    def _behind(self, index: int, body: str) -> _Insertion:
        following = self._lines.all[index] if index < len(self._lines.all) else ""
        lead = "\n" if index else ""
        return _Insertion(index, f"{lead}{body}" + ("\n" if following.strip() else ""))

    def _joined(self, insertions: Sequence[_Insertion]) -> str:
        """The text with all insertions; those at one place stay in their order."""
        at: dict[int, list[str]] = {}
        for each in insertions:
            at.setdefault(each.index, []).append(each.text.replace("\n", "\r\n") if self._crlf else each.text)
        ended = self._text.endswith(("\n", "\r")) or not self._text
        parts: list[str] = []
        mark = "\r\n" if self._crlf else "\n"
        count = len(self._lines.all)
        for index in range(count + 1):
            for text in at.get(index, ()):
                if index == count and not ended:
                    text = mark + text.removesuffix(mark)
                parts.append(text)
            if index < count:
                parts.append(self._lines.all[index])
        return "".join(parts)
