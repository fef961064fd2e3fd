"""folder: how much a folder holds, against a budget. Bytes on disk, as ``du`` counts them; other mounts are left out.

Options: ``path`` and ``budget`` (bytes). Values: ``bytes``, ``value`` (the same), ``files`` (local hosts only) and,
with a budget, ``used`` and ``free`` (percent of it; used may pass 100). Counting stops at the check's timeout.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, must_succeed, number_option, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check

_UNITS = {"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12}
_BINARY = {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)\Z")


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return FolderAsker(tools)


class FolderAsker:
    """Walks the tree in a thread on local hosts, du -skx on SSH hosts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        path = text_option(check, "path")
        far = self._tools.far(check)
        files: int | None = None
        if far is None:
            held, files = await self._tools.in_thread(check.timeout_s, measure, Path(path), check.timeout_s)
        else:
            command = f"LC_ALL=C du -skx -- {shlex.quote(path)}"
            result = await far.read(command, deadline_s=check.timeout_s, limit=65_536)
            first = must_succeed(result, f"du of {path}", check).split()
            if not first or not first[0].isdigit():
                raise NoAnswer(f"du of {path} said nothing that can be read.")
            held = int(first[0]) * 1024
        values: dict[str, Value] = {"bytes": held, "value": held}
        if files is not None:
            values["files"] = files
        return Answer(values | _against(held, check))

    async def close(self) -> None:
        """Nothing is kept open."""


def _against(held: int, check: Check) -> dict[str, Value]:
    budget = number_option(check, "budget") or _size(text_option(check, "budget"))
    if not budget:
        return {}
    used = round(100 * held / budget, 2)
    return {"used": used, "free": round(100 - used, 2), "budget": int(budget)}


def _size(text: str) -> float | None:
    match = _SIZE.match(text.strip().lower())
    unit = (_UNITS | _BINARY).get(match.group(2)) if match else None
    return float(match.group(1)) * unit if match and unit else None


def measure(top: Path, limit_s: float) -> tuple[int, int]:
    """(bytes on disk, files) of a tree. Files with several names count once; TimeoutError after `limit_s`."""
    ends = time.monotonic() + limit_s
    root = os.stat(top)
    held, files = root.st_blocks * 512, 0
    seen: set[tuple[int, int]] = set()
    waiting = [os.fspath(top)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if time.monotonic() > ends:
                    raise TimeoutError
                try:
                    facts = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if facts.st_dev != root.st_dev:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif facts.st_nlink > 1:
                    if (facts.st_dev, facts.st_ino) in seen:
                        continue
                    seen.add((facts.st_dev, facts.st_ino))
                files += 1
                held += facts.st_blocks * 512
    return held, files
