"""What closed runs left in the spools of their hosts is removed, oldest first, a bounded number at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NotFound, WatchkeeperError
from watchkeeper.core.runs.cancelling import claims_may_go, outputs_may_go
from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, StorePort
from watchkeeper.services.ports.blocking import BlockingHostPort, BlockingHostsPort

LOOK_EVERY_S = 3600.0
"""Between two looks at a host; sooner while something is left to do there."""
AGAIN_S = 60.0
BUSY_HOSTS_S = 600.0
"""Between two looks for the hosts that had a changing step."""
AT_ONCE = 20
"""Run directories that are cleaned in one look at a host."""
RECENT_RUNS = 300
"""Hosts that had no step among so many of the newest runs are not asked."""


class Spools:
    """The beat `spools`. installation: as `StepRunner` names its runs on the hosts."""

    def __init__(
        self, store: StorePort, hosts: BlockingHostsPort, holder: InventoryHolder, installation: str, clock: Clock
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._holder = holder
        self._name = re.compile(rf"{re.escape(installation)}-run-(\d+)\Z")
        self._prefix = f"{installation}-run-"
        self._clock = clock
        self._look_at: dict[str, float] = {}
        self._busy: list[str] = []
        self._busy_at = 0.0
        self._cleaned: set[tuple[str, str]] = set()
        self.strangers: Mapping[str, int] = {}
        """Per host, how many directories bear our name and belong to no run that is known here; they are left alone."""

    def findings(self) -> list[Finding]:
        """For the doctor: what was found on the hosts and is left alone."""
        why = "of runs that are not in this store, so they are left alone"
        mend = "When this state was restored or made anew on purpose, remove them there."
        return [
            Finding(f"spool of {name}", State.OK, f"{count} run directories {why}.", mend)
            for name, count in sorted(self.strangers.items())
            if count
        ]

    def tidy(self) -> None:
        """Clean the hosts whose look is due. A host that cannot be reached is asked again at the next look."""
        now = self._clock()
        if abs(now - self._busy_at) >= BUSY_HOSTS_S:
            self._busy, self._busy_at = self._busy_hosts(), now
        for name in self._busy:
            if 0 <= self._look_at.get(name, 0.0) - now <= LOOK_EVERY_S:
                continue
            self._look_at[name] = now + LOOK_EVERY_S
            try:
                if self._tidy_host(name, self._hosts.get(name)):
                    self._look_at[name] = now + AGAIN_S
            except WatchkeeperError:
                continue  # whether a host can be reached is the business of its checks

    def _busy_hosts(self) -> list[str]:
        """Hosts of the inventory that had a changing step."""
        with self._store.read() as session:
            runs = session.runs(tuple(RunState), limit=RECENT_RUNS)
        used = {step.plan.host for run in runs for step in run.steps if step.attempt and step.plan.risk != "read"}
        return sorted(used & set(self._holder.current.hosts))

    def _tidy_host(self, name: str, host: BlockingHostPort) -> bool:
        """True when there was more than is done at once."""
        numbers = {
            int(match[1]): folder for folder in host.spooled(self._prefix) if (match := self._name.match(folder))
        }
        strangers, done = 0, 0
        for number in sorted(numbers):
            run = self._run(number)
            if run is None:
                strangers += 1
            elif done >= AT_ONCE:
                return True
            else:
                done += self._clean(name, host, numbers[number], run)
        self.strangers = {**self.strangers, name: strangers}
        return False

    def _run(self, number: int) -> Run | None:
        with self._store.read() as session:
            try:
                return session.run(number)
            except NotFound:
                return None

    def _clean(self, name: str, host: BlockingHostPort, folder: str, run: Run) -> int:
        """1 when the host was asked to remove something."""
        if claims_may_go(run, self._clock()):
            host.clean(folder, claims=True)
            self._cleaned.discard((name, folder))
            return 1
        if outputs_may_go(run) and (name, folder) not in self._cleaned:
            if host.clean(folder):
                self._cleaned.add((name, folder))
            return 1
        return 0
