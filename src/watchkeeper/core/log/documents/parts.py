"""The inside of one entry: labels of one line, sections, and all else kept as its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from watchkeeper.core.log.documents import words
from watchkeeper.core.log.documents.lines import LINE_LEVEL, TEXT, Heading, Lines
from watchkeeper.core.log.documents.outline import LABEL

_BOLD = re.compile(
    r"(?:\*\*|__)[ \t]*([^*\n]{1,80}?)[ \t]*(?:[:：][ \t]*(?:\*\*|__)|(?:\*\*|"
    r"__)[ \t]*(\([^()\n]{1,60}\)|（[^（）\n]{1,60}）)?[ \t]*[:：])[ \t]*(.*?)[ \t\\]*\r?\n?$"
)
"""``**Label**: value``, ``**Label:** value``, ``**Label** (remark):``."""
_LISTED = re.compile(r"[ \t]*[-*+][ \t]+(?=\*\*|__)")
_MAX_FIELD = 2000


@dataclass(slots=True)
class Parts:
    """fields in their order; sections as (heading, begin, end) with places in the entry's raw text."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    sections: list[tuple[str, int, int]] = field(default_factory=list)


def parts_of(lines: Lines, first: int, body: int, last: int, headings: Sequence[Heading], level: int = 0) -> Parts:
    """Take lines body..last (last excluded) of an entry that begins at `first` apart.

    headings: those within it, in order. level: of the entry's own heading.
    """
    kids = [each for each in headings if each.level < LINE_LEVEL]
    top = min((each.level for each in kids if each.level > level), default=0)
    starts = {each.index: each for each in kids if each.level <= max(top, level)}
    return _Walk(lines, first, last, starts).walk(body)


class _Walk:
    """One pass over the lines of an entry."""

    def __init__(self, lines: Lines, first: int, last: int, starts: dict[int, Heading]) -> None:
        self._lines = lines
        self._last = last
        self._starts = starts
        self._places = [0]
        for index in range(first, last):
            self._places.append(self._places[-1] + len(lines.all[index]))
        self._first = first
        self._parts = Parts()
        self._heading: str | None = None
        self._begin = 0
        self._end = 0
        self._is_head = True
        self._under_heading = False

    def walk(self, body: int) -> Parts:
        index = body
        while index < self._last:
            index = self._line(index)
        self._close()
        return self._parts

    def _line(self, index: int) -> int:
        line = self._lines.all[index]
        heading = self._starts.get(index)
        if heading is not None:
            self._close()
            self._under_heading, self._is_head = True, False
            body = min(heading.body, self._last)  # what underlines a heading may have been taken for an end
            self._open(heading.text.strip("*_ ") or "-", self._places[body - self._first])
            return body
        if self._lines.kinds[index] != TEXT or not line.strip():
            self._text(index)
            return index + 1
        bold = _BOLD.match(line) if line.startswith(("**", "__")) else None
        if self._under_heading:
            self._also(line)
            self._text(index)
        elif bold is not None:
            self._bold(index, bold)
        elif self._is_head and self._bare(line):
            self._close()
        else:
            self._also(line)
            self._text(index)
        return index + 1

    def _bold(self, index: int, match: re.Match[str]) -> None:
        label, remark, value = match.group(1).strip(" :："), match.group(2) or "", match.group(3)
        named = f"{label} {remark}".strip()
        known = words.meaning(label) or words.folded(label) in words.ONE_LINE
        follows = self._follows(index + 1)
        one_line = bool(value) and not follows and not (words.SECTIONS.match(label) and not known and not self._is_head)
        if (
            value
            and ((known and not follows) or one_line)
            and len(value) <= _MAX_FIELD
            and not words.SECTIONS.match(label)
        ):
            self._close()
            self._parts.fields.append((named, value))
            return
        if value and known and not follows and len(value) <= _MAX_FIELD:
            self._close()
            self._parts.fields.append((named, value))
            return
        self._close()
        self._is_head = False
        begin = self._places[index - self._first] + (match.start(3) if value else len(self._lines.all[index]))
        self._open(named, begin)
        if value:
            self._end = self._places[index + 1 - self._first]

    def _follows(self, index: int) -> bool:
        """Whether the line behind a label with a value goes on with its text."""
        if index >= self._last:
            return False
        line = self._lines.all[index]
        if not line.strip() or index in self._starts:
            return False
        if self._lines.is_blank(index):
            return False
        if line.startswith(("**", "__")) and _BOLD.match(line):
            return False
        bare = LABEL.match(line)
        return not (self._is_head and bare is not None and words.is_known(bare.group(1)))

    def _bare(self, line: str) -> bool:
        """``Type: Deployment`` or ``- Type: Deployment`` among the first lines."""
        match = LABEL.match(line[:_MAX_FIELD])
        if (
            match is None
            or not match.group(2)
            or not (words.is_known(match.group(1)) or (self._parts.fields and _is_name(match.group(1), line)))
        ):
            return False
        if self._heading is not None and self._raw_text().strip():
            return False
        self._parts.fields.append((match.group(1).strip("*_ "), match.group(2).strip()))
        return True

    def _also(self, line: str) -> None:
        """A known label inside a text is a field too; the text keeps its line."""
        listed = _LISTED.match(line)
        match = _BOLD.match(line, listed.end() if listed else 0)
        if match and match.group(3) and words.folded(match.group(1)) in words.ONE_LINE:
            found = (match.group(1).strip(" :："), match.group(3).strip())
            if found not in self._parts.fields and len(found[1]) <= 300:
                self._parts.fields.append(found)

    def _text(self, index: int) -> None:
        if self._heading is None:
            if not self._lines.all[index].strip():
                return
            self._open("", self._places[index - self._first])
        if self._lines.all[index].strip():
            self._end = self._places[index + 1 - self._first]

    def _open(self, heading: str, begin: int) -> None:
        self._heading, self._begin, self._end = heading, begin, begin

    def _raw_text(self) -> str:
        return "x" if self._end > self._begin else ""

    def _close(self) -> None:
        if self._heading is not None and (self._heading or self._end > self._begin):
            self._parts.sections.append((self._heading, self._begin, self._end))
        self._heading = None


def _is_name(label: str, line: str) -> bool:
    return (
        len(label) <= 24
        and len(label.split()) <= 3
        and line[:1].isupper()
        and "`" not in label
        and not label.lower().endswith(("http", "https"))
    )


def texts_of(raw: str, sections: Sequence[tuple[str, int, int]]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(sections with their texts, the gaps around them) of an entry's raw text."""
    gaps, found, place = [], [], 0
    for heading, begin, end in sections:
        text = raw[begin:end]
        head = len(text) - len(text.lstrip("\r\n")) if text.strip() else len(text)
        tail = len(text.rstrip())
        begin, end = begin + head, begin + max(tail, head)
        gaps.append(raw[place:begin])
        found.append((heading, raw[begin:end]))
        place = end
    return tuple(found), (*gaps, raw[place:])
