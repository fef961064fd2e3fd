"""Builds the watch: probes, readings store, inventory and loop. Neither Django nor the engine is loaded here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.adapters.repositories.directory import DirectoryRepository, own_ssh_config
from watchkeeper.adapters.repositories.last_good import KeptRepository, LastGood
from watchkeeper.adapters.secrets import SecretReader
from watchkeeper.bootstrap.state import database_url, node_id
from watchkeeper.core.inventory.values import Host, Inventory
from watchkeeper.services.checks import Limits, Watch
from watchkeeper.services.checks.share import Share
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, HostPort, HostsPort
from watchkeeper.store.places import ReadingsWriting, open_readings_writer


@dataclass(slots=True)
class BuiltWatch:
    """The watch with what has to be closed after it."""

    watch: Watch
    probes: Probes
    readings: ReadingsWriting

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

    def secrets_of(inventory: Inventory) -> Callable[[str], str]:
        secrets.replace(inventory.secrets)
        return secrets.value

    probes = build_probes(ops, pings=readings)
    if url:
        holder, share = InventoryHolder(KeptRepository(state), clock), Share(node_id(state), readings, time.monotonic)
    else:
        holder, share = InventoryHolder(DirectoryRepository(ops), clock, last_good=LastGood(state)), None
    watch = Watch(holder, probes, readings, clock, secrets_of, limits=limits, share=share)
    return BuiltWatch(watch, probes, readings)


def build_probes(ops: Path, pings: ReadingsWriting | None = None) -> Probes:
    """The probes for one process; without `pings` heartbeats cannot be asked. Hosts are loaded at their first use."""

    def make_pool(hosts: Mapping[str, Host]) -> HostsPort:
        from watchkeeper.adapters.hosts.pool import Hosts

        return Hosts(hosts, ssh_config=own_ssh_config(ops))

    def make_local() -> HostPort:
        from watchkeeper.adapters.hosts.local import LocalHost

        return LocalHost(Host("here", "local"))

    return Probes(Tools(make_pool, make_local, pings, ops))
