"""Markdown as a page shows it. Everything stays text: no markup that somebody wrote is ever passed on, no address becomes a
link, nothing is loaded.

Entries of the log (`prose`) are read by a few rules of their own; a whole document (`document`) by markdown-it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 300_000
"""Of a longer document the rest is not rendered; its text as it is written is shown beside it."""
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


# ---- whole documents -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def document(text: str) -> SafeString:
    """A whole document. Raw HTML is shown as text, of a link its words and its address, of an image that there is one.

    Headings begin at the third level: the page has the first two.
    """
    return SafeString(_reader().render(text[:LONGEST]))  # html is off, and our rules below escape the rest


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table")
    for name, rule in _RULES.items():
        reader.add_render_rule(name, rule)
    return reader


def _text(text: str) -> str:
    return format_html("{}", text)


def _pre(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    block = '<pre class="out" tabindex="0" role="group" aria-label="Exact text">{}</pre>\n'
    return format_html(block, tokens[index].content.rstrip("\n"))


def _heading(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    level = min(int(tokens[index].tag[1]) + 2, 6)
    return f"<h{level}>" if tokens[index].nesting == 1 else f"</h{level}>\n"


def _no_image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return _text(f"[image: {tokens[index].content or 'without words'}, {_address(tokens[index], 'src')}]")


def _address(token: Token, name: str) -> str:
    return str(token.attrGet(name) or "")[:300]


def _link_open(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return ""


def _link_close(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """The address behind the words of a link, unless they are the same."""
    depth, words = 0, ""
    for before in range(index - 1, -1, -1):
        token = tokens[before]
        depth += token.type == "link_close"
        if token.type == "link_open":
            if depth == 0:
                address = _address(token, "href")
                return "" if address == words else _text(f" ({address})")
            depth -= 1
        words = token.content + words
    return ""


def _begin_table(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="rows" tabindex="0" role="group" aria-label="Table"><table>\n'


def _end_table(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _cell(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Without the style that says how a column is set: the policy of our pages allows none."""
    return '<th scope="col">' if tokens[index].tag == "th" else "<td>"


def _list(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<{tokens[index].tag} class="prose">\n'


_RULES: dict[str, Any] = {
    "fence": _pre, "code_block": _pre, "heading_open": _heading, "heading_close": _heading, "image": _no_image,
    "link_open": _link_open, "link_close": _link_close, "table_open": _begin_table, "table_close": _end_table, "th_open": _cell,
    "td_open": _cell, "bullet_list_open": _list, "ordered_list_open": _list,
}  # fmt: skip
