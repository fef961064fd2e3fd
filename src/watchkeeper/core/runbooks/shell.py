"""A shell text as its syntax tree tells it: the simple commands, what feeds them, variables and redirections.

tree-sitter is imported at first use, so that the command line starts without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

MAX_TEXT = 32_768
MAX_DEPTH = 4
MAX_UPSTREAM = 4096
MAX_HERE_DOCUMENTS, MAX_PIPES = 50, 1000  # the parser needs quadratic time for more
_STRAY = frozenset(("}", "{", "fi", "done", "then", "do", "esac", "else", "elif", ")"))


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command. words: program first, quotes removed, expansions kept as written.

    stdin: ``""`` nothing, ``pipe``, ``file`` or ``text``; fed: what the pipe or here-document gives, as text.
    inner: it came out of another command's argument (``bash -c``, ``ssh host``, ``xargs`` ...).
    """

    words: tuple[str, ...]
    row: int = 0
    stdin: str = ""
    fed: str = ""
    inner: bool = False
    remote: bool = False

    @property
    def name(self) -> str:
        """The program without its directory."""
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]


@dataclass(frozen=True, slots=True)
class Use:
    """One expansion of a variable. optional: the text itself gives a value when it is unset (``${X:-1}``)."""

    name: str
    row: int
    optional: bool


@dataclass(frozen=True, slots=True)
class Script:
    """All that was found in one shell text. rows are 0-based lines of the text.

    comments: (row, text) of comments on lines of their own at the top level; trailing: other comments.
    statements: (first row, last row) of each top-level statement. writes: destinations of writing redirections.
    """

    commands: tuple[Command, ...] = ()
    comments: tuple[tuple[int, str], ...] = ()
    trailing: tuple[tuple[int, str], ...] = ()
    statements: tuple[tuple[int, int], ...] = ()
    assigned: frozenset[str] = frozenset()
    uses: tuple[Use, ...] = ()
    writes: tuple[str, ...] = ()
    background: bool = False
    broken: bool = False
    loops_forever: bool = False


@dataclass(slots=True)
class _Found:
    commands: list[Command] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    trailing: list[tuple[int, str]] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    uses: list[Use] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    background: bool = False
    loops_forever: bool = False


@dataclass(frozen=True, slots=True)
class _Around:
    stdin: str = ""
    fed: str = ""
    prefix: bool = False


