"""Is watchkeeper itself well? Each finding with the next step."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.times import format_duration
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, StorePort, WatchPort
from watchkeeper.services.ports.blocking import BlockingHostsPort

_PROBE_HOST = (
    'printf "clock %s\\n" "$(date +%s)"; command -v setsid >/dev/null && echo setsid yes; '
    "command -v bash >/dev/null && echo bash yes; "
    'd=/var/tmp; [ -w "$d" ] && echo spool yes; sudo -n true 2>/dev/null && echo sudo yes; true'
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: name, state, what was found, and what to do about it ("" when well)."""

    name: str
    state: State
    sentence: str
    next: str = ""


class Doctor:
    """Looks at every part once; hosts side by side."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, hosts: BlockingHostsPort, holder: InventoryHolder,
        verify: Callable[[], Verification], free_disk: Callable[[], tuple[float, float]], clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._journal = journal
        self._watch = watch
        self._hosts = hosts
        self._holder = holder
        self._verify = verify
        self._free_disk = free_disk
        self._clock = clock

    def examine(self) -> list[Finding]:
        """All findings, the watch first."""
        hosts = list(self._holder.current.hosts.values())
        with ThreadPoolExecutor(max_workers=8) as pool:
            on_hosts = list(pool.map(self._host, hosts))
        return [self._watching(), self._inventory(), self._log(), self._disk(), *self._channels(), *on_hosts]

    def _watching(self) -> Finding:
        try:
            status = self._watch.status()
        except NoAnswer as error:
            return Finding("watch", State.CRIT, error.sentence, "Start it: wk up.")
        late = status.get("lateness_p99_s")
        words = f"pid {status.get('pid')}, {status.get('checks')} checks"
        if isinstance(late, int | float):
            words += f", asked late by {format_duration(float(late))} at most in 99 of 100"
            if late > 1.0:
                return Finding(
                    "watch", State.WARN, words, "The machine is too slow for these intervals: raise `every`."
                )
        return Finding("watch", State.OK, words)

    def _inventory(self) -> Finding:
        fault = self._holder.fault
        if fault:
            return Finding("ops repo", State.WARN, fault, "See every mistake: wk lint.")
        inventory = self._holder.current
        return Finding("ops repo", State.OK, f"revision {inventory.revision[:12]}, {len(inventory.services)} services")

    def _log(self) -> Finding:
        found = self._verify()
        if found.ok:
            return Finding("operations log", State.OK, f"{found.entries} entries, the chain holds")
        return Finding(
            "operations log", State.CRIT, found.sentence, "Look at it: wk log verify. Restore the entry from a backup."
        )

    def _disk(self) -> Finding:
        free, total = self._free_disk()
        share = 100 * free / total if total else 0.0
        words = f"{free / 1e9:.1f} GB free for the state directory, {share:.0f} %"
        if free < 200e6:
            return Finding(
                "disk for state", State.CRIT, words, "Free some space: without it pages and evidence are lost."
            )
        return Finding(
            "disk for state", State.OK if free > 1e9 else State.WARN, words, "" if free > 1e9 else "Free some space."
        )

    def _channels(self) -> list[Finding]:
        team = self._holder.current.team
        if not team.channels:
            return [
                Finding(
                    "channels",
                    State.CRIT,
                    "No channel is declared: nobody can be told.",
                    "Add channels to watchkeeper.yaml.",
                )
            ]
        with self._store.read() as session:
            waiting = session.notifications(undelivered=True)
        failed = [each for each in waiting if each.failed]
        names = ", ".join(channel.name for channel in team.channels)
        if failed:
            words = f"{len(failed)} pages were not delivered; newest: {failed[0].last_error or 'no channel'}"
            mend = "Mend the channel in watchkeeper.yaml; delivery goes on by itself."
            return [Finding("channels", State.CRIT, words, mend)]
        if waiting:
            words = f"{names}; {len(waiting)} on the way, newest: {waiting[0].last_error or 'just being sent'}"
            return [Finding("channels", State.WARN, words, "It is tried again by itself; look again in a minute.")]
        return [Finding("channels", State.OK, f"{names}; nothing waits")]

    def _host(self, host: Host) -> Finding:
        name = f"host {host.name}"
        started = self._clock()
        try:
            result = self._hosts.get(host.name).read(_PROBE_HOST, deadline_s=15.0)
        except WatchkeeperError as error:
            return Finding(name, State.CRIT, error.sentence, error.hint)
        took = self._clock() - started
        words = dict(line.partition(" ")[::2] for line in result.output.decode(errors="replace").splitlines())
        offset = float(words.get("clock", started)) - started
        said = f"answers in {format_duration(took)}"
        missing = [what for what in ("setsid", "spool", "bash") if what not in words]
        if host.become and "sudo" not in words:
            return Finding(
                name, State.CRIT, f"{said}, but sudo asks for a password", "Allow `sudo -n` for this user (NOPASSWD)."
            )
        if "setsid" in missing or "spool" in missing:
            why = " and ".join(missing)
            return Finding(
                name, State.CRIT, f"{said}, but {why} is missing", "Changing steps are refused there until it exists."
            )
        if abs(offset) > 5:
            return Finding(
                name, State.WARN, f"{said}, its clock is off by {format_duration(abs(offset))}", "Set its clock (NTP)."
            )
        return Finding(name, State.OK, said)
