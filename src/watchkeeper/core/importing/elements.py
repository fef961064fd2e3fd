"""Everything that stands in a document and must not be lost: its headings, fences, tables and checkboxes, with lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from watchkeeper.core.runbooks.attributes import read_front_matter
from watchkeeper.core.runbooks.phases import plain

Kind = Literal["heading", "fence", "table", "checkbox"]
_CHECKBOX = re.compile(r"\[[ xX]\]\s+\S")


@dataclass(frozen=True, slots=True)
class Element:
    """One part. line and last: its first and last line, from 1. level: of a heading. rows: of a table, header first.

    owner: index of the heading above it among the headings, -1 for none. listed: the heading stands in a list.
    """

    kind: Kind
    line: int
    last: int
    text: str
    level: int = 0
    rows: tuple[tuple[int, tuple[str, ...]], ...] = ()
    language: str = ""
    owner: int = -1
    listed: bool = False


def normal(text: str) -> str:
    """The text as it is parsed: without a byte order mark, lines end in a line feed. Line numbers stay."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def elements_of(text: str) -> tuple[Element, ...]:
    """All of them in order."""
    from markdown_it import MarkdownIt

    lines = normal(text).split("\n")
    offset = read_front_matter(lines).lines
    parser = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    return tuple(_walk(parser.parse("\n".join(lines[offset:])), offset))


def _walk(tokens: list[Any], offset: int) -> list[Element]:
    found: list[Element] = []
    heading, count, depth, at = -1, 0, 0, 0
    fresh = False
    while at < len(tokens):
        token = tokens[at]
        first, last = (token.map[0] + 1 + offset, token.map[1] + offset) if token.map else (0, 0)
        if token.type == "list_item_open":
            depth, fresh = depth + 1, True
        elif token.type == "list_item_close":
            depth -= 1
        elif token.type == "heading_open":
            title = plain(str(tokens[at + 1].content))
            found.append(Element("heading", first, last, title, int(token.tag[1:]), owner=heading, listed=depth > 0))
            if not depth:
                heading = count
            count += 1
        elif token.type in ("fence", "code_block"):
            language = str(token.info).split("{")[0].strip().lower()
            found.append(Element("fence", first, last, str(token.content), language=language, owner=heading))
        elif token.type == "table_open":
            at, rows = _table(tokens, at, offset)
            found.append(
                Element("table", first, last, " | ".join(rows[0][1]) if rows else "", rows=rows, owner=heading)
            )
        elif token.type == "inline" and depth and fresh:
            if _CHECKBOX.match(token.content):
                found.append(Element("checkbox", first, last, plain(token.content.split("]", 1)[1]), owner=heading))
            fresh = False
        at += 1
    return found


def _table(tokens: list[Any], at: int, offset: int) -> tuple[int, tuple[tuple[int, tuple[str, ...]], ...]]:
    rows: list[tuple[int, tuple[str, ...]]] = []
    row: list[str] = []
    line = 0
    while tokens[at].type != "table_close":
        token = tokens[at]
        if token.type == "tr_open":
            row, line = [], (token.map[0] + 1 + offset if token.map else 0)
        elif token.type == "inline":
            row.append(str(token.content))
        elif token.type == "tr_close":
            rows.append((line, tuple(row)))
        at += 1
    return at, tuple(rows)


def headings(elements: tuple[Element, ...]) -> tuple[Element, ...]:
    """The headings alone; `Element.owner` counts in them."""
    return tuple(each for each in elements if each.kind == "heading")