@cache
def _parser() -> Any:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _plain(text: str) -> str:
    """The text with one ASCII character per character, for parsing only.

    The scanner of tree-sitter-bash 0.25 reads memory that is not its own when other letters or control characters stand
    near a here-document (found by fuzzing; it ends the process), and documents are untrusted.
    """
    return re.sub(r"[^\x00-\x7f]", "u", re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", text))


class _Walker:
    """Reads nodes against their source and takes down what they say."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.found = _Found()

    def text_of(self, node: Any) -> str:
        """The source text of a node. The parsed text has one byte per character, so byte offsets are places in it."""
        return self.source[node.start_byte : node.end_byte]

    def upstream(self, pipeline: Any, part: Any) -> str:
        """What stands before one part of a pipeline; a very long one counts as unreadable."""
        size = part.start_byte - pipeline.start_byte
        return self.source[pipeline.start_byte : part.start_byte] if size <= MAX_UPSTREAM else ""

    def literal(self, node: Any) -> str:
        """A word without its quotes; expansions stay as written."""
        kind, raw = node.type, self.text_of(node)
        if kind == "raw_string":
            return raw[1:-1]
        if kind == "ansi_c_string":
            return raw[2:-1]
        if kind in ("string", "translated_string"):
            return re.sub(r'\\(["\\$`])', r"\1", raw[raw.find('"') + 1 : -1])
        if kind == "concatenation":
            return "".join(self.literal(child) for child in node.children)
        if kind == "command_name":
            return "".join(self.literal(child) for child in node.children) if node.children else raw
        return re.sub(r"\\(.)", r"\1", raw) if kind == "word" else raw

    def command(self, node: Any, around: _Around) -> Command:
        words: list[str] = []
        stdin, fed = around.stdin, around.fed
        for child in node.children:
            if child.type == "herestring_redirect":
                stdin, fed = "text", self.text_of(child)[3:].strip().strip("\"'")
            elif child.type in ("file_redirect", "heredoc_redirect"):
                if self.text_of(child).lstrip("0").startswith("<"):
                    stdin = "file"
            elif child.is_named and child.type != "variable_assignment":
                words.append(self.literal(child))
        return Command(tuple(words), node.start_point[0], stdin, fed)

    def use(self, node: Any) -> Use | None:
        match = re.match(r"\$\{?[!#]?(\w+|[@*#?$!-])(.*)", self.text_of(node), re.DOTALL)
        if match is None:
            return None
        return Use(match.group(1), node.start_point[0], bool(re.match(r":?[-=+]", match.group(2))))

    def redirected(self, node: Any, around: _Around) -> Iterator[tuple[Any, _Around]]:
        inside = around
        body_text = self.text_of(node.children[0]) if node.children else ""
        for child in node.children:
            if child.type == "heredoc_redirect":
                body = next((self.text_of(part) for part in child.children if part.type == "heredoc_body"), "")
                inside = replace(inside, stdin="text", fed=body)
                body_text = body
            elif child.type == "herestring_redirect":
                inside = replace(inside, stdin="text", fed=self.text_of(child)[3:].strip().strip("\"'"))
            elif child.type == "file_redirect" and re.match(r"\d*<", self.text_of(child)):
                inside = replace(inside, stdin="file", fed="")
        for child in node.children:
            if child.type == "heredoc_redirect":
                yield child, _Around("pipe", body_text)
            elif child.type.endswith("redirect"):
                yield child, _Around()
            elif child.type in ("list", "pipeline"):
                parts = child.children
                for index, part in enumerate(parts):
                    last = index == len(parts) - 1
                    upstream = self.upstream(child, part)
                    piped = _Around("pipe", upstream) if child.type == "pipeline" and index else around
                    yield part, inside if last and inside is not around else piped
            else:
                yield child, inside

    def pipeline(self, node: Any, around: _Around) -> Iterator[tuple[Any, _Around]]:
        for index, child in enumerate(node.children):
            upstream = self.upstream(node, child)
            yield child, _Around("pipe", upstream) if index else around

    def note(self, node: Any, around: _Around, top: bool) -> None:
        """Take down what this one node says."""
        kind = node.type
        if kind == "comment":
            previous = node.prev_sibling
            own_line = previous is None or previous.end_point[0] < node.start_point[0] or previous.end_point[1] == 0
            (self.found.comments if top and own_line else self.found.trailing).append(
                (node.start_point[0], self.text_of(node))
            )
        elif kind == "variable_assignment":
            if node.parent is None or node.parent.type != "command":
                self.found.assigned.add(re.split(r"[\[+=]", self.text_of(node), maxsplit=1)[0])
        elif kind in ("for_statement", "select_statement", "c_style_for_statement"):
            variable = node.child_by_field_name("variable")
            if variable is not None:
                self.found.assigned.add(self.text_of(variable))
            elif kind == "c_style_for_statement":
                self.found.assigned.update(re.findall(r"\b([A-Za-z_]\w*)\s*=", self.text_of(node).split(";", 1)[0]))
        elif kind in ("simple_expansion", "expansion"):
            use = self.use(node)
            if use is not None:
                self.found.uses.append(use)
        elif kind == "file_redirect":
            match = re.match(r"(?:\d*|&)(>>?\||>>|>\||&>>?|>&|>)\s*(.*)", self.text_of(node), re.DOTALL)
            if match and not re.fullmatch(r"[\d-]+|/dev/(null|stderr|stdout|tty|fd/\d+)", match.group(2).strip()):
                self.found.writes.append(match.group(2).strip().strip("\"'"))
        elif kind == "while_statement":
            condition = node.child_by_field_name("condition")
            if condition is not None and self.text_of(condition).strip().rstrip(";").strip() in (
                "true",
                ":",
                "[ 1 ]",
                "[[ 1 ]]",
            ):
                self.found.loops_forever = self.found.loops_forever or "break" not in self.text_of(node)
        elif (
            kind == "&"
            and node.parent is not None
            and node.parent.type in ("program", "list", "compound_statement", "do_group", "subshell")
        ):
            self.found.background = True


def _names_set(command: Command) -> Iterator[str]:
    """Variables that a built-in gives a value."""
    if command.name in ("read", "mapfile", "readarray", "getopts"):
        yield from (word for word in command.arguments if re.fullmatch(r"[A-Za-z_]\w*", word))
        yield "REPLY"
    elif command.name == "printf" and "-v" in command.arguments[:1] and len(command.words) > 2:
        yield command.words[2]


@lru_cache(maxsize=256)
def _read(text: str) -> Script:
    root = _parser().parse(_plain(text).encode("ascii")).root_node
    walker = _Walker(text)
    found = walker.found
    stack: list[tuple[Any, _Around, bool]] = [(root, _Around(), False)]
    while stack:
        node, around, top = stack.pop()
        walker.note(node, around, top)
        if node.type == "command":
            command = walker.command(node, around)
            found.commands.append(command)
            found.assigned.update(_names_set(command))
            inside: list[tuple[Any, _Around]] = [(child, _Around()) for child in node.children]
        elif node.type == "redirected_statement":
            inside = list(walker.redirected(node, around))
        elif node.type == "pipeline":
            inside = list(walker.pipeline(node, around))
        else:
            inside = [(child, around) for child in node.children]
        is_root = node.type in ("program", "ERROR") and node.parent is None
        stack.extend((child, near, is_root) for child, near in reversed(inside))
    stray = any(command.words and command.words[0] in _STRAY for command in found.commands)
    statements = tuple(
        (
            child.start_point[0],
            child.end_point[0] - (1 if child.end_point[1] == 0 and child.end_point[0] > child.start_point[0] else 0),
        )
        for child in root.children
        if child.is_named and child.type != "comment"
    )
    return Script(
        tuple(found.commands),
        tuple(found.comments),
        tuple(found.trailing),
        statements,
        frozenset(found.assigned),
        tuple(found.uses),
        tuple(found.writes),
        found.background,
        root.has_error or stray,
        found.loops_forever,
    )


def read_script(text: str) -> Script:
    """The syntax tree of a shell text, flattened. A text over 32 KB, or without sense, comes back ``broken``."""
    if len(text) > MAX_TEXT or text.count("<<") > MAX_HERE_DOCUMENTS or text.count("|") > MAX_PIPES:
        return Script(broken=True)
    return _read(text)


def ends_in_background(text: str) -> bool:
    """Whether its last command goes to the background; one that a `wait` follows is waited for by the text itself."""
    return re.search(r"(?<![&\\])&[ \t]*(?:#[^\n]*)?\s*$", text) is not None
