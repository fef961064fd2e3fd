"""Builds the watch: probes, readings store, inventory and loop. Neither Django nor the engine is loaded here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters.key_file import NAME as KEY_FILE
from watchkeeper.adapters.key_file import KeyFile
from watchkeeper.adapters.known_secrets import KnownSecrets
from watchkeeper.adapters.main_health import main_faults
from watchkeeper.adapters.ping_listener import PingListener
from watchkeeper.adapters.ping_requests import Requests
from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.adapters.repositories.directory import DirectoryRepository, own_ssh_config
from watchkeeper.adapters.repositories.last_good import KeptRepository, LastGood
from watchkeeper.adapters.secrets import SecretReader
from watchkeeper.bootstrap.memory import keep_loaded
from watchkeeper.bootstrap.state import database_url, node_id
from watchkeeper.core.inventory.values import Host, Inventory
from watchkeeper.services.checks import Limits, Watch
from watchkeeper.services.checks.intake import Intake
from watchkeeper.services.checks.share import Share
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, HostPort, HostsPort
from watchkeeper.store.places import ReadingsWriting, open_readings_writer
from watchkeeper.store.readings.ping_journal import PingJournal


@dataclass(slots=True)
class BuiltWatch:
    """The watch with what has to be closed after it."""

    watch: Watch
    probes: Probes
    readings: ReadingsWriting
    listener: PingListener
    hidden: KnownSecrets

    async def close(self) -> None:
        """Close connections and the store; call it after `watch.run` has ended."""
        await self.probes.close()
        self.readings.close()


def build_watch(ops: Path, state: Path, *, clock: Clock = time.time, limits: Limits | None = None) -> BuiltWatch:
    """The watch over this ops repo. The caller holds ``watch.lock``. Raises `Invalid` for a newer readings.db.

    With DATABASE_URL it is one of several: it asks what its node owns, by the inventory that main says is in force.
    """
    url = database_url()
    readings = open_readings_writer(state, url, node_id(state) if url else "")
    secrets = SecretReader(ops)
    hidden = KnownSecrets(secrets.known)

    def secrets_of(inventory: Inventory) -> Callable[[str], str]:
        secrets.replace(inventory.secrets)
        readings.keep(inventory.team.retention)  # called with each inventory that comes into force
        hidden.forget()
        return secrets.value

    probes = build_probes(ops, pings=readings)
    if url:
        holder = InventoryHolder(KeptRepository(state), clock, loaded=keep_loaded)
        share = Share(node_id(state), readings, time.monotonic)
    else:
        holder = InventoryHolder(DirectoryRepository(ops), clock, last_good=LastGood(state), loaded=keep_loaded)
        share = None
    intake = Intake(readings, journal=PingJournal(state), redact=hidden.redact)
    watch = Watch(holder, probes, readings, clock, secrets_of, limits=limits, share=share, intake=intake)
    return BuiltWatch(watch, probes, readings, build_listener(state, watch, clock), hidden)


def build_listener(state: Path, watch: Watch, clock: Clock) -> PingListener:
    """The HTTP server for pings, alerts and health; it listens in `PingListener.serving`."""
    keys = KeyFile(state / KEY_FILE)

    async def health() -> list[str]:
        own = str(watch.status().get("store_fault") or "")
        return [*([own] if own else []), *await main_faults(state / "main.sock")]

    return PingListener(Requests(watch, keys.ring, health, clock), state, watch.ping_plan)


def build_probes(ops: Path, pings: ReadingsWriting | None = None) -> Probes:
    """The probes for one process; without `pings` heartbeats cannot be asked. Hosts are loaded at their first use."""

    def make_pool(hosts: Mapping[str, Host]) -> HostsPort:
        from watchkeeper.adapters.hosts.pool import Hosts

        return Hosts(hosts, ssh_config=own_ssh_config(ops))

    def make_local() -> HostPort:
        from watchkeeper.adapters.hosts.local import LocalHost

        return LocalHost(Host("here", "local"))

    return Probes(Tools(make_pool, make_local, pings, ops))
