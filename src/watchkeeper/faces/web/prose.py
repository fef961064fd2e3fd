"""The Markdown of log entries as a page shows it: paragraphs, lists, commands. Everything stays text.

No markup of the entry is ever passed on: what is not understood is shown as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_FENCED = re.compile(r"(?ms)^(`{3,}|~{3,})[^\n]*\n(.*?)^\1[ \t]*$")
_CODE = re.compile(r"(`+)(.+?)\1(?!`)")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!<>|])")
_ITEM = ("- ", "* ")
_STRONG = re.compile(r"(?<![\\*])\*\*(?=[^\s*])([^*]+)(?<=[^\s\\])\*\*(?!\*)")
_TASK = re.compile(r"\[([ xX])\]\s+")
_RULED = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$")
_BAR = re.compile(r"(?<!\\)\|")


def prose(text: str) -> SafeString:
    """An entry's section as paragraphs, lists and command blocks."""
    parts: list[SafeString] = []
    position = 0
    for match in _FENCED.finditer(text):
        parts.extend(_paragraphs(text[position : match.start()]))
        block = '<pre class="out" tabindex="0" role="group" aria-label="Exact text">{}</pre>'
        parts.append(format_html(block, match.group(2).rstrip("\n")))
        position = match.end()
    parts.extend(_paragraphs(text[position:]))
    return _joined("{}", parts)


def _paragraphs(text: str) -> Iterable[SafeString]:
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        if lines and all(line.startswith(_ITEM) for line in lines):
            yield format_html('<ul class="prose">{}</ul>', _joined("<li>{}</li>", [_item(line[2:]) for line in lines]))
        elif len(lines) > 1 and all(line.startswith("|") for line in lines) and _RULED.match(lines[1]):
            yield _table(lines)
        elif lines:
            yield format_html("<p>{}</p>", _joined("{}<br>", [_spans(line) for line in lines]))


def _item(line: str) -> SafeString:
    """A line of a list; a task says whether it is done."""
    task = _TASK.match(line)
    if task is None:
        return _spans(line)
    return format_html("{} {}", "Done:" if task.group(1) in "xX" else "Open:", _spans(line[task.end() :]))


def _table(lines: list[str]) -> SafeString:
    """Rows between bars; the first names the columns."""
    head, *rows = [[cell.strip() for cell in _BAR.split(line.strip().strip("|"))] for line in (lines[0], *lines[2:])]
    cells = [_joined("<td>{}</td>", [_spans(cell) for cell in (*row, *[""] * (len(head) - len(row)))]) for row in rows]
    named = _joined('<th scope="col">{}</th>', [_spans(cell) for cell in head])
    table = "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
    frame = '<div class="rows" tabindex="0" role="group" aria-label="Table">'
    return format_html(f"{frame}{table}</div>", named, _joined("<tr>{}</tr>", cells))


def _spans(line: str) -> SafeString:
    """A line with its `code` in the voice of machines; the backslash before a sign of Markdown is not shown."""
    parts: list[SafeString] = []
    position = 0
    for match in _CODE.finditer(line):
        parts.append(_words(line[position : match.start()]))
        parts.append(format_html("<code>{}</code>", match.group(2).strip()))
        position = match.end()
    parts.append(_words(line[position:]))
    return _joined("{}", parts)


def _words(text: str) -> SafeString:
    """Text between code: what stands between double stars is strong."""
    found = _STRONG.split(text)
    plain = [_ESCAPED.sub(r"\1", each) for each in found]
    return _joined(
        "{}", [format_html("<strong>{}</strong>" if at % 2 else "{}", each) for at, each in enumerate(plain)]
    )


def _joined(form: str, parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", form, ((part,) for part in parts))
