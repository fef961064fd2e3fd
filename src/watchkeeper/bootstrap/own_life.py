"""Builds what keeps watchkeeper itself: health, heartbeat, backups, and what is said about them."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters import heartbeat as outside
from watchkeeper.adapters.secrets import SecretReader
from watchkeeper.core.units import MARK
from watchkeeper.services.backups import Backups
from watchkeeper.services.health import Health, Pulse
from watchkeeper.services.heartbeat import Heartbeat
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.own_life import OwnLife
from watchkeeper.services.ports import Clock, StorePort, WatchPort
from watchkeeper.store.backups import StateBackups

LEAST_FREE = 20_000_000
"""Bytes below which the state directory counts as full: a page, an incident and its evidence need room."""


@dataclass(frozen=True, slots=True)
class Own:
    """Watchkeeper's own life. pulse: written by the beats of main."""

    pulse: Pulse
    health: Health
    heartbeat: Heartbeat
    backups: Backups
    life: OwnLife


def build_own(
    state: Path, store: StorePort, watch: WatchPort, holder: InventoryHolder, secrets: SecretReader, clock: Clock
) -> Own:
    """The parts of one main process."""
    pulse = Pulse(time.monotonic)
    health = Health(store, watch, holder, pulse, lambda: disk_fault(state), clock, time.monotonic)
    heartbeat = Heartbeat(lambda url: outside.send(secrets.resolve(url)), health, holder, clock, time.monotonic)
    port = StateBackups(state, clock)
    backups = Backups(port, holder, clock)
    life = OwnLife(backups, heartbeat, health, port, holder, clock, os.environ.get(MARK, ""))
    return Own(pulse, health, heartbeat, backups, life)


def disk_fault(state: Path) -> str:
    """Why the disk of the state takes nothing, as a sentence; "" when it just took a page of bytes, durably."""
    path = state / ".health"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, b"\0" * 4096)
            os.fsync(handle)
        finally:
            os.close(handle)
            path.unlink(missing_ok=True)
        free = shutil.disk_usage(state).free
    except OSError as error:
        return f"The disk of the state directory takes no writes: {error.strerror}."
    return "" if free >= LEAST_FREE else f"The disk of the state directory is full: {free / 1e6:.0f} MB are free."
