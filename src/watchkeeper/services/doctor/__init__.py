"""Is watchkeeper itself well? Each finding with the next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.times import format_duration
from watchkeeper.services.doctor import channels
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.doctor.hosts import HostDoctor
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, StorePort, WatchPort
from watchkeeper.services.ports.blocking import BlockingHostsPort

__all__ = ["Doctor", "Finding", "Surroundings"]
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the doctor asks beside the ports.

    missing_triggers: names of those that keep the log append-only and are not there. free_disk: (free, total) bytes of
    the state directory. page: address of our own page, "" while none is open. runtime: versions of what we run on.
    """

    verify: Callable[[], Verification]
    missing_triggers: Callable[[], Sequence[str]]
    free_disk: Callable[[], tuple[float, float]]
    page: Callable[[], str]
    runtime: str


class Doctor:
    """Looks at every part once; hosts side by side. own: findings about backup, heartbeat and schema versions."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, hosts: BlockingHostsPort, holder: InventoryHolder,
        around: Surroundings, clock: Clock, own: Callable[[], list[Finding]] = list,
    ) -> None:  # fmt: skip
        self._own = own
        self._store = store
        self._journal = journal
        self._watch = watch
        self._holder = holder
        self._around = around
        self._clock = clock
        self._hosts = HostDoctor(hosts, clock)

    def examine(self) -> list[Finding]:
        """All findings, the watch first."""
        hosts = list(self._holder.current.hosts.values())
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            on_hosts = pool.map(self._hosts.examine, hosts)
            here = [
                self._watching(),
                self._inventory(),
                *self._log(),
                self._disk(),
                self._page(),
                Finding("runtime", State.OK, self._around.runtime),
                *channels.examine(self._store, self._holder, self._clock()),
                *self._own(),
            ]
            return [*here, *(finding for findings in on_hosts for finding in findings)]

    def _watching(self) -> Finding:
        try:
            status = self._watch.status()
        except NoAnswer as error:
            return Finding("watch", State.CRIT, error.sentence, "Start it: wk up.")
        late = status.get("lateness_p99_s")
        words = f"pid {status.get('pid')}, {status.get('checks')} checks"
        warnings = status.get("warnings")
        if isinstance(warnings, list) and warnings:  # overload, or its own network: each says what to do
            return Finding("watch", State.WARN, f"{words}. {' '.join(map(str, warnings))}")
        if isinstance(late, int | float):
            words += f", asked late by {format_duration(float(late))} at most in 99 of 100"
            if late > 1.0:
                mend = "The machine is too slow for these intervals: raise `every`."
                return Finding("watch", State.WARN, words, mend)
        return Finding("watch", State.OK, words)

    def _inventory(self) -> Finding:
        fault = self._holder.fault
        if fault:
            return Finding("ops repo", State.WARN, fault, "See every mistake: wk lint.")
        inventory = self._holder.current
        return Finding("ops repo", State.OK, f"revision {inventory.revision[:12]}, {len(inventory.services)} services")

    def _log(self) -> list[Finding]:
        name, found = "operations log", self._verify()
        missing = self._around.missing_triggers()
        if missing:
            words = f"Triggers that refuse to change entries are missing: {', '.join(missing)}."
            mend = "Somebody worked on main.db by hand. Restore it from a backup: wk restore self FROM."
            return [*([] if found.state is State.OK else [found]), Finding(f"{name} triggers", State.CRIT, words, mend)]
        return [found]

    def _verify(self) -> Finding:
        found = self._around.verify()
        if found.ok:
            return Finding("operations log", State.OK, f"{found.entries} entries, the chain holds")
        mend = "Look at it: wk log verify. Restore the entry from a backup."
        return Finding("operations log", State.CRIT, found.sentence, mend)

    def _disk(self) -> Finding:
        free, total = self._around.free_disk()
        share = 100 * free / total if total else 0.0
        words = f"{free / 1e9:.1f} GB free for the state directory, {share:.0f} %"
        if free < 200e6:
            mend = "Free some space: without it pages and evidence are lost."
            return Finding("disk for state", State.CRIT, words, mend)
        enough = free > 1e9
        return Finding(
            "disk for state", State.OK if enough else State.WARN, words, "" if enough else "Free some space."
        )

    def _page(self) -> Finding:
        url = self._around.page()
        if not url:
            return Finding("page", State.OK, "not open, because no daemon is running")
        if urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost"):
            return Finding("page", State.OK, f"{url}, for this machine only; it needs no certificate")
        mend = "Put a proxy with a certificate before it, or let it listen on 127.0.0.1."
        return Finding("page", State.WARN, f"{url} is open to the network, and nothing is encrypted.", mend)
