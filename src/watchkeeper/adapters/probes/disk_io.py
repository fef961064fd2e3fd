"""disk-io: how busy a disk is between two readings, from /proc/diskstats.

Options: ``device`` (``sda``) or ``path`` (the disk below its mount point). Values: ``busy`` (percent of the time),
``value`` (the same), ``wait`` (seconds per request), ``queue`` (requests under way), ``read_rate`` and ``write_rate``
(bytes per second), ``reads`` and ``writes`` (requests per second), ``device`` (its name). The first ask takes two
samples 0.3 s apart; after that the interval of the check is what is measured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from watchkeeper.adapters.probes.proc import read_proc
from watchkeeper.adapters.probes.sampling import Sampler
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check

_SECTOR = 512  # what the kernel counts in, whatever the disk has


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return DiskIoAsker(tools)


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of one device since boot, at `at` seconds of uptime. Times in milliseconds."""

    at: float
    device: str
    reads: int
    read_sectors: int
    read_ms: int
    writes: int
    written_sectors: int
    write_ms: int
    busy_ms: int
    queue_ms: int


class DiskIoAsker:
    """What the disk did between two asks of a check."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._sampler = Sampler(self._sample, _follows)

    async def ask(self, check: Check, now: float) -> Answer:
        return Answer(rates(*await self._sampler.pair(check)))

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _sample(self, check: Check) -> Sample:
        path = text_option(check, "path")
        names = ("uptime", "diskstats", "self/mountinfo") if path else ("uptime", "diskstats")
        text = await read_proc(self._tools, check, *names)
        return parse(text, text_option(check, "device"), path, place(check))


def _follows(before: Sample, sample: Sample) -> bool:
    """False after a reboot, or when another disk or the same one anew stands there."""
    same = before.device == sample.device
    return same and sample.at > before.at and sample.reads >= before.reads and sample.writes >= before.writes


def rates(before: Sample, sample: Sample) -> dict[str, Value]:
    """What happened between two samples, per second."""
    seconds = max(0.01, sample.at - before.at)
    reads, writes = sample.reads - before.reads, sample.writes - before.writes
    waited_ms = max(0, sample.read_ms - before.read_ms) + max(0, sample.write_ms - before.write_ms)
    busy = round(min(100.0, max(0, sample.busy_ms - before.busy_ms) / (seconds * 10)), 2)
    values: dict[str, Value] = {"device": sample.device, "busy": busy, "value": busy}
    values["wait"] = round(waited_ms / 1000 / (reads + writes), 6) if reads + writes else 0.0
    values["queue"] = round(max(0, sample.queue_ms - before.queue_ms) / 1000 / seconds, 3)
    values |= {"reads": round(reads / seconds, 2), "writes": round(writes / seconds, 2)}
    values["read_rate"] = round(max(0, sample.read_sectors - before.read_sectors) * _SECTOR / seconds)
    values["write_rate"] = round(max(0, sample.written_sectors - before.written_sectors) * _SECTOR / seconds)
    return values


def parse(text: str, device: str, path: str, where: str) -> Sample:
    """A sample from /proc/uptime, /proc/diskstats and, for a path, /proc/self/mountinfo."""
    lines = [line.split() for line in text.splitlines()]
    disks = {words[2]: words for words in lines if len(words) >= 14 and words[0].isdigit() and words[3].isdigit()}
    name = device or _below(path, lines, disks, where)
    found = disks.get(name)
    if found is None:
        listed = ", ".join(each for each in disks if not each.startswith(("loop", "ram", "zram")))[:200] or "none"
        raise NoAnswer(f"{where} has no disk {name} (its disks: {listed}).", "Correct the name: lsblk shows them.")
    counts = [int(word) for word in found[3:14]]
    at = float(lines[0][0])
    return Sample(
        at, name, counts[0], counts[2], counts[3], counts[4], counts[6], counts[7], counts[9], counts[10]
    )  # fmt: skip


def _below(path: str, lines: list[list[str]], disks: dict[str, list[str]], where: str) -> str:
    """The device whose number the longest mount point above the path has."""
    best, number, source = "", "", ""
    for words in lines:
        if len(words) < 7 or "-" not in words[6:] or ":" not in words[2]:
            continue
        point = words[4].replace("\\040", " ").rstrip("/")
        if (path == point or path.startswith(f"{point}/")) and len(point) >= len(best):
            best, number = point, words[2]
            source = words[words.index("-", 6) + 1] if words.index("-", 6) + 1 < len(words) else ""
    for name, words in disks.items():
        if f"{words[0]}:{words[1]}" == number:
            return name
    kind = f"a {source} file system" if source else "nothing that is mounted"
    raise NoAnswer(
        f"No single disk of {where} lies below {os.path.normpath(path)} ({kind}).",
        "Name the disk: `disk-io: sda`; lsblk shows the names.",
    )
