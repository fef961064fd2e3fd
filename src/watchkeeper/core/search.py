"""Search over what the team wrote: documents cut into their sections, questions cut into words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

Kind = Literal["runbook", "document", "query", "routine", "service", "host", "entry"]
"""runbook, document, query, routine: files of the ops repo; service, host: of the inventory; entry: of the log."""
KINDS: tuple[Kind, ...] = get_args(Kind)

LONGEST_QUESTION = 200
MOST_WORDS = 12
LARGEST_SECTION = 20_000
"""Characters of one section that are searched; a longer one is cut into several."""
MOST_SECTIONS = 400

_WORD = re.compile(r"\w+")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_SMALL = frozenset(
    (
        "a", "an", "and", "are", "at", "be", "by", "can", "did", "do", "does", "for", "from", "had", "has", "have", "how", "i",
        "if", "in", "is", "it", "its", "me", "my", "not", "of", "on", "or", "our", "that", "the", "there", "they", "this", "to",
        "was", "we", "were", "what", "when", "where", "which", "who", "why", "with", "you", "your",
    )
)  # fmt: skip
"""Words of a question that say nothing of what is looked for."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the knowledge base. path: from the ops repo; digest: sha256 of its bytes."""

    path: str
    kind: Kind
    title: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What the index keeps: one section of one document. name: path of a file, or name of a service or host."""

    kind: Kind
    name: str
    title: str
    heading: str
    body: str
    digest: str


@dataclass(frozen=True, slots=True)
class Found:
    """One place that answers a question. number: of an entry; snippet: the words around, on one line. at: epoch seconds."""

    kind: Kind
    name: str
    title: str
    heading: str
    snippet: str
    number: int | None = None
    at: float | None = None


def words_of(question: str) -> list[str]:
    """The words that count, in their order, each once: without small words, unless there are no others."""
    every = list(dict.fromkeys(word.lower() for word in _WORD.findall(question[:LONGEST_QUESTION])))
    telling = [word for word in every if word not in _SMALL]
    return (telling or every)[:MOST_WORDS]


def kind_of(path: str) -> Kind:
    """What a file of the ops repo is, by its folder."""
    folders = {"runbooks": "runbook", "queries": "query", "routines": "routine"}
    return cast(Kind, folders.get(path.partition("/")[0], "document"))


def title_of(path: str, text: str) -> str:
    """The first heading (or, of a query, the first comment); else the name of the file in words."""
    for line in text.splitlines()[:40]:
        heading = _HEADING.match(line)
        if heading:
            return heading[2].strip()[:200]
        if path.endswith(".sql") and line.startswith("--") and line.strip("- \t"):
            return line.strip("- \t")[:200]
    stem = path.rsplit("/", 1)[-1].rpartition(".")[0]
    return stem.replace("-", " ").replace("_", " ")


def pieces(document: Document) -> Iterator[Piece]:
    """The sections of a document, at most `MOST_SECTIONS`; a long one comes in several."""
    count = 0
    for heading, body in _sections(document.text):
        for start in range(0, max(1, len(body)), LARGEST_SECTION):
            if count >= MOST_SECTIONS:
                return
            part = body[start : start + LARGEST_SECTION]
            yield Piece(document.kind, document.path, document.title, heading, part, document.digest)
            count += 1


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """(heading, text below it); code blocks are no headings. Text before the first heading comes with ""."""
    heading, lines, fence = "", [], ""
    for line in text.splitlines():
        edge = _FENCE.match(line)
        if edge and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else edge[1]
        found = None if fence or edge else _HEADING.match(line)
        if found is None:
            lines.append(line)
            continue
        if heading or any(lines):
            yield heading, "\n".join(lines).strip()
        heading, lines = found[2].strip()[:200], []
    if heading or any(lines):
        yield heading, "\n".join(lines).strip()


def one_line(text: str, limit: int = 240) -> str:
    """A text on one line, cut at a word."""
    joined = " ".join(text.split())
    if len(joined) <= limit:
        return joined
    return joined[: limit - 3].rsplit(" ", 1)[0] + "..."


_MARKS = re.compile(
    r"`{3,}[\w-]*|~{3,}[\w-]*|^[ \t]*#{1,6}[ \t]|^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|?)+[ \t]*$|\|", re.MULTILINE
)


def readable(text: str) -> str:
    """Markdown without the marks that mean nothing on one line: fences, table rules and bars, signs of headings."""
    return _MARKS.sub(" ", text)


def around(text: str, words: list[str], limit: int = 240) -> str:
    """The part of a text around the first of these words, on one line."""
    joined = " ".join(readable(text).split())
    small = joined.lower()
    places = [place for place in (small.find(word) for word in words) if place >= 0]
    start = max(0, min(places, default=0) - limit // 3)
    if start:
        start = joined.find(" ", start) + 1
    return ("..." if start else "") + one_line(joined[start:], limit)
