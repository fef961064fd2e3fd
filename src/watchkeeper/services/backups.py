"""Our own backup on a schedule: made when it is due, and said loudly when it is late or failed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from watchkeeper.core import backups as core
from watchkeeper.core.backups import Backup
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import BackupPlan
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock
from watchkeeper.services.ports.backups import BackupsPort

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BackupState:
    """What is known of our own backup without touching its disk. looked: whether that disk was looked at yet."""

    plan: BackupPlan | None
    newest: Backup | None = None
    looked: bool = False
    failed: str = ""
    failed_at: float | None = None
    same_disk: bool = False


class Backups:
    """Runs the schedule of watchkeeper.yaml. `look` is called by one thread; the rest is safe from every thread."""

    def __init__(self, port: BackupsPort, holder: InventoryHolder, clock: Clock) -> None:
        self._port = port
        self._holder = holder
        self._clock = clock
        self._state = BackupState(None)
        self._started = clock()

    def look(self) -> None:
        """Make a backup when one is due. A failure is kept, said, and tried again later."""
        plan = self._holder.current.team.backup
        if plan is None:
            self._state = BackupState(None)
            return
        before = self._state if self._state.plan == plan else BackupState(plan)
        newest = self._port.newest(plan.to)
        self._state = BackupState(
            plan, newest, True, before.failed, before.failed_at, newest is not None and self._port.on_same_disk(plan.to)
        )
        last = newest.manifest.made_at if newest else None
        if core.is_due(last, self._state.failed_at, plan.every_s, self._clock()):
            self._make(plan)

    def _make(self, plan: BackupPlan) -> None:
        try:
            made = self._port.make(plan.to, plan.keep)
        except WatchkeeperError as error:
            log.error("the backup of watchkeeper itself failed: %s", error)
            self._state = BackupState(plan, self._state.newest, True, str(error), self._clock())
            return
        log.info("backup %s, %.1f MB, %d log entries", made.path, made.manifest.size / 1e6, made.manifest.entries)
        self._state = BackupState(plan, made, True, same_disk=self._port.on_same_disk(plan.to))

    def state(self) -> BackupState:
        """What the schedule knows now."""
        return self._state

    def warning(self) -> str:
        """One sentence when the newest backup is late or the last try failed; "" when all is well or none is planned."""
        state, now = self._state, self._clock()
        if state.plan is None:
            return ""
        if state.failed:
            return f"The last backup of watchkeeper itself failed: {state.failed}"
        if not state.looked and now - self._started > 120.0:
            return f"The backup directory {state.plan.to} gives no answer, so nobody knows whether there is a backup."
        last = state.newest.manifest.made_at if state.newest else None
        return core.lateness(last, state.plan.every_s, now) if state.looked else ""
