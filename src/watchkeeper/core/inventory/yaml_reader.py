"""YAML with positions: bytes of a file to a tree in which every key and value knows its line and column.

Reads events, builds no objects from tags and stops at bounds, so no document can hurt. What YAML 1.1 and 1.2 read
differently (``on``, ``0755``, ``12:30``) is refused instead of guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from watchkeeper.core.inventory.values import Mistake

MAX_BYTES = 1_048_576
MAX_NODES = 50_000
MAX_DEPTH = 30
MAX_MISTAKES = 50

_BOOLEAN_TRAP = re.compile(r"(?:yes|no|on|off)\Z", re.IGNORECASE)
_OCTAL_TRAP = re.compile(r"[-+]?0o?[0-9]+\Z")
_SEXAGESIMAL_TRAP = re.compile(r"[-+]?\d+(?::[0-5]?\d)+(?:\.\d*)?\Z")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})\Z")
_REAL = re.compile(r"[-+]?\d{1,18}\.\d{0,18}(?:[eE][-+]?\d{1,2})?\Z")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a map. line and column count from 1."""

    text: str
    line: int
    column: int


@dataclass(slots=True)
class Node:
    """One value. content: a scalar, a list of nodes, or a dict from key text to (key, node). line, column from 1.

    quoted: a scalar in quotes; block: a scalar over several lines, whose columns are not those of the file.
    """

    content: Any
    line: int
    column: int
    quoted: bool = False
    block: bool = False
    text: str = ""

    @property
    def is_map(self) -> bool:
        return isinstance(self.content, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.content, list)

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.content, dict):
            return {name: node.plain() for name, (_, node) in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def get(self, name: str) -> Node | None:
        """The value under a key of a map, or None."""
        found = self.content.get(name) if isinstance(self.content, dict) else None
        return found[1] if found else None

    def at(self, *keys: str) -> Node | None:
        """The value behind several keys, or None."""
        node: Node | None = self
        for key in keys:
            node = node.get(key) if node is not None else None
        return node

    def keys(self) -> Mapping[str, Key]:
        """The keys of a map with their positions; empty for anything else."""
        return {name: key for name, (key, _) in self.content.items()} if isinstance(self.content, dict) else {}

    def items(self) -> Iterator[tuple[Key, Node]]:
        """Keys and values of a map; nothing for anything else."""
        if isinstance(self.content, dict):
            yield from self.content.values()

    @property
    def kind(self) -> str:
        """How an error calls it."""
        if self.is_map:
            return "a map"
        if self.is_list:
            return "a list"
        if self.content is None:
            return "nothing"
        return f"'{_short(self.text)}'"


@dataclass(slots=True)
class Document:
    """What was read of one file. root is None when nothing could be read."""

    file: str
    root: Node | None = None
    mistakes: list[Mistake] = field(default_factory=list)


class _Stop(Exception):
    """Reading ends here; the mistake has been noted."""


@dataclass(slots=True)
class _Open:
    """A map or list that is being filled."""

    node: Node
    key: Key | None = None
    anchor: str | None = None


def read_yaml(file: str, data: bytes) -> Document:
    """Read one file. Never raises for bad input: every fault is a mistake with its position."""
    document = Document(file)
    text = _decode(document, data)
    if text is not None:
        _Reader(document, text).read()
    return document


def _decode(document: Document, data: bytes) -> str | None:
    def note(line: int, column: int, found: str, expected: str) -> None:
        document.mistakes.append(Mistake(document.file, line, column, found, expected))

    if len(data) > MAX_BYTES:
        note(1, 1, f"{len(data) / 1e6:.1f} MB", "at most 1 MB; split it into several files")
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        note(1, 1, "UTF-16 text", "UTF-8 text; save it as UTF-8")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        note(before.count(b"\n") + 1, column, f"the byte 0x{data[error.start]:02x}", "UTF-8 text; save it as UTF-8")
        return None
    for match in re.finditer(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        line, column = _position(text, match.start())
        note(line, column, f"the control character 0x{ord(match.group()):02x}", "text without control characters")
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


class _Reader:
    """Turns events into nodes with an explicit stack."""

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        self._text = text
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._sizes: dict[int, int] = {}
        self._nodes = 0
        self._documents = 0

    def read(self) -> None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            for event in YAML(typ="safe", pure=True).parse(self._text):
                self._take(event)
        except _Stop:
            pass
        except MarkedYAMLError as error:
            self._broken(error)
        except (YAMLError, RecursionError, ValueError) as error:
            self._note(1, 1, f"text that cannot be read as YAML ({type(error).__name__})", "YAML")
            self._document.root = None

    def _note(self, line: int, column: int, found: str, expected: str, example: str = "", meant: str = "") -> None:
        self._document.mistakes.append(Mistake(self._document.file, line, column, found, expected, example, meant))
        if len(self._document.mistakes) >= MAX_MISTAKES:
            raise _Stop

    def _take(self, event: Any) -> None:
        name = type(event).__name__
        if name == "ScalarEvent":
            self._scalar(event)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            self._start(event, {} if name == "MappingStartEvent" else [])
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            self._end()
        elif name == "AliasEvent":
            self._alias(event)
        elif name == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                self._note(*_mark(event), "a second document (---)", "one document per file; split it into two files")
                raise _Stop

    def _count(self, event: Any, more: int = 1) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            self._note(*_mark(event), f"more than {MAX_NODES} values", f"at most {MAX_NODES} values in one file")
            self._document.root = None
            raise _Stop

    def _start(self, event: Any, content: Any) -> None:
        self._count(event)
        line, column = _mark(event)
        self._tag(event)
        if self._stack and self._stack[-1].node.is_map and self._stack[-1].key is None:
            self._note(line, column, "a map or list as a key", "text as a key", "name: value")
            raise _Stop
        if len(self._stack) >= MAX_DEPTH:
            self._note(line, column, "more nesting", f"at most {MAX_DEPTH} levels")
            self._document.root = None
            raise _Stop
        self._stack.append(_Open(Node(content, line, column), anchor=event.anchor))

    def _end(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = done.node
        self._place(done.node)

    def _scalar(self, event: Any) -> None:
        self._count(event)
        line, column = _mark(event)
        plain = bool(event.implicit[0]) and event.style in (None, "")
        if self._stack and self._stack[-1].node.is_map and self._stack[-1].key is None:
            self._key(event.value, line, column, plain)
            return
        self._tag(event)
        node = Node(event.value, line, column, quoted=event.style in ("'", '"'), text=event.value)
        node.block = event.style in ("|", ">") or event.end_mark.line != event.start_mark.line
        if plain:
            node.content = self._resolve(event.value, line, column)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._place(node)

    def _tag(self, event: Any) -> None:
        tag = getattr(event, "tag", None)
        if tag:
            line, column = _mark(event)
            self._note(line, column, f"the tag {_short(str(tag))}", "a plain value; tags are not used here")

    def _key(self, text: str, line: int, column: int, plain: bool) -> None:
        if text == "<<" and plain:
            self._note(line, column, "the merge key <<", "the keys themselves, or defaults in watchkeeper.yaml")
        elif plain and _BOOLEAN_TRAP.match(text):
            self._trap(text, line, column, "true or false in other readers of YAML")
        top = self._stack[-1].node.content
        if text in top:
            first = top[text][0]
            self._note(
                line, column, f"'{_short(text)}' a second time", f"each key once; it stands in line {first.line}"
            )
        self._stack[-1].key = Key(text, line, column)

    def _resolve(self, text: str, line: int, column: int) -> Scalar:
        if text in _NULL:
            return None
        if text in _TRUTH:
            return _TRUTH[text]
        if _INTEGER.match(text):
            return int(text)
        if _REAL.match(text):
            return float(text)
        if _BOOLEAN_TRAP.match(text):
            self._trap(text, line, column, "true or false in other readers of YAML")
        elif _OCTAL_TRAP.match(text):
            self._trap(text, line, column, "an octal number in other readers of YAML")
        elif _SEXAGESIMAL_TRAP.match(text):
            self._trap(text, line, column, "a number of base 60 in other readers of YAML")
        return text

    def _trap(self, text: str, line: int, column: int, otherwise: str) -> None:
        lower = text.lower()
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(lower, "")
        expected = (
            f"true or false, or text in quotes: '{text}' is {otherwise}"
            if meant
            else (f"a plain number, or text in quotes: '{text}' is {otherwise}")
        )
        self._note(line, column, f"'{text}' without quotes", expected, f'"{text}"', meant)

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        line, column = _mark(event)
        if self._stack and self._stack[-1].node.is_map and self._stack[-1].key is None:
            self._note(line, column, "an alias as a key", "text as a key", "name: value")
            raise _Stop
        if node is None:
            inside = any(each.anchor == event.anchor for each in self._stack)
            found = f"*{event.anchor} inside its own anchor" if inside else f"*{event.anchor} without an anchor"
            self._note(line, column, found, f"an anchor &{event.anchor} before it")
            node = Node(None, line, column)
        self._count(event, self._size(node))
        self._place(node)

    def _size(self, node: Node) -> int:
        """Values below a node with its aliases spelled out; sizes of finished nodes never change."""
        known = self._sizes.get(id(node))
        if known is None:
            inner = node.content if node.is_list else [each for _, each in node.items()]
            known = 1 + sum(self._size(each) for each in inner)
            self._sizes[id(node)] = known
        return known

    def _place(self, node: Node) -> None:
        if not self._stack:
            self._document.root = node
            return
        top = self._stack[-1]
        if top.node.is_list:
            top.node.content.append(node)
            return
        assert top.key is not None
        top.node.content.setdefault(top.key.text, (top.key, node))
        top.key = None

    def _broken(self, error: Any) -> None:
        """The structure itself is broken: one mistake, in words for people."""
        mark = error.problem_mark or error.context_mark
        if "quoted scalar" in str(error.context) or "expected ':'" in str(error.problem):
            mark = error.context_mark or mark  # where it began says more than where the reader gave up
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        self._document.root = None
        lines = self._text.split("\n")
        for number in (line, line - 1):
            written = lines[number - 1] if 0 < number <= len(lines) else ""
            tab = written.find("\t")
            if tab >= 0 and not written[:tab].strip(" -"):
                self._add(number, tab + 1, "a tab", "spaces: YAML does not indent with tabs")
                return
        found, expected, example = _explain(str(error.problem or ""), str(error.context or ""))
        self._add(line, column, found, expected, example)

    def _add(self, line: int, column: int, found: str, expected: str, example: str = "") -> None:
        self._document.mistakes.append(Mistake(self._document.file, line, column, found, expected, example))


def _explain(problem: str, context: str) -> tuple[str, str, str]:
    """(found, expected, example) for the phrases of the YAML scanner and parser."""
    if "mapping values are not allowed" in problem:
        return (
            "a second ': ' in one line",
            "text with ': ' in quotes, or one key per line",
            'description: "shop: orders"',
        )
    if "could not find expected ':'" in problem:
        return "a line without ':'", "'key: value'", "tier: 1"
    if "found unexpected end of stream" in problem or "quoted scalar" in context:
        return "text in quotes that is never closed", "a closing quote", 'owner: "ops"'
    if "found character" in problem and "cannot start any token" in problem:
        sign = re.search(r"'(\\?.)'", problem)
        return f"{sign.group(0) if sign else 'a sign'} at the start of a value", "text in quotes", 'owner: "@ops"'
    if "flow mapping" in context or "flow sequence" in context:
        return "a bracket that is never closed, or a missing comma", "',' or the closing bracket", "hosts: [app1, app2]"
    if "block mapping" in context or "block collection" in context or "block sequence" in context:
        return "a line that is indented differently from those above it", "the same indentation", ""
    if "undefined tag" in problem or "tag" in context:
        return "a tag", "a plain value; tags are not used here", ""
    return f"text that is not YAML ({problem or context})", "YAML", ""


def _mark(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _short(text: str, limit: int = 60) -> str:
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
