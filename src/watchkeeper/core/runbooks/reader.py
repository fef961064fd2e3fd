"""From Markdown tokens to blocks in order: fences, prose steps, check tables and tasks, each under its heading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from watchkeeper.core.runbooks.attributes import read_comment
from watchkeeper.core.runbooks.escalations import Escalations
from watchkeeper.core.runbooks.outline import Heading, Outline, Standing
from watchkeeper.core.runbooks.phases import is_label, normal, plain, role_of
from watchkeeper.core.runbooks.silencing import read_silences
from watchkeeper.core.runbooks.tables import read_table
from watchkeeper.core.runbooks.values import CheckTable, Finding, Section, Silence, Table, Task

_BOLD = re.compile(
    r"^\s*(?:[^\w\s*_`]+\s*)?(?:\*\*(?P<a>[^*\n]+(?:\*[^*\n]+)*?)\*\*|__(?P<b>[^_\n]+(?:_[^_\n]+)*?)__)(?P<rest>.*)$",
    re.DOTALL,
)
_CHECKBOX: Final = re.compile(r"^\[(?P<mark>[ xX])\]\s+(?P<text>.+)$", re.DOTALL)
_CLOSING = re.compile(r"^[\s>]*(?:`{3,}|~{3,})\s*$")
_INNER = re.compile(
    r"(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)\n(?P<text>(?:(?![ \t]*(?:```|~~~)).*\n)*)[ \t]*(?P=mark)[ \t]*"
)
_OPENING = re.compile(r"(?m)^[ \t]*(```+|~~~+)[ \t]*([^\n`]*)$")


@dataclass(slots=True)
class FenceBlock:
    """A fence as it stands. line: 1-based line of its opening marker (or first line of an indented block).

    title: of the list item that holds it. before: the text above it. intro: the same when it stands at the fence's own
    depth and is not the first text of its item, so that it speaks of this fence only.
    """

    heading: Heading
    standing: Standing
    line: int
    info: str
    text: str
    title: str = ""
    before: str = ""
    intro: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    indented: bool = False
    unclosed: bool = False
    hidden: bool = False


@dataclass(slots=True)
class ProseBlock:
    """An item of an ordered list without commands: something a person does."""

    heading: Heading
    standing: Standing
    line: int
    text: str


@dataclass(slots=True)
class TaskBlock:
    """A checkbox."""

    heading: Heading
    task: Task


@dataclass(slots=True)
class TableBlock:
    """A table of checks."""

    heading: Heading
    table: CheckTable


@dataclass(slots=True)
class SymptomBlock:
    """Text that tells how the problem shows itself."""

    heading: Heading
    text: str


Block = FenceBlock | ProseBlock | TaskBlock | TableBlock | SymptomBlock


@dataclass(slots=True)
class _Item:
    """A list item that is being read."""

    ordered: bool
    line: int
    number: int
    outermost: bool
    title: str = ""
    texts: list[str] = field(default_factory=list)
    has_fence: bool = False
    checkbox: bool = False
    standing: Standing | None = None


def _tokens(text: str) -> list[Any]:
    """Block tokens with line maps; inline text stays unparsed, which nothing here needs."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table")
    parser.core.ruler.disable(["inline", "text_join"])
    return list(parser.parse(text))


