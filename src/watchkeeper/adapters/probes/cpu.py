"""cpu: how busy the processors are, from /proc/stat and /proc/loadavg.

Values: ``used`` (percent of all cores since the last ask of this check; the first ask takes two samples 0.3 s apart),
``value`` (the same), ``free`` (100 - used), ``steal`` (percent taken by the hypervisor), ``load`` (1 minute load per
core, 1.0 = as much work as cores), ``load1`` and ``cores``.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.adapters.probes.proc import read_proc
from watchkeeper.adapters.probes.sampling import Sampler
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, place
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return CpuAsker(tools)


@dataclass(frozen=True, slots=True)
class Sample:
    """Clock ticks since boot over all cores, and the load."""

    total: int
    idle: int
    steal: int
    cores: int
    load1: float


class CpuAsker:
    """One second of /proc/stat says little, the interval of the check says all."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._sampler = Sampler(self._sample, lambda before, sample: sample.total > before.total)

    async def ask(self, check: Check, now: float) -> Answer:
        return Answer(_values(*await self._sampler.pair(check)))

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _sample(self, check: Check) -> Sample:
        return parse(await read_proc(self._tools, check, "stat", "loadavg"), place(check))


def _values(before: Sample, sample: Sample) -> dict[str, Value]:
    ticks = max(1, sample.total - before.total)
    used = round(100 * (1 - max(0, sample.idle - before.idle) / ticks), 2)
    used = min(100.0, max(0.0, used))
    values: dict[str, Value] = {"used": used, "value": used, "free": round(100 - used, 2)}
    values |= {"steal": round(100 * max(0, sample.steal - before.steal) / ticks, 2), "cores": sample.cores}
    return values | {"load": round(sample.load1 / max(1, sample.cores), 3), "load1": sample.load1}


def parse(text: str, where: str) -> Sample:
    """A sample from the text of /proc/stat followed by that of /proc/loadavg."""
    lines = text.splitlines()
    cores = sum(1 for line in lines if line.startswith("cpu") and line[3:4].isdigit())
    first = lines[0].split() if lines else []
    try:
        ticks = [int(word) for word in first[1:9]]
        load1 = float(lines[-1].split()[0])
    except (ValueError, IndexError):
        ticks, load1 = [], 0.0
    if len(ticks) < 5:
        raise NoAnswer(f"/proc/stat of {where} cannot be read.")
    steal = ticks[7] if len(ticks) > 7 else 0
    return Sample(sum(ticks), ticks[3] + ticks[4], steal, cores, load1)
