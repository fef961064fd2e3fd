"""The parts of `wk init --host`: a host by its name, its key, and the look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from watchkeeper.core.inventory.values import Host
from watchkeeper.services.discovery import Look, Tell, look_at
from watchkeeper.services.ports.host_keys import ShownKey


def discover(host: Host, decide: Callable[[ShownKey], None], tell: Tell, ssh_config: Path | None = None) -> Look:
    """Look at one host. decide: called with an unknown host key; it raises when the key is not accepted.

    Raises `NoAnswer` when the host cannot be reached, `Forbidden` when the accepted key cannot be written.
    """
    return asyncio.run(_discover(host, decide, tell, ssh_config))


async def _discover(host: Host, decide: Callable[[ShownKey], None], tell: Tell, ssh_config: Path | None) -> Look:
    from watchkeeper.adapters.hosts.pool import Hosts

    if host.kind == "ssh":
        from watchkeeper.adapters.hosts.host_keys import SshHostKeys

        keys = SshHostKeys(ssh_config)
        shown = await keys.look(host)
        if not shown.known:
            decide(shown)
            keys.accept(shown)
    hosts = Hosts({host.name: host}, ssh_config=ssh_config)
    try:
        return await look_at(hosts.get(host.name), tell)
    finally:
        await hosts.close()
