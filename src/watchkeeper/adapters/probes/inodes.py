"""inodes: how many more files the file system that holds a path can take, whatever room is left on it.

Values: ``free`` and ``used`` (percent, together 100), ``value`` (as used), ``free_count`` and ``total``. A path that does
not exist, and a file system that counts no inodes (btrfs, vfat), cannot be asked: UNKNOWN.
"""

from __future__ import annotations

import os
import shlex

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, must_succeed, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return InodesAsker(tools)


class InodesAsker:
    """statvfs in a thread (a dead network mount may hang it), df -i on SSH hosts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        path = text_option(check, "path", "/")
        far = self._tools.far(check)
        if far is None:
            facts = await self._tools.in_thread(check.timeout_s, os.statvfs, path)
            return Answer(shares(facts.f_files, facts.f_favail, path, place(check)))
        result = await far.read(f"LC_ALL=C df -P -i -- {shlex.quote(path)}", deadline_s=check.timeout_s, limit=65_536)
        output = must_succeed(result, f"df -i of {path}", check)
        return Answer(parse(output, path, place(check)))

    async def close(self) -> None:
        """Nothing is kept open."""


def shares(total: int, free: int, path: str, where: str) -> dict[str, Value]:
    """The values, from all inodes and the free ones. Raises `NoAnswer` when the file system counts none."""
    if total <= 0:
        raise NoAnswer(
            f"The file system that holds {path} on {where} counts no inodes, so they cannot run out.",
            "Remove this check; `disk` measures the room.",
        )
    part = round(100 * free / total, 2)
    return {
        "free": part,
        "used": round(100 - part, 2),
        "value": round(100 - part, 2),
        "free_count": free,
        "total": total,
    }


def parse(output: bytes, path: str, where: str) -> dict[str, Value]:
    """The values of the last line of ``df -P -i``; the name of the device may hold blanks, so numbers are looked for."""
    lines = output.decode("utf-8", "replace").splitlines()
    for line in reversed(lines[1:]):
        words = line.split()
        for begin in range(1, len(words) - 3):
            numbers, share = words[begin : begin + 3], words[begin + 3]
            if all(word.isdigit() for word in numbers) and (share == "-" or share.endswith("%")):
                return shares(int(numbers[0]), int(numbers[2]), path, where)
    raise NoAnswer(f"df -i of {path} on {where} said nothing that can be read.")
