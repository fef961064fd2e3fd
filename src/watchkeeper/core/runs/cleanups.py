"""Words of a command that are no options, and the tests of a `find` that may be asked again without changing anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from watchkeeper.core.runbooks.shell import Command

_TESTS: Final = {
    "-name": r"[\w.*?@%+:,\[\]!^-]+", "-iname": r"[\w.*?@%+:,\[\]!^-]+", "-type": r"[fdl]", "-mtime": r"[+-]?\d{1,6}",
    "-mmin": r"[+-]?\d{1,8}", "-ctime": r"[+-]?\d{1,6}", "-cmin": r"[+-]?\d{1,8}", "-atime": r"[+-]?\d{1,6}",
    "-size": r"[+-]?\d{1,12}[cwbkMG]?", "-maxdepth": r"\d{1,3}", "-mindepth": r"\d{1,3}", "-user": r"[\w.-]+",
}  # fmt: skip
_BARE: Final = frozenset(["-empty", "-xdev", "-mount", "-depth", "-print", "-print0", "!"])
_ACTIONS: Final = frozenset(["-delete", "-exec", "-execdir", "-ok", "-okdir"])


def operands(command: Command, with_value: str = "") -> list[str]:
    """The words behind the program that are no options. with_value: short options whose value is the next word."""
    found: list[str] = []
    words = command.arguments
    index, only = 0, False
    while index < len(words):
        word = words[index]
        if only or not word.startswith("-") or word == "-":
            found.append(word)
        elif word == "--":
            only = True
        elif len(word) == 2 and word[1] in with_value:
            index += 1
        index += 1
    return found


def find_tests(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """(starting points, tests that may be repeated, whether some test could not be kept) of a `find`.

    Only well-known tests with plain values are kept; anything else makes the count an upper bound. The action ends it.
    """
    starts: list[str] = []
    index = 0
    while index < len(words) and words[index] in ("-H", "-L", "-P"):
        index += 1
    while index < len(words) and not words[index].startswith(("-", "(", "!", "\\")):
        starts.append(words[index])
        index += 1
    tests: list[str] = []
    most = False
    while index < len(words) and words[index] not in _ACTIONS:
        word, value = words[index], words[index + 1] if index + 1 < len(words) else ""
        if word in _TESTS and re.fullmatch(_TESTS[word], value):
            tests += [word, value]
            index += 2
            continue
        if word == "!" or word not in _BARE:
            return (
                tuple(starts),
                (),
                True,
            )  # a negation, an alternative or a bracket: the other tests mean nothing alone
        tests += [word] if word in ("-empty", "-xdev") else []
        index += 1
    return tuple(starts), tuple(tests), most
