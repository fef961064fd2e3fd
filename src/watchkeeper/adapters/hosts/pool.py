"""All hosts of the inventory, connections kept open and shared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from watchkeeper.adapters.hosts.local import LocalHost
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.adapters.hosts.ssh import CONNECT_TIMEOUT_S, SshHost
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Host


class Hosts:
    """The hosts port. Belongs to one event loop.

    ssh_config: an OpenSSH client configuration other than ``~/.ssh/config``. local_environment: added to the login
    variables that commands on this machine see.
    """

    def __init__(
        self,
        hosts: Mapping[str, Host],
        *,
        ssh_config: Path | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        local_environment: Mapping[str, str] | None = None,
    ) -> None:
        self._inventory = dict(hosts)
        self._open: dict[str, ShellHost] = {}
        self._retired: list[ShellHost] = []
        self._ssh_config = ssh_config
        self._connect_timeout_s = connect_timeout_s
        self._local_environment = dict(local_environment or {})
        self._gate = asyncio.Semaphore(16)

    def get(self, name: str) -> ShellHost:
        """The named host; raises `NotFound` when the inventory has no such host."""
        if name not in self._open:
            self._open[name] = self._make(name)
        return self._open[name]

    def _make(self, name: str) -> ShellHost:
        host = self._inventory.get(name)
        if host is None:
            close = get_close_matches(name, self._inventory, n=1)
            known = ", ".join(sorted(self._inventory)[:8]) or "none"
            hint = f"Did you mean {close[0]}?" if close else f"Hosts in hosts.yaml: {known}."
            raise NotFound(f"There is no host {name!r} in the inventory.", hint)
        if host.kind == "local":
            return LocalHost(host, environment=self._local_environment)
        if host.kind == "container":
            from watchkeeper.adapters.hosts.container import ContainerHost

            return ContainerHost(host, parent=(lambda: self.get(host.via)) if host.via else None)
        return SshHost(host, config=self._ssh_config, connect_timeout_s=self._connect_timeout_s, gate=self._gate)

    def replace(self, hosts: Mapping[str, Host]) -> None:
        """Take over the hosts of a new inventory; connections of unchanged hosts stay, others end when unused."""
        new = dict(hosts)
        self._retired = [host for host in self._retired if not host.settled]
        for name in [name for name, kept in self._open.items() if new.get(name) != kept.host]:
            self._retired.append(self._open.pop(name))
            self._retired[-1].retire()
        self._inventory = new

    async def close(self) -> None:
        """Close all connections; running spooled steps go on."""
        opened, self._open, self._retired = [*self._open.values(), *self._retired], {}, []
        await asyncio.gather(*(host.close() for host in opened))
