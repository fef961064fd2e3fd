"""A document as lines: which are code, comments or front matter, and which are headings."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.core.log.documents import stamps, words
from watchkeeper.core.log.documents.values import Stamp

TEXT, CODE, COMMENT, MATTER = 0, 1, 2, 3
LINE_LEVEL = 7
"""The level of a line that is nothing but a date: below every heading."""
_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(`{3,}|~{3,})([^`\r\n]*)\r?\n?$")
_ATX = re.compile(r" {0,3}(#{1,6}|={2,6}(?=[ \t]))(?:[ \t]+(.*?)|(?=\d|[\[【(*_`])(.*?))?(?:[ \t]+#+)?[ \t]*\r?\n?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,}|~{3,}|\^{3,})[ \t]*\r?\n?$")
_DIGIT = re.compile(
    r"(?=[^\n]*[\d０-９])[ \t>]{0,3}(?:[-*+][ \t]+)?[*_`\[(【<]{0,3}(?:\d|[A-Za-z]{3,9}[ .,]|令|平|昭|[０-９])"
)
_RULE = re.compile(r"[ \t>]*(?:[-*_=~][ \t]*){3,}$")


@dataclass(slots=True)
class Heading:
    """A heading. index: its line, from 0; size: lines it takes. stamp: what of a date or time it carries.

    leads: the stamp stands at its head. role, day: given by the outline.
    """

    index: int
    level: int
    text: str
    size: int
    stamp: Stamp | None
    leads: bool
    end: int = 0
    parent: Heading | None = None
    kids: list[Heading] = field(default_factory=list)
    role: str = ""
    day: tuple[int, int, int] | None = None
    label: Stamp | None = None

    @property
    def body(self) -> int:
        """The first line after the heading."""
        return self.index + self.size


@dataclass(slots=True)
class Lines:
    """The lines of a text with their ends, and what each of them is."""

    all: list[str]
    kinds: bytearray
    headings: list[Heading]
    day_first: bool | None
    zones: Mapping[str, str]
    unclosed: list[int]

    def is_blank(self, index: int) -> bool:
        """Nothing, or a rule between entries."""
        line = self.all[index].strip(" \t\r\n\ufeff\x00")
        return not line or (self.kinds[index] == TEXT and _RULE.match(line) is not None)


def split(text: str) -> list[str]:
    """The lines with their ends; only line feeds end lines, or carriage returns where there are no line feeds."""
    mark = "\n" if "\n" in text or "\r" not in text else "\r"
    parts = text.split(mark)
    found = [part + mark for part in parts[:-1]]
    return [*found, parts[-1]] if parts[-1] else found


def lines_of(text: str, zones: Mapping[str, str]) -> Lines:
    """The lines of a document."""
    found = split(text)
    proven = stamps.orders(stamps.plain(text))
    day_first = next(iter(proven)) if len(proven) == 1 else None
    kinds = bytearray(len(found))
    _front_matter(found, kinds)
    unclosed = _fences(found, kinds, day_first)
    _comments(found, kinds)
    return Lines(found, kinds, _headings(found, kinds, day_first, zones), day_first, zones, unclosed)


def _front_matter(found: Sequence[str], kinds: bytearray) -> None:
    if not found or found[0].strip("\ufeff \r\n") != "---":
        return
    for index in range(1, min(len(found), 200)):
        line = found[index].rstrip()
        if line in ("---", "..."):
            if (
                index > 1
                and any(":" in each for each in found[1:index])
                and not any(each.startswith("#") for each in found[1:index])
            ):
                kinds[: index + 1] = bytes([MATTER]) * (index + 1)
            return


def _fences(found: Sequence[str], kinds: bytearray, day_first: bool | None) -> list[int]:
    """Marks code. A fence that nobody closes, or that would swallow dated headings, hides nothing; its lines are told."""
    marks = []
    for index, line in enumerate(found):
        if ("```" in line or "~~~" in line) and not kinds[index]:
            match = _FENCE.match(line)
            if match:
                marks.append((index, match.group(1)[0], len(match.group(1)), match.group(2).strip()))
    dated = (
        [index for index, line in enumerate(found) if line.startswith("#") and _is_dated(line, day_first)]
        if marks
        else []
    )
    unclosed: list[int] = []
    hopeless: dict[str, int] = {}
    here = 0
    while here < len(marks):
        index, sign, length, info = marks[here]
        closing = None
        if length < hopeless.get(sign, 1 << 30):
            closing = next((at for at in range(here + 1, len(marks)) if _closes(marks[at], sign, length)), None)
            if closing is None:
                hopeless[sign] = length
        swallowed = _swallowed(found, marks, here, closing, dated, info)
        if swallowed is not None:
            kinds[index:swallowed] = bytes([CODE]) * (swallowed - index)
            unclosed.append(index)
            here = next((at for at in range(here + 1, len(marks)) if marks[at][0] > swallowed), len(marks))
        elif closing is None:
            unclosed.append(index)
            here += 1
        else:
            last = marks[closing][0]
            kinds[index : last + 1] = bytes([CODE]) * (last + 1 - index)
            here = closing + 1
    return unclosed


def _closes(mark: tuple[int, str, int, str], sign: str, length: int) -> bool:
    return mark[1] == sign and mark[2] >= length and not mark[3]


def _swallowed(
    found: Sequence[str], marks: Sequence[tuple[int, str, int, str]], here: int, closing: int | None, dated: Sequence[int],
    info: str,
) -> int | None:  # fmt: skip
    """The dated heading at which a forgotten fence ends: another fence is opened behind it before one is closed."""
    index = marks[here][0]
    if closing is None or info.lower() in ("markdown", "md", "text", "txt"):
        return None
    at = bisect_right(dated, index)
    if at >= len(dated) or dated[at] >= marks[closing][0]:
        return None
    first = next((line for line in found[index + 1 : dated[at] + 1] if line.strip()), "")
    if first.startswith("#") and dated[at] <= index + 3:
        return None
    behind = next((mark for mark in marks[here + 1 : closing + 1] if mark[0] > dated[at]), None)
    return dated[at] if behind is not None and behind[3] and behind[0] < marks[closing][0] else None


def _is_dated(line: str, day_first: bool | None) -> bool:
    stamp = stamps.leading(stamps.plain(line.lstrip("# ")[:200]), day_first)
    return stamp is not None and (stamp.day is None or bool(stamp.day[0]))


def _comments(found: Sequence[str], kinds: bytearray) -> None:
    index, hopeless = 0, False
    while index < len(found):
        if not kinds[index] and found[index].lstrip().startswith("<!--") and not hopeless:
            last = next((at for at in range(index, len(found)) if "-->" in found[at]), None)
            if last is None:
                hopeless = True
            else:
                kinds[index : last + 1] = bytes([COMMENT]) * (last + 1 - index)
                index = last
        index += 1


def _headings(
    found: Sequence[str], kinds: bytearray, day_first: bool | None, zones: Mapping[str, str]
) -> list[Heading]:
    headings: list[Heading] = []
    for index, line in enumerate(found):
        if kinds[index]:
            continue
        bare = line.lstrip("\ufeff") if index == 0 else line
        if bare.lstrip(" ")[:1] in ("#", "="):
            match = _ATX.match(bare[:2000])
            if match:
                text = (match.group(2) or match.group(3) or "").strip(" \t\r\n")
                if match.group(1)[0] == "#" or _stamp(text, day_first, zones)[0]:
                    headings.append(_heading(index, len(match.group(1)), text, 1, day_first, zones))
                    continue
        underline = _UNDERLINE.match(found[index + 1]) if index + 1 < len(found) and not kinds[index + 1] else None
        if underline and bare.strip() and _may_be_underlined(headings, found, kinds, index):
            text = bare.strip()
            if (underline.group(1)[0] == "=" and len(underline.group(1)) >= 2) or _stamp(text, day_first, zones)[0]:
                level = {"=": 1, "-": 2}.get(underline.group(1)[0], 3)
                headings.append(_heading(index, level, text, 2, day_first, zones))
                continue
        if len(bare) < 60 and _DIGIT.match(bare) and (not headings or headings[-1].index + headings[-1].size <= index):
            stamp = _whole_date(bare, day_first, zones)
            if stamp is not None:
                headings.append(Heading(index, LINE_LEVEL, bare.strip(), 1, stamp, True))
    return headings


def _may_be_underlined(headings: Sequence[Heading], found: Sequence[str], kinds: bytearray, index: int) -> bool:
    """A line on its own: what stands above is blank, a rule or a heading; and it is no list, table or quotation."""
    line = found[index].lstrip()
    if line[:1] in "-*+>|#" or len(line) > 300:
        return False
    above = (
        index == 0 or bool(kinds[index - 1]) or not found[index - 1].strip() or _RULE.match(found[index - 1].strip())
    )
    return bool(above) or bool(headings and headings[-1].index + headings[-1].size == index)


def _heading(index: int, level: int, text: str, size: int, day_first: bool | None, zones: Mapping[str, str]) -> Heading:
    stamp, leads = _stamp(text, day_first, zones)
    return Heading(index, level, text, size, stamp, leads)


def _stamp(text: str, day_first: bool | None, zones: Mapping[str, str]) -> tuple[Stamp | None, bool]:
    if len(text) > 1000 or words.PLACEHOLDER.search(text):
        return None, False
    plain = stamps.plain(text)
    leads = stamps.leading(plain, day_first, zones) is not None
    return stamps.delimited(plain, day_first, zones), leads


def _whole_date(line: str, day_first: bool | None, zones: Mapping[str, str]) -> Stamp | None:
    """The date of a line that says nothing else."""
    text = line.strip().lstrip("-*+ >").strip()
    stamp = stamps.leading(stamps.plain(text), day_first, zones)
    if stamp is None or stamp.day is None or stamp.start is not None or stamps.rest_of(text, stamp):
        return None
    return stamp if stamp.day[0] or len(text) < 16 else None
