"""What a source of changes is: a read-only question to a host, and what its answer means. One source is one file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from watchkeeper.core.changes import Change
from watchkeeper.core.inventory.values import Inventory

HERE = ""
"""The place that is no host of the inventory: this machine."""
FIRST_LOOK_S = 24 * 3600.0
"""The first look at a host also tells what its own records say of this time before."""
MARK = f"wk-{secrets.token_hex(8)}"
"""Begins every line of an answer that says what follows; nobody on a host can know it, so no file can forge one."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one place. marks: what this source remembered of it, {} at the first look. at_once: an incident opened.

    before: when the place was looked at last; `now` at the first look. Epoch seconds.
    """

    place: str
    inventory: Inventory
    marks: Mapping[str, str]
    now: float
    before: float
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an answer. head: the words behind the mark; body: the lines that follow, raw."""

    head: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a source learned. marks: replaces what it remembered. problems: why something could not be looked at."""

    changes: tuple[Change, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Source(Protocol):
    """One kind of change that is found by reading on a host. Usable from several threads."""

    name: str
    every_s: float

    def places(self, inventory: Inventory) -> Iterable[str]:
        """Where there is something to look at: names of hosts, or HERE."""
        ...

    def question(self, look: Look) -> str:
        """POSIX sh that reads and prints parts (`part`); "" when there is nothing to ask. It leaves no variables of use
        behind, runs in a subshell, and is cheap while nothing has changed."""
        ...

    def answer(self, look: Look, parts: list[Part]) -> Found:
        """What the answer means. Untrusted text: nothing in it may do more than be shown."""
        ...


def part(*words: str) -> str:
    """A shell command that begins a part. words: safe for double quotes, as ``$path``."""
    return f'printf "\\n%s\\n" "{MARK} {" ".join(words)}"'


def parts_of(output: str) -> list[Part]:
    """The parts of an answer in their order."""
    found: list[Part] = []
    for text in re.split(rf"(?:\A|\n){MARK} ", output)[1:]:
        head, _, body = text.partition("\n")
        found.append(Part(tuple(head.split(" ")), body))
    return found


def shown(text: str, limit: int = 200) -> str:
    """Text of a host as one line for people: no control characters, no tricks with directions, bounded."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
