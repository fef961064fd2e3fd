"""load: how much work waits for the processors, from /proc/loadavg.

Values: ``load1``, ``load5``, ``load15`` (means of 1, 5 and 15 minutes), ``per_core1``, ``per_core5``, ``per_core15`` (the
same divided by ``cores``; 1.0 = as much work as cores) and ``value`` (as per_core5). In a container these are the values
of the machine below it.
"""

from __future__ import annotations

from watchkeeper.adapters.probes.proc import read_proc
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, place
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return LoadAsker(tools)


class LoadAsker:
    """Holds nothing between asks."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        return Answer(parse(await read_proc(self._tools, check, "loadavg", "stat"), place(check)))

    async def close(self) -> None:
        """Nothing is kept open."""


def parse(text: str, where: str) -> dict[str, Value]:
    """Values from the text of /proc/loadavg followed by that of /proc/stat."""
    lines = text.splitlines()
    cores = sum(1 for line in lines if line.startswith("cpu") and line[3:4].isdigit())
    try:
        means = [float(word) for word in lines[0].split()[:3]]
    except (ValueError, IndexError):
        means = []
    if len(means) < 3 or not cores:
        raise NoAnswer(f"/proc/loadavg and /proc/stat of {where} cannot be read.")
    values: dict[str, Value] = {"cores": cores, "value": round(means[1] / cores, 3)}
    for minutes, mean in zip((1, 5, 15), means, strict=True):
        values |= {f"load{minutes}": mean, f"per_core{minutes}": round(mean / cores, 3)}
    return values
