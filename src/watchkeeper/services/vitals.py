"""How watchkeeper itself is, in figures: what /health, /api/v1/status and /metrics tell beside what is stuck."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.times import format_duration
from watchkeeper.services.backups import Backups
from watchkeeper.services.health import Health
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, StorePort, WatchPort

CHAIN_S, TRIGGERS_S = 3600.0, 60.0
"""How often the whole operations log is read and verified, and how often its triggers are looked at."""
LATE_S = 5.0
"""Probes that begin so late, one of a hundred, mean that the watch cannot keep up."""
OVERDUE = 3.0
"""A backup is missed after so many of its intervals."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vitals:
    """Durations in seconds, times in epoch seconds; None: not known, or none is planned.

    chain: what the last reading of the operations log showed, "" before the first one. lateness: of the newest probes.
    """

    faults: tuple[str, ...]
    lateness_p50_s: float | None
    lateness_p99_s: float | None
    lateness_max_s: float | None
    outbox_waiting: int
    outbox_failed: int
    outbox_age_s: float
    disk_free: float
    disk_total: float
    chain: str
    chain_ok: bool | None
    chain_entries: int
    chain_at: float | None
    backup_at: float | None
    backup_planned: bool


class VitalsReader:
    """verify, triggers: of the operations log, blocking. disk: (free, total) bytes of the state directory."""

    def __init__(
        self, store: StorePort, watch: WatchPort, holder: InventoryHolder, backups: Backups, health: Health,
        verify: Callable[[], Verification], triggers: Callable[[], Sequence[str]],
        disk: Callable[[], tuple[float, float]], clock: Clock, monotonic: Clock,
    ) -> None:  # fmt: skip
        self._store, self._watch, self._holder, self._backups, self._health = store, watch, holder, backups, health
        self._verify, self._triggers, self._disk = verify, triggers, disk
        self._clock, self._monotonic = clock, monotonic
        self._started = clock()
        self._chain: Verification | None = None
        self._chain_at: float | None = None
        self._missing: tuple[str, ...] = ()
        self._due = {"chain": monotonic() + 20.0, "triggers": monotonic()}
        health.more += [self._chain_fault, self._late_fault, self._backup_fault, self._ping_fault]

    def look(self) -> None:
        """Verify what is due; called by one thread. Reading a million log entries takes about two seconds, once an hour."""
        now = self._monotonic()
        if now >= self._due["triggers"]:
            self._due["triggers"] = now + TRIGGERS_S
            self._missing = tuple(self._triggers())
        if now >= self._due["chain"]:
            self._due["chain"] = now + CHAIN_S
            self._chain, self._chain_at = self._verify(), self._clock()
            if not self._chain.ok:
                log.error("the operations log does not hold: %s", self._chain.sentence)

    def now(self) -> Vitals:
        """All figures; a few milliseconds."""
        faults = tuple(self._health.faults())
        status = self._status()
        waiting, failed, age_s = self._outbox()
        free, total = self._disk()
        backup = self._backups.state()
        chain = self._chain
        return Vitals(
            faults, _number(status, "lateness_p50_s"), _number(status, "lateness_p99_s"), _number(status, "lateness_max_s"),
            waiting, failed, age_s, free, total, chain.sentence if chain else "", chain.ok if chain else None,
            chain.entries if chain else 0, self._chain_at, backup.newest.manifest.made_at if backup.newest else None,
            backup.plan is not None,
        )  # fmt: skip

    def _outbox(self) -> tuple[int, int, float]:
        now = self._clock()
        with self._store.read() as session:
            found = session.notifications(undelivered=True, limit=500)
        waiting = [each for each in found if not each.failed]
        age_s = max((now - each.created_at for each in waiting), default=0.0)
        return len(waiting), len(found) - len(waiting), max(0.0, age_s)

    def _status(self) -> dict[str, object]:
        try:
            return dict(self._watch.status())
        except NoAnswer:
            return {}

    def _chain_fault(self) -> str:
        if self._missing:
            return f"The operations log is not protected: {', '.join(self._missing)} is missing in the database."
        return f"The operations log does not hold: {self._chain.sentence}" if self._chain and not self._chain.ok else ""

    def _late_fault(self) -> str:
        late_s = _number(self._status(), "lateness_p99_s") or 0.0
        return f"The watch cannot keep up: checks are asked {format_duration(late_s)} late." if late_s > LATE_S else ""

    def _backup_fault(self) -> str:
        """A backup that fails once is a warning elsewhere; one that was missed again and again is nobody's any more."""
        state, now = self._backups.state(), self._clock()
        if state.plan is None or not state.looked:
            return ""
        last = state.newest.manifest.made_at if state.newest else self._started
        late = now - last > OVERDUE * state.plan.every_s
        return f"The last backup of watchkeeper itself is {format_duration(now - last)} old." if late else ""

    def _ping_fault(self) -> str:
        """Only where somebody asked for them: without a plan another program may well hold the port."""
        fault = str(self._status().get("ping_fault") or "")
        planned = self._holder.current.team.pings is not None
        return fault if planned or not fault.startswith("Pings over HTTP") else ""


def _number(status: dict[str, object], name: str) -> float | None:
    value = status.get(name)
    return float(value) if isinstance(value, int | float) else None
