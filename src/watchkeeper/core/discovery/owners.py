"""Which service a process belongs to: a container, a program under supervisor, a unit, or itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.core.discovery import stock
from watchkeeper.core.discovery.findings import Facts, Process, Unit
from watchkeeper.core.discovery.processes import container_of, unit_of

KEEPERS = frozenset({"runsv", "s6-supervise", "supervisord", "monit", "tini", "dumb-init", "pm2", "circusd", "init"})
"""Programs that start others and stay their parent."""
LOGINS = frozenset({"sshd", "dropbear", "login", "agetty"})
YOUNGEST_S = 5
"""A process without a unit that is younger than this may be our own question."""


@dataclass(frozen=True, slots=True)
class Owner:
    """kind: container, program, unit, process or stock. name: what identifies it within its kind."""

    kind: str
    name: str


class Owners:
    """Looks owners up, from the facts of one host."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._processes: Mapping[int, Process] = {each.pid: each for each in facts.processes}
        self._units: Mapping[str, Unit] = {each.name: each for each in facts.units}
        self._programs = {each.pid: each.name for each in facts.programs if each.pid}
        self._containers = {each.id: each.name for each in facts.containers}
        self._known = {each.pid: self._find(each) for each in facts.processes}

    def of(self, pid: int) -> Owner:
        """The owner of a process; stock and nameless when it is not known."""
        return self._known.get(pid, Owner("stock", ""))

    def of_first(self, pids: tuple[int, ...]) -> Owner | None:
        """The owner of the first of these processes that is there."""
        return next((self._known[pid] for pid in pids if pid in self._known), None)

    def pids(self, owner: Owner) -> frozenset[int]:
        """All processes of an owner."""
        return frozenset(pid for pid, known in self._known.items() if known == owner)

    def process(self, pid: int) -> Process | None:
        """The process of this number."""
        return self._processes.get(pid)

    def loose(self) -> dict[str, list[Process]]:
        """Processes that belong to nothing but themselves, by program: daemons, and whatever listens."""
        listening = {pid for each in self._facts.listeners if each.protocol == "tcp" for pid in each.pids}
        found: dict[str, list[Process]] = {}
        for pid, owner in self._known.items():
            process = self._processes[pid]
            if owner.kind == "process" and (pid in listening or self._is_daemon(process)):
                found.setdefault(owner.name, []).append(process)
        return found

    def _find(self, process: Process) -> Owner:
        chain = [process, *self._above(process)]
        for each in chain:
            container = container_of(each.cgroup)
            if container:
                return Owner("container", self._containers.get(container, container[:12]))
            if each.pid in self._programs:
                return Owner("program", self._programs[each.pid])
        unit = unit_of(process.cgroup)
        if unit and not self._is_login(unit):
            return Owner("stock", unit) if stock.is_stock_unit(unit) else Owner("unit", unit)
        top = self._top(chain)
        if top is None or top.program in stock.PROGRAMS or top.name in stock.PROGRAMS:
            return Owner("stock", top.program if top else "")
        return Owner("process", top.program)

    def _is_login(self, unit: str) -> bool:
        """Whether a unit is the door that people come in by: what hangs below it is theirs, not the unit's."""
        known = self._units.get(unit)
        main = self._processes.get(known.main_pid) if known else None
        return unit.startswith(("ssh", "dropbear")) or (main is not None and main.name in LOGINS)

    def _above(self, process: Process) -> list[Process]:
        found: list[Process] = []
        current: Process | None = process
        while current is not None and len(found) < 64:
            current = self._processes.get(current.parent)
            if current is None or current.pid <= 1 or current in found:
                break
            found.append(current)
        return found

    def _top(self, chain: list[Process]) -> Process | None:
        """The process just below the first of the system, a keeper or a login; None for kernel threads and logins."""
        best = None
        for each in chain:
            if each.pid <= 2 or each.parent == 2 or (each.name in LOGINS or each.program in LOGINS):
                return None
            if each.name in KEEPERS or each.program in KEEPERS:
                return best or each
            best = each
        return best

    def _is_daemon(self, process: Process) -> bool:
        parent = self._processes.get(process.parent)
        kept = process.parent in (0, 1) or parent is None or parent.name in KEEPERS or parent.name == "systemd"
        return kept and process.pid > 1 and not process.terminal and process.age_s >= YOUNGEST_S and bool(process.words)


def is_login_unit(facts: Facts, unit: Unit) -> bool:
    """Whether a unit only lets people in."""
    main = next((each for each in facts.processes if each.pid == unit.main_pid), None)
    return main is not None and main.name in LOGINS
