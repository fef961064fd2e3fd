"""Counting files and bytes that a plan names, read-only: the text that asks a host, and reading its answer.

Nothing of a runbook's text is run: a path is used only when it is absolute and of plain characters and glob signs, it
stands in quotes, and the only programs are find, ls and awk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from watchkeeper.core.runs.values import Touch

MAX_TOUCHES = 12
MAX_FILES = 100_000
_SAFE: Final = re.compile(r"/[A-Za-z0-9._/@+:,=%*?\[\]-]*")
_GLOB: Final = re.compile(r"[*?\[]")
# the size is the fifth word of `ls -ln`
_COUNT: Final = f"awk 'NR>{MAX_FILES}{{m=1;exit}} /^-/{{n++;b+=$5}} END{{printf \"%d %.0f %d\\n\",n,b,m}}'"
_LIST: Final = "ls -dlnq"


def measurable(path: str) -> str:
    """The path in its shortest form when it may be measured; "" when it is relative, unsafe, or the whole file system."""
    if not _SAFE.fullmatch(path) or ".." in path.split("/"):
        return ""
    tidy = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
    return "" if tidy == "/" or _GLOB.search(tidy.split("/")[1]) else tidy


def text_of(touches: Sequence[tuple[int, Touch]]) -> str:
    """A POSIX sh text that prints one line ``INDEX FILES BYTES CUT`` for each touch that can be measured; "" for none."""
    lines = [f"printf '%s ' {index}; {_one(touch)}" for index, touch in touches if touch.path]
    return "\n".join(lines[:MAX_TOUCHES])


def _one(touch: Touch) -> str:
    base, depth = _base(touch.path)
    pick = f"find '{base}' -prune"
    if depth:
        hidden = " ! -name '.*'" if touch.path.rsplit("/", 1)[-1][0] in "*?[" else ""
        pick = f"find '{base}' -mindepth {depth} -maxdepth {depth} -path '{touch.path}'{hidden}"
    tests = " ".join(f"'{word}'" for word in touch.tests)
    if touch.deep:
        # "{"} is {} to the inner shell, and nothing that the outer find would fill in
        inner = f'find "$@" {_ordered(tests)} -type f -exec {_LIST} "{{"}} +'
        return f"{pick} -exec sh -c {_quoted(inner)} sh {{}} + 2>/dev/null | {_COUNT}"
    return f"{pick} -type f -exec {_LIST} {{}} + 2>/dev/null | {_COUNT}"


def _ordered(tests: str) -> str:
    """Depth options stand first, as find wants them; other file systems are left out."""
    found = re.findall(r"'-(?:max|min)depth' '\d+'", tests)
    rest = re.sub(r"'-(?:max|min)depth' '\d+' ?", "", tests)
    return " ".join([*found, "-xdev", rest]).strip()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _base(path: str) -> tuple[str, int]:
    """(the part without glob signs, how many levels below it the glob reaches; 0: no glob)."""
    parts = path.split("/")[1:]
    first = next((index for index, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    return "/" + "/".join(parts[:first]), len(parts) - first


def with_answer(touches: Sequence[Touch], answer: str) -> tuple[Touch, ...]:
    """The touches with what the host counted; a line that is not ours is left aside."""
    found: dict[int, tuple[int, int, bool]] = {}
    for line in answer.splitlines():
        match = re.fullmatch(r"(\d{1,4}) (\d{1,12}) (\d{1,18}) ([01])", line.strip())
        if match:
            found[int(match.group(1))] = (int(match.group(2)), int(match.group(3)), match.group(4) == "1")
    return tuple(
        replace(touch, files=found[index][0], size=found[index][1], more=found[index][2]) if index in found else touch
        for index, touch in enumerate(touches)
    )
