"""Reading our own pages: every fence with the comment before it that says how it is tested."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.faces.cli.program import parser_of, split_verb, with_default_action

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = (*sorted(DOCS.glob("tutorial*.md")), *sorted((DOCS / "how-to").glob("*.md")))
WRITTEN = (DOCS / "README.md", *GUIDES, DOCS / "reference" / "api.md")
_MARK = re.compile(r"<!-- test: (.+) -->\Z")
_FENCE = re.compile(r"(`{3,})(\S*)")
_ENDS = re.compile(r"\|\||&&|[|;]")


@dataclass(frozen=True, slots=True)
class Fence:
    """One fenced example. test: the words of the comment before it, "" when there is none."""

    page: Path
    line: int
    test: str
    language: str
    text: str

    @property
    def kind(self) -> str:
        """The first word of the comment."""
        return self.test.partition(" ")[0]

    @property
    def argument(self) -> str:
        """What follows the first word."""
        return self.test.partition(" ")[2]

    def __str__(self) -> str:
        return f"{self.page.relative_to(DOCS)}:{self.line}"


def fences(page: Path) -> Iterator[Fence]:
    """The fences of a page, in order."""
    opened: tuple[int, str, str, str] | None = None
    body: list[str] = []
    before = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if opened is not None:
            if line.strip() == opened[1]:
                yield Fence(page, opened[0], opened[3], opened[2], "\n".join(body) + "\n")
                opened, body = None, []
            else:
                body.append(line)
        elif found := _FENCE.match(line):
            mark = _MARK.match(before)
            opened = (number, found[1], found[2], mark[1] if mark else "")
        before = line
    assert opened is None, f"{page}: the fence of line {opened and opened[0]} is never closed"


def of_kind(*kinds: str) -> list[Fence]:
    """Every fence of our pages that is tested in one of these ways."""
    return [fence for page in WRITTEN for fence in fences(page) if fence.kind in kinds]


def prose(page: Path) -> str:
    """The page without its fences."""
    kept, closing = [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        found = _FENCE.match(line)
        if closing:
            closing = "" if line.strip() == closing else closing
        elif found:
            closing = found[1]
        else:
            kept.append(line)
    return "\n".join(kept)


def wk_commands(text: str) -> Iterator[list[str]]:
    """The words after each ``wk`` of shell text, redirections left out."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in _outside_quotes(line):
            words = shlex.split(part, comments=True)
            places = [at for at, word in enumerate(words) if word == "wk" or word.endswith("/wk")]
            if places:
                yield _without_redirections(words[places[0] + 1 :])


def _outside_quotes(line: str) -> list[str]:
    """Parts of a line between ``|``, ``||``, ``&&`` and ``;`` that stand outside quotes."""
    hidden = re.sub(r"\"[^\"]*\"|'[^']*'", lambda found: "_" * len(found[0]), line)
    cuts = [0, *(end for found in _ENDS.finditer(hidden) for end in found.span()), len(line)]
    return [line[cuts[at] : cuts[at + 1]] for at in range(0, len(cuts), 2)]


def _without_redirections(words: list[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or word == "&":
            skip = False
        elif word in ("<", ">", ">>", "2>"):
            skip = True
        elif not word.startswith((">", "<")) or word.endswith(">"):
            kept.append(word)
    return kept


def parse(words: list[str]) -> None:
    """Parse a command line as the program does. Raises `Usage` when a verb or flag does not exist."""
    leading, verb, rest = split_verb(words)
    if verb is None:
        assert leading in (["--help"], ["--version"]), words
        return
    module, parser = parser_of(verb)
    parser.parse([*leading, verb, *with_default_action(module, rest)] if not leading else [verb, *leading, *rest])
