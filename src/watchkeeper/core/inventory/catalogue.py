"""Asking the inventory as people do: what runs on a host, what needs what."""

from __future__ import annotations

import re
from collections.abc import Mapping

from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.inventory.values import Host, Inventory, Service

_APART = re.compile(r"[\s_.-]+")


def host_named(inventory: Inventory, words: str) -> Host:
    """The host that somebody means: by name, address or a label, in any case and with any of ``- _ .`` or a space between.

    Raises `NotFound` that names the hosts there are, `Usage` when several could be meant.
    """
    wanted = _plain(words)
    exact = inventory.hosts.get(words.strip())
    found = [exact] if exact else [host for host in inventory.hosts.values() if wanted and wanted in _names(host)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Usage(f"{words[:80]!r} may be {' or '.join(sorted(host.name for host in found))}.", "Name one of them.")
    names = ", ".join(sorted(inventory.hosts)) or "none"
    raise NotFound(f"There is no host {words[:80]} in hosts.yaml.", f"Its hosts: {names}.")


def services_on(inventory: Inventory, host: Host) -> list[Service]:
    """The services that run on a host, by name."""
    return [service for _, service in sorted(inventory.services.items()) if host.name in service.hosts]


def dependents(inventory: Inventory) -> Mapping[str, tuple[str, ...]]:
    """For each service the services that need it, by name."""
    found: dict[str, list[str]] = {name: [] for name in inventory.services}
    for name in sorted(inventory.services):
        for needed in inventory.services[name].depends_on:
            if needed in found:
                found[needed].append(name)
    return {name: tuple(names) for name, names in found.items()}


def _names(host: Host) -> frozenset[str]:
    return frozenset(_plain(each) for each in (host.name, host.address, *host.labels.values()) if each)


def _plain(words: str) -> str:
    return _APART.sub(" ", words.strip().lower())
