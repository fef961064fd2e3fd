"""disk: the room on the file system that holds a path, counted as ``df`` counts it for ordinary users.

Values: ``free`` and ``used`` (percent, together 100), ``free_bytes``, ``used_bytes``, ``size`` (bytes of it all)
and, on local hosts, ``inodes_free`` (percent). A path that does not exist cannot be asked: UNKNOWN.
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
    return DiskAsker(tools)


class DiskAsker:
    """statvfs in a thread (a dead network mount may hang it), df -P on SSH hosts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        path = text_option(check, "path", "/")
        far = self._tools.far(check)
        if far is None:
            return Answer(await self._tools.in_thread(check.timeout_s, _here, path))
        result = await far.read(f"LC_ALL=C df -P -k -- {shlex.quote(path)}", deadline_s=check.timeout_s, limit=65_536)
        return Answer(parse(must_succeed(result, f"df of {path}", check), path, place(check)))

    async def close(self) -> None:
        """Nothing is kept open."""


def _here(path: str) -> dict[str, Value]:
    facts = os.statvfs(path)
    unit = facts.f_frsize
    values = shares((facts.f_blocks - facts.f_bfree) * unit, facts.f_bavail * unit, facts.f_blocks * unit)
    if facts.f_files:
        values["inodes_free"] = round(100 * facts.f_favail / facts.f_files, 2)
    return values


def shares(used: int, free: int, total: int) -> dict[str, Value]:
    """Percent of what ordinary users can use: the blocks kept for root are neither used nor free."""
    usable = used + free
    part = round(100 * free / usable, 2) if usable else 0.0
    values: dict[str, Value] = {"free": part, "used": round(100 - part, 2), "value": round(100 - part, 2)}
    return values | {"free_bytes": free, "used_bytes": used, "size": total}


def parse(output: bytes, path: str, where: str) -> dict[str, Value]:
    """The values of the last line of ``df -P -k``; the name of the device may hold blanks, so read from the right."""
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        head, percent, _ = line.partition("% ")
        numbers = head.split()[-4:-1] if percent else []
        if len(numbers) == 3 and all(word.isdigit() for word in numbers):
            total, used, free = (int(word) * 1024 for word in numbers)
            return shares(used, free, total)
    raise NoAnswer(f"df of {path} on {where} said nothing that can be read.")