class BlockReader:
    """Walks the tokens of one document and collects blocks and findings. offset: lines of front matter before it."""

    def __init__(self, lines: list[str], offset: int) -> None:
        self.lines = lines
        self.offset = offset
        self.outline = Outline()
        self.blocks: list[Block] = []
        self.findings: list[Finding] = []
        self.escalations = Escalations()
        self.sections: list[Section] = []
        self.tables: list[Table] = []
        self.silences: list[Silence] = []
        self._items: list[_Item] = []
        self._ordered: list[bool] = []
        self._counts: list[int] = []
        self._pending: Mapping[str, str] = {}
        self._paragraph = ""
        self._intro: tuple[_Item | None, str] = (None, "")
        self._last_prose: ProseBlock | None = None

    def read(self, text: str) -> None:
        """Read the Markdown text."""
        tokens = _tokens(text)
        index = 0
        while index < len(tokens):
            index = self._take(tokens, index)

    def _line(self, token: Any) -> int:
        return (token.map[0] if token.map else 0) + 1 + self.offset

    def _take(self, tokens: list[Any], index: int) -> int:
        token = tokens[index]
        kind = token.type
        if kind == "heading_open":
            self._heading(token, str(tokens[index + 1].content))
            return index + 3
        if kind == "paragraph_open":
            self._read_paragraph(token, str(tokens[index + 1].content))
            return index + 3
        if kind in ("fence", "code_block"):
            self._fence(token)
        elif kind == "html_block":
            self._html(token)
        elif kind == "table_open":
            return self._table(tokens, index)
        elif kind in ("bullet_list_open", "ordered_list_open"):
            self._ordered.append(kind == "ordered_list_open")
            self._counts.append(0)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._ordered.pop()
            self._counts.pop()
        elif kind == "list_item_open":
            self.outline.labels = [label for label in self.outline.labels if label.depth <= self._depth()]
            outermost = not any(item.ordered for item in self._items)
            self._counts[-1] += 1
            self._items.append(_Item(self._ordered[-1], self._line(token), self._counts[-1], outermost))
        elif kind == "list_item_close":
            self._close_item(self._items.pop())
        return index + 1

    def _depth(self) -> int:
        return len(self._items)

    def _fresh_block(self) -> None:
        self._last_prose = None
        self._paragraph = ""
        self._intro = (None, "")

    def _heading(self, token: Any, content: str) -> None:
        self._fresh_block()
        self._pending = {}
        self.sections.append(Section(self._line(token), int(token.tag[1:]), plain(content), role_of(content)))
        if self._items:
            self.outline.open_label(content, self._depth(), self._line(token))
            return
        self.outline.open_heading(content, int(token.tag[1:]), self._line(token))

    def _read_paragraph(self, token: Any, content: str) -> None:
        line = self._line(token)
        first_of_item = bool(self._items) and not self._items[-1].texts
        checkbox = _CHECKBOX.match(content) if first_of_item else None
        if not checkbox and (first_of_item or not self._items):
            self._escalate(content, line)
        if checkbox:
            self._items[-1].checkbox = True
            self._task(checkbox, line)
        elif not self._open_label(content, line):
            self.outline.settle(self._depth()) if not self._items or not first_of_item else None
            self._keep_symptom(content)
        if self._items:
            item = self._items[-1]
            if first_of_item:
                item.title = plain(content.split("\n", 1)[0]).rstrip(":： ")
                item.standing = self.outline.standing()
            for each in self._items:
                each.texts.append(content)
        self._last_prose = None
        self._paragraph = content
        self._intro = (self._items[-1] if self._items else None, "" if first_of_item else content)

    def _escalate(self, content: str, line: int) -> None:
        """Below an escalation word, list items and paragraphs say who is told when."""
        bold = _BOLD.match(content)
        if bold and not bold.group("rest").strip(" :："):
            return
        titles = self.outline.escalation_titles(self._depth() + (not self._items and not bold))
        if titles is not None:
            item = self._items[-1] if self._items else None
            number = item.number if item and item.ordered else None
            self.escalations.line(content, line, titles, number=number, listed=item is not None)

    def _open_label(self, content: str, line: int) -> bool:
        """Open a label when the text starts with a bold one, or is nothing but a phase word and a colon."""
        match = _BOLD.match(content)
        if match:
            title = match.group("a") or match.group("b") or ""
            if not is_label(title):
                return False
            label = self.outline.open_label(title, self._depth(), line)
            rest = match.group("rest").strip().lstrip(":：- ").strip()
            if label.role == "symptom" and rest:
                self.blocks.append(SymptomBlock(self.outline.current, rest))
            return True
        short = content.strip()
        if (
            "\n" not in short
            and len(short) < 60
            and short.endswith((":", "："))
            and role_of(short)
            and len(normal(short).split()) <= 4
        ):
            self.outline.open_label(short, self._depth(), line)
            return True
        return False

    def _keep_symptom(self, content: str) -> None:
        plain_label = re.match(r"^([A-Za-z\u3000-\u9fff][\w \u3000-\u9fff]{1,30})[:：]\s*(\S.*)$", content, re.DOTALL)
        if plain_label and role_of(plain_label.group(1)) == "symptom":
            self.blocks.append(SymptomBlock(self.outline.current, plain_label.group(2)))
        elif self.outline.standing().role == "symptom":
            self.blocks.append(SymptomBlock(self.outline.current, content))

    def _task(self, match: re.Match[str], line: int) -> None:
        text = plain(" ".join(match.group("text").split()))
        owner = re.search(r"(?:^|\s)@([\w.-]+)", text)
        due = re.search(r"\b(\d{4}-\d{2}-\d{2})\b", text)
        kind = "task" if self.outline.standing().role == "followup" else "sign-off"
        task = Task(
            text,
            "task" if kind == "task" else "sign-off",
            line,
            match.group("mark") != " ",
            owner and owner.group(1),
            due and due.group(1),
        )
        self.blocks.append(TaskBlock(self.outline.current, task))

    def _close_item(self, item: _Item) -> None:
        if not item.ordered or not item.outermost or item.has_fence or item.checkbox or not item.texts:
            return
        standing = item.standing or self.outline.standing()
        if standing.role in ("text", "symptom", "escalation", "followup"):
            return
        text = "\n".join(item.texts).strip()
        self._last_prose = ProseBlock(self.outline.current, standing, item.line, text)
        self.blocks.append(self._last_prose)

    def _fence(self, token: Any) -> None:
        line = self._line(token)
        self.outline.settle(self._depth())
        title = next((item.title for item in reversed(self._items) if item.title), "")
        if not self._items and self._last_prose is not None:  # the list item above has its command below the list
            title = plain(self._last_prose.text.split("\n", 1)[0]).rstrip(":： ")
            self.blocks.remove(self._last_prose)
        for item in self._items:
            item.has_fence = True
            item.texts.append("")
        indented = token.type == "code_block"
        info, text = "" if indented else str(token.info), str(token.content).rstrip("\n")
        inner = _INNER.fullmatch(text) if indented else None
        if inner:  # a fence that is indented too deep for its list is still what its author wrote
            indented, info, text = False, inner.group("info"), inner.group("text").rstrip("\n")
        last = self.lines[token.map[1] - 1] if token.map and 0 < token.map[1] <= len(self.lines) else ""
        unclosed = token.type == "fence" and (
            token.map[1] - token.map[0] < 2 or not _CLOSING.match(re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", last))
        )
        block = FenceBlock(
            self.outline.current,
            self.outline.standing(),
            line,
            info,
            text,
            title,
            self._paragraph,
            self._intro[1] if self._intro[0] is (self._items[-1] if self._items else None) else "",
            self._pending,
            indented,
            unclosed,
        )
        self.blocks.append(block)
        self._pending = {}
        self._fresh_block()

    def _html(self, token: Any) -> None:
        content = str(token.content)
        metadata = read_comment(content)
        if metadata is not None:
            self._pending = metadata
            return
        silences = read_silences(content, self._line(token))
        if silences is not None:
            self.silences.extend(silences)
            return
        if content.lstrip().startswith("<!--"):
            if re.match(r"\s*<!--\s*watchkeeper\b", content):
                sentence = (
                    "This watchkeeper comment is not read: expected one JSON "
                    'object such as <!-- watchkeeper {"host": "db1"} -->.'
                )
                self.findings.append(Finding(self._line(token), "warning", sentence, "attributes"))
            return
        for match in _OPENING.finditer(content):
            if match.group(2).strip() or content.count(match.group(1), 0, match.start()) % 2 == 0:
                self._hidden_fence(content, match, self._line(token) + content.count("\n", 0, match.start()))

    def _hidden_fence(self, content: str, match: re.Match[str], line: int) -> None:
        end = content.find(match.group(1), match.end())
        body = content[match.end() : end if end >= 0 else len(content)].strip("\n")
        block = FenceBlock(self.outline.current, self.outline.standing(), line, match.group(2), body, hidden=True)
        self.blocks.append(block)
        sentence = (
            "This fence stands inside an HTML block, so Markdown reads "
            "it as text: put an empty line before it to make it a step."
        )
        self.findings.append(Finding(line, "warning", sentence, "hidden-fence"))

    def _table(self, tokens: list[Any], index: int) -> int:
        line, row_line = self._line(tokens[index]), 0
        header: list[str] = []
        row: list[str] = []
        rows: list[tuple[int, list[str]]] = []
        self.outline.settle(self._depth())
        while index < len(tokens) and tokens[index].type != "table_close":
            token = tokens[index]
            if token.type == "tr_open":
                row, row_line = [], self._line(token)
            elif token.type == "inline":
                row.append(str(token.content))
            elif token.type == "tr_close" and row:
                if header:
                    rows.append((row_line, row))
                else:
                    header = row
            index += 1
        table = read_table(header, rows, line, self._pending.get("host"))
        kind: Literal["checks", "escalation", "text"] = "text"
        if table is not None:
            kind = "checks"
            self.blocks.append(TableBlock(self.outline.current, table))
        elif self.escalations.table(header, rows, below=self.outline.escalation_titles(self._depth() + 1) is not None):
            kind = "escalation"
        self.tables.append(Table(line, tuple(plain(cell) for cell in header), len(rows), kind))
        self._pending = {}
        self._fresh_block()
        return index + 1
