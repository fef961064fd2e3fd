"""Builds what keeps watchkeeper itself: health, heartbeat, backups, and what is said about them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters import heartbeat as outside
from watchkeeper.adapters.ping_listener import URL_FILE
from watchkeeper.adapters.secrets import SecretReader
from watchkeeper.core.units import MARK
from watchkeeper.services.backups import Backups
from watchkeeper.services.health import Health, Pulse
from watchkeeper.services.heartbeat import Heartbeat
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.own_life import OwnLife
from watchkeeper.services.ports import Clock, WatchPort
from watchkeeper.services.vitals import VitalsReader
from watchkeeper.store.backups import StateBackups
from watchkeeper.store.writer import Store

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
    vitals: VitalsReader


def build_own(
    state: Path, store: Store, watch: WatchPort, holder: InventoryHolder, secrets: SecretReader, clock: Clock
) -> Own:
    """The parts of one main process."""
    pulse = Pulse(time.monotonic)
    health = Health(store, watch, holder, pulse, lambda: disk_fault(state), clock, time.monotonic)
    heartbeat = Heartbeat(lambda url: outside.send(secrets.resolve(url)), health, holder, clock, time.monotonic)
    port = StateBackups(state, clock)
    backups = Backups(port, holder, clock)
    life = OwnLife(backups, heartbeat, health, port, holder, clock, os.environ.get(MARK, ""))
    vitals = VitalsReader(
        store, watch, holder, backups, health, store.verify_log, store.missing_log_triggers, lambda: disk_room(state),
        clock, time.monotonic,
    )  # fmt: skip
    return Own(pulse, health, heartbeat, backups, life, vitals)


def disk_room(state: Path) -> tuple[float, float]:
    """(free, total) bytes of the disk of the state directory."""
    usage = shutil.disk_usage(state)
    return float(usage.free), float(usage.total)


def process_figures(watch: Mapping[str, object]) -> dict[str, tuple[float, float]]:
    """Resident bytes and processor seconds of main and the watch, as the kernel counts them."""
    page, ticks = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    found = {}
    for name, number in (("main", os.getpid()), ("watch", watch.get("pid"))):
        try:
            resident = int(Path(f"/proc/{number}/statm").read_text().split()[1]) * page
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError, IndexError):
            continue
        found[name] = float(resident), (int(fields[11]) + int(fields[12])) / ticks
    return found


def ping_address(state: Path) -> str:
    """Where the watch of this state directory takes pings over HTTP, as it says itself; "" when nowhere."""
    try:
        return str(json.loads((state / URL_FILE).read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


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
