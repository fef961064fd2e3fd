"""Watchkeeper's own life in words: warnings for every face, and the doctor's findings about backup, heartbeat, versions."""

from __future__ import annotations

from watchkeeper import __version__
from watchkeeper.core.checks.values import State
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.services.backups import Backups
from watchkeeper.services.doctor import Finding
from watchkeeper.services.health import Health
from watchkeeper.services.heartbeat import Heartbeat
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock
from watchkeeper.services.ports.backups import BackupsPort


class OwnLife:
    """unit: how the systemd unit of this process is hardened, one of `core.units.PROFILES`, "" when there is none."""

    def __init__(
        self, backups: Backups, heartbeat: Heartbeat, health: Health, port: BackupsPort, holder: InventoryHolder,
        clock: Clock, unit: str = "",
    ) -> None:  # fmt: skip
        self._backups = backups
        self._heartbeat = heartbeat
        self._health = health
        self._port = port
        self._holder = holder
        self._clock = clock
        self._unit = unit

    def warnings(self) -> tuple[str, ...]:
        """What a first look must show; asks nothing that could hang."""
        return tuple(each for each in (self._heartbeat.warning(), self._backups.warning()) if each)

    def findings(self) -> list[Finding]:
        """The doctor's part."""
        return [self._alive(), self._backup(), self._heard(), self._versions(), *self._hardening()]

    def _alive(self) -> Finding:
        faults = self._health.faults()
        if faults:
            return Finding(
                "health", State.CRIT, " ".join(faults), "The log of main says more: journalctl -u watchkeeper."
            )
        return Finding("health", State.OK, "checks are asked, flips taken, pages on their way, the disk takes writes")

    def _backup(self) -> Finding:
        state, warning = self._backups.state(), self._backups.warning()
        if state.plan is None:
            how = "Add to watchkeeper.yaml: backup: {to: /backup/watchkeeper, every: 24h, keep: 14}"
            return Finding("own backup", State.WARN, "No backup of watchkeeper itself is planned.", how)
        if warning:
            return Finding("own backup", State.CRIT, warning, "Try it: wk backup self.")
        if state.newest is None:
            return Finding("own backup", State.OK, f"the first one to {state.plan.to} is being made")
        manifest = state.newest.manifest
        age = format_duration(max(0.0, self._clock() - manifest.made_at))
        words = f"{age} old, checked, {manifest.size / 1e6:.1f} MB in {state.newest.path}"
        if state.same_disk:
            return Finding(
                "own backup", State.WARN, f"{words}, on the disk of the state", "Name a place on another disk."
            )
        return Finding("own backup", State.OK, words)

    def _heard(self) -> Finding:
        state, warning = self._heartbeat.state(), self._heartbeat.warning()
        plan = self._holder.current.team.heartbeat
        if plan is None:
            how = "Add to watchkeeper.yaml: heartbeat: {url: secret:NAME, every: 60s}"
            return Finding("heartbeat", State.WARN, "Nobody outside notices when this machine dies.", how)
        if warning:
            return Finding("heartbeat", State.CRIT, warning, "The address is heartbeat.url in watchkeeper.yaml.")
        if state.taken_at is None:
            return Finding("heartbeat", State.OK, f"none was sent yet; one every {format_duration(plan.every_s)}")
        return Finding(
            "heartbeat", State.OK, f"taken at {utc_words(state.taken_at)}, every {format_duration(plan.every_s)}"
        )

    def _versions(self) -> Finding:
        words = f"watchkeeper {__version__}, schema {self._port.versions()}"
        pending = self._port.pending()
        if pending:
            many = f"{words}; pending: {', '.join(pending)}"
            return Finding(
                "versions", State.WARN, many, "Restart watchkeeper: it makes a backup, then changes the schema."
            )
        return Finding("versions", State.OK, f"{words}, nothing pending")

    def _hardening(self) -> list[Finding]:
        from watchkeeper.core.units import profile

        needed = profile(self._holder.current)
        if not self._unit or self._unit == needed:
            return []
        words = f"The systemd unit was printed for '{self._unit}', the ops repo now needs '{needed}'."
        return [Finding("unit", State.WARN, words, "Print it again: wk up --print-unit.")]
