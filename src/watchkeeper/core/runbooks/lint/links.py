"""Links of a Markdown document to files and headings, and those that lead nowhere. No network is ever asked."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from watchkeeper.core.runbooks.values import Finding

_FENCE: Final = re.compile(r"^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}|~{3,})(.*)$")
_INLINE: Final = re.compile(r"(?<!\\)\]\(\s*(<[^<>]*>|[^\s()<>]*(?:\([^\s()]*\)[^\s()]*)*)")
_DEFINITION: Final = re.compile(r"^ {0,3}\[(?!\^)[^\]\n]+\]:\s*(<[^<>]*>|\S+)")
_HTML: Final = re.compile(r"<(?:a|img|source|video)\s[^<>]*?\b(?:href|src)\s*=\s*[\"']([^\"'<>]*)[\"']", re.IGNORECASE)
_CODE: Final = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:|^//")
_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(?:=+|-{2,})[ \t]*$")
_ANCHOR: Final = re.compile(r"<[A-Za-z][^<>]*?\b(?:id|name)\s*=\s*[\"']([^\"'<>]+)[\"']")
MAX_LINE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another place of the same root. path: relative to the root, "" for the document itself."""

    line: int
    written: str
    path: str
    anchor: str = ""


def outside_fences(text: str) -> Iterator[tuple[int, str]]:
    """(line number, line) of everything that is in no fence and no comment. An unclosed fence reaches to the end."""
    fence, comment = "", False
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        match = None if comment else _FENCE.match(line)
        if fence:
            if (
                match
                and match.group(1)[0] == fence[0]
                and len(match.group(1)) >= len(fence)
                and not match.group(2).strip()
            ):
                fence = ""
            continue
        if match and not (match.group(1)[0] == "`" and "`" in match.group(2)):
            fence = match.group(1)
            continue
        if comment:
            comment = "-->" not in line
            continue
        if line.lstrip().startswith("<!--"):
            comment = "-->" not in line
            continue
        yield number, line[:MAX_LINE]


def prose(text: str) -> Iterator[tuple[int, str]]:
    """`outside_fences`, without front matter and indented code."""
    front = _front_matter_lines(text)
    for number, line in outside_fences(text):
        if number > front and not line.startswith(("    ", "\t")):
            yield number, line


def _front_matter_lines(text: str) -> int:
    lines = text.split("\n", 401)[:401]
    if lines[0].lstrip("\ufeff").rstrip() != "---":
        return 0
    return next((index + 1 for index in range(1, len(lines)) if lines[index].rstrip() in ("---", "...")), 0)


def links(text: str, path: str) -> tuple[Link, ...]:
    """Every link of a document to a file or heading that can be looked for. path: of the document, from the root."""
    found: list[Link] = []
    front = _front_matter_lines(text)
    for number, line in outside_fences(text):
        if number <= front or ("](" not in line and "]:" not in line and "=" not in line):
            continue
        plain = _CODE.sub("``", line)
        targets = [match.group(1) for match in (*_INLINE.finditer(plain), *_HTML.finditer(plain))]
        definition = _DEFINITION.match(plain)
        for target in [*targets, *([definition.group(1)] if definition else [])]:
            link = _link(number, target.strip("<>").strip(), path)
            if link is not None:
                found.append(link)
    return tuple(found)


def _link(line: int, written: str, path: str) -> Link | None:
    if not written or _SCHEME.match(written) or re.search(r"[{}$\\|*]", written):
        return None
    target, _, anchor = written.partition("#")
    target = unquote(target.partition("?")[0])
    if not target:
        return Link(line, written, "", unquote(anchor)) if anchor else None
    base = "" if target.startswith("/") else posixpath.dirname(path)
    full = posixpath.normpath(posixpath.join(base, target.lstrip("/") if target.startswith("/") else target))
    if full.startswith(("../", "/")) or full == "..":
        return None
    return Link(line, written, full, unquote(anchor))


def anchors(text: str) -> frozenset[str]:
    """What a link may name after ``#`` in this document, in lower case: its headings as GitHub writes them, and ids."""
    found: set[str] = set()
    times: dict[str, int] = {}
    before = ""
    for _, line in outside_fences(text):
        found.update(each.lower() for each in _ANCHOR.findall(line))
        heading = _HEADING.match(line)
        title = (heading.group(2) or "") if heading else before if _UNDERLINE.match(line) and before.strip() else None
        before = "" if heading else line
        if title is None:
            continue
        for written in {title, re.sub(r"(?<![^\W_])_+|_+(?![^\W_])", "", title)}:
            name = _slug(written)
            count = times.get(name, 0)
            times[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
    return frozenset(found)


def _slug(title: str) -> str:
    """As GitHub does: markup gone, lower case, everything but letters, digits, ``-`` and ``_`` gone, spaces to dashes."""
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", title)
    text = re.sub(r"<[^<>]*>|\s*\{#[^}]*\}", "", text).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def dead_links(text: str, path: str, targets: Mapping[str, frozenset[str] | None]) -> Iterator[Finding]:
    """Links whose file, folder or heading is not among `targets` (see `Surroundings`)."""
    own: frozenset[str] | None = None
    for link in links(text, path):
        if link.path:
            if link.path not in targets:
                sentence = f'The link to "{link.written}" is dead: no such file or folder. Correct it, or take it out.'
                yield Finding(link.line, "warning", sentence, "dead-link")
                continue
            there, name = targets[link.path], link.path
        else:
            own = anchors(text) if own is None else own
            there, name = own, "this document"
        if link.anchor and there is not None and not _is_there(link.anchor, there):
            missing = f'{name} has no heading "{link.anchor}"'
            sentence = f'The link to "{link.written}" is dead: {missing}. Correct it, or take it out.'
            yield Finding(link.line, "warning", sentence, "dead-link")


def _is_there(anchor: str, known: frozenset[str]) -> bool:
    name = anchor.lower()
    return name in known or name in ("top", "") or re.fullmatch(r"l\d+(-l?\d+)?", name) is not None
