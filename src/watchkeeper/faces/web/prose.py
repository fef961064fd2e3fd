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
            yield format_html('<ul class="prose">{}</ul>', _joined("<li>{}</li>", [_spans(line[2:]) for line in lines]))
        elif lines:
            yield format_html("<p>{}</p>", _joined("{}<br>", [_spans(line) for line in lines]))


def _spans(line: str) -> SafeString:
    """A line with its `code` in the voice of machines; the backslash before a sign of Markdown is not shown."""
    parts: list[SafeString] = []
    position = 0
    for match in _CODE.finditer(line):
        parts.append(format_html("{}", _ESCAPED.sub(r"\1", line[position : match.start()])))
        parts.append(format_html("<code>{}</code>", match.group(2).strip()))
        position = match.end()
    parts.append(format_html("{}", _ESCAPED.sub(r"\1", line[position:])))
    return _joined("{}", parts)


def _joined(form: str, parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", form, ((part,) for part in parts))
