"""memory: how much memory programs can still get, from /proc/meminfo.

Values: ``free`` and ``used`` (percent of all memory; free is what the kernel calls available), ``value`` (as used),
``free_bytes``, ``total_bytes`` and ``swap_used`` (percent, 0 without swap).
"""

from __future__ import annotations

from watchkeeper.adapters.probes.proc import read_proc
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, place
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return MemoryAsker(tools)


class MemoryAsker:
    """Holds nothing between asks."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        return Answer(parse(await read_proc(self._tools, check, "meminfo"), place(check)))

    async def close(self) -> None:
        """Nothing is kept open."""


def parse(text: str, where: str) -> dict[str, Value]:
    """Values from the text of /proc/meminfo."""
    facts: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            facts[name] = int(words[0]) * 1024
    total, free = facts.get("MemTotal", 0), facts.get("MemAvailable")
    if not total or free is None:
        raise NoAnswer(f"/proc/meminfo of {where} does not say how much memory is available.")
    part, swap = round(100 * free / total, 2), facts.get("SwapTotal", 0)
    swap_used = round(100 * (swap - facts.get("SwapFree", 0)) / swap, 2) if swap else 0.0
    values: dict[str, Value] = {"free": part, "used": round(100 - part, 2), "value": round(100 - part, 2)}
    return values | {"free_bytes": free, "total_bytes": total, "swap_used": swap_used}
