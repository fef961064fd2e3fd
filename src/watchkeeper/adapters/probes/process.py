"""process: counts running processes by name or by a regular expression on the whole command line.

Options: ``name`` (the program's name, or the script that an interpreter runs) or ``match`` (a regular expression).
Values: ``count`` (living and able to run), ``stopped`` (frozen by SIGSTOP or a debugger; not counted as running),
``value`` (as count), ``pid`` (the lowest, None when there is none), ``memory`` (bytes, resident; None when there is no
process) and ``cpu`` (percent of one core, all of them, since the ask before; None at the first). Zombies do not count.
It never counts itself.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, replace

from watchkeeper.adapters.probes.tools import Answer, Asker, Reader, Tools, must_succeed, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Check

_INTERPRETERS = re.compile(r"(python|perl|ruby|node|php|bash|dash|sh|java|deno|bun|lua|Rscript)[\d.]*\Z")


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return ProcessAsker(tools)


@dataclass(frozen=True, slots=True)
class Process:
    """One process. state: the letter of /proc/PID/stat. arguments: empty for zombies and kernel threads.

    ticks: processor time used, in hundredths of a second. pages: resident memory in pages.
    """

    pid: int
    name: str
    arguments: tuple[str, ...]
    state: str = "?"
    parent: int = 0
    ticks: int = 0
    pages: int = 0


class ProcessAsker:
    """Reads /proc once per ask: in this process on a local host, through one sh command on an SSH host.

    The processor time of the ask before is kept by check, to tell how busy the processes were since.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._before: dict[str, tuple[float, dict[int, int]]] = {}

    async def ask(self, check: Check, now: float) -> Answer:
        wanted = _matcher(check)
        far = self._tools.far(check)
        if far is not None:
            found = [process for process in await _list_far(check, far) if wanted(process)]
        else:
            found = await self._tools.in_thread(check.timeout_s, _list_here, wanted)
        alive = [process for process in found if process.state not in ("Z", "X")]
        running = [process.pid for process in alive if process.state not in ("T", "t")]
        values: dict[str, Value] = {"count": len(running), "value": len(running), "stopped": len(alive) - len(running)}
        memory = sum(process.pages for process in alive) * _PAGE if alive else None  # nothing there is not "little"
        values |= {"pid": min(running, default=None), "memory": memory}
        return Answer(values | {"cpu": self._busy(check.key, alive)})

    async def close(self) -> None:
        """Nothing is kept open."""

    def _busy(self, key: str, alive: list[Process]) -> float | None:
        at, ticks = time.monotonic(), {process.pid: process.ticks for process in alive}
        before = self._before.get(key)
        self._before[key] = (at, ticks)
        if before is None or at - before[0] < 0.05:
            return None
        used = sum(max(0, now - before[1].get(pid, now)) for pid, now in ticks.items())
        return round(used / _TICKS / (at - before[0]) * 100, 1)


_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class _matcher:
    """Says whether a process is the one asked for."""

    def __init__(self, check: Check) -> None:
        self.name = text_option(check, "name")
        pattern = text_option(check, "match") or text_option(check, "pattern") or text_option(check, "regex")
        if not (self.name or pattern):
            raise Usage(f"{check.key}: no process name and no pattern to look for.")
        try:
            self.pattern = re.compile(pattern) if pattern else None
        except re.error as error:
            raise Usage(f"{check.key}: {pattern} is not a regular expression ({error}).") from error

    def __call__(self, process: Process) -> bool:
        if not process.arguments:
            return False
        if self.pattern is not None and not self.pattern.search(" ".join(process.arguments)):
            return False
        return not self.name or self._named(process)

    def _named(self, process: Process) -> bool:
        if process.name == self.name:
            return True
        program = os.path.basename(process.arguments[0])
        if program == self.name:
            return True
        if not _INTERPRETERS.match(program):
            return False
        words = process.arguments[1:]
        modules = [words[words.index("-m") + 1]] if "-m" in words[:-1] else []
        scripts = [os.path.basename(word) for word in words if not word.startswith("-")]
        return self.name in modules or self.name in scripts[:1]


def _list_here(wanted: _matcher) -> list[Process]:
    """Matching processes of this machine, without this one; the numbers are read only for those that match."""
    found, own = [], os.getpid()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == own:
            continue
        try:
            arguments = _arguments(_read(f"/proc/{entry}/cmdline"))
            if not arguments:
                continue
            name = _read(f"/proc/{entry}/comm").decode("utf-8", "replace").strip()
            process = Process(int(entry), name, arguments)
            if wanted(process):
                found.append(_with_stat(process, _read(f"/proc/{entry}/stat")))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _with_stat(process: Process, stat: bytes) -> Process:
    """Completed with the numbers of /proc/PID/stat: the fields after the name, which may hold any character."""
    words = stat.rpartition(b")")[2].split()
    if len(words) < 22:
        return process
    ticks = int(words[11]) + int(words[12])
    return replace(process, state=words[0].decode(), parent=int(words[1]), ticks=ticks, pages=int(words[21]))


def _read(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, 65_536)
    finally:
        os.close(handle)


def _arguments(raw: bytes) -> tuple[str, ...]:
    text = raw.decode("utf-8", "replace").rstrip("\0")
    return tuple(text.split("\0")) if text else ()


# Two greps over /proc instead of a loop: a fork per process would cost the host more than the check is worth.
# The pattern never leaves this machine, so nothing over there can match it by accident.
_LIST = """cd /proc || exit 1
echo "WK-self $$"
grep -sa '' [0-9]*/stat
echo WK-cmdline
grep -sa '' [0-9]*/cmdline
exit 0"""


async def _list_far(check: Check, far: Reader) -> list[Process]:
    result = await far.read(_LIST, deadline_s=check.timeout_s, limit=4_194_304)
    return parse(must_succeed(result, "Reading /proc", check))


def parse(output: bytes) -> list[Process]:
    """Processes from the output of the listing command, without that command and its children."""
    begin = max(0, output.find(b"WK-self "))  # what a shell start-up file prints comes before
    head, _, tail = output[begin:].partition(b"\nWK-cmdline\n")
    first, _, stats = head.partition(b"\n")
    own = int(first.split()[1]) if len(first.split()) == 2 else 0
    commands: dict[bytes, bytes] = {}
    for line in tail.split(b"\n"):
        pid, separator, words = line.partition(b"/cmdline:")
        if separator:  # an argument may hold line ends: then a process has several lines
            commands[pid] = commands[pid] + b" " + words if pid in commands else words
    found = []
    for line in stats.split(b"\n"):
        pid, separator, stat = line.partition(b"/stat:")
        if not separator or not pid.isdigit():
            continue
        name = stat.partition(b"(")[2].rpartition(b")")[0].decode("utf-8", "replace")
        process = _with_stat(Process(int(pid), name, _arguments(commands.get(pid, b""))), stat)
        if own not in (process.pid, process.parent):
            found.append(process)
    return found
