"""Sections of a document as exact ranges of its lines, and the pieces that a document is cut into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watchkeeper.core.discovery.yaml_text import comment
from watchkeeper.core.importing.elements import Element

Range = tuple[int, int]
"""First and last line, both from 1 and both within."""


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with all that stands below it. index: among the headings of the document. last: its last line."""

    index: int
    head: Element
    last: int
    above: tuple[Element, ...]


def sections_of(heads: Sequence[Element], lines: int) -> tuple[Section, ...]:
    """A section of every heading that stands outside lists. lines: how many the document has."""
    found = []
    for index, head in enumerate(heads):
        if head.listed:
            continue
        later = (each for each in heads[index + 1 :] if not each.listed and each.level <= head.level)
        end = next(later, None)
        above: list[Element] = []
        for each in reversed(heads[:index]):
            if not each.listed and each.level < (above[-1].level if above else head.level):
                above.append(each)
        found.append(Section(index, head, end.line - 1 if end is not None else lines, tuple(reversed(above))))
    return tuple(found)


def rows_of(text: str) -> list[str]:
    """The lines of a text with their ends; joined they are the text again, byte for byte."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z", text)


def ranges_without(whole: Range, holes: Iterable[Range]) -> tuple[Range, ...]:
    """What is left of a range when others are taken out of it."""
    found, at = [], whole[0]
    for first, last in sorted(holes):
        if last < at or first > whole[1]:
            continue
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    if at <= whole[1]:
        found.append((at, whole[1]))
    return tuple(found)


def piece(name: str, text: str, ranges: Sequence[Range], front: Range | None = None, own: str = "") -> str:
    """A new file of exact ranges of a document, which says at its top what it was cut from.

    front: the lines of the front matter, which must come first. own: front matter of ours, instead of it.
    """
    rows = rows_of(text)
    end = "\r\n" if "\r\n" in text else "\n"
    head = "".join(rows[front[0] - 1 : front[1]]) if front else own
    said = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
    body = "".join(_whole(rows, first, last, end) for first, last in ranges)
    return f"{head}{origin_line(name, said)}{end}{end}{body}"


def _whole(rows: list[str], first: int, last: int, end: str) -> str:
    part = "".join(rows[first - 1 : last])
    return part if part.endswith(("\n", "\r")) else part + end


def origin_line(name: str, lines: str, verb: str = "Cut") -> str:
    """The comment at the top of a piece, or (verb Made) of a page that was made from one line."""
    clean = comment(name, 200).replace("--", "- -").replace(">", ")")
    said = "The text below is as it stands there. " if verb == "Cut" else ""
    return f"<!-- {verb} by wk init from {clean}, {'lines' if verb == 'Cut' else 'line'} {lines}. {said}-->"


def without_origin(text: str) -> str:
    """A piece without the line that says where it came from: two cuts of the same text are equal, wherever it stood."""
    return re.sub(r"(?m)^<!-- (?:Cut|Made) by wk init from [^\r\n]*, lines? [^\r\n]*-->\r?\n", "", text, count=1)
