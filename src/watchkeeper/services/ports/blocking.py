"""Hosts as the engine's threads use them: the same verbs as HostPort, blocking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports.hosts import CommandResult, SpoolAnswer, SpoolStep


class BlockingHostPort(Protocol):
    """Blocking calls on one host; each raises what its HostPort counterpart raises."""

    def read(
        self,
        text: str,
        *,
        deadline_s: float,
        environment: Mapping[str, str] | None = None,
        shell: str = "sh",
        limit: int = 1_048_576,
        strict: bool = False,
        on_output: Callable[[bytes], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> CommandResult:
        """As HostPort.read; `stop` is asked now and then and ends the command when it says True."""
        ...

    def start(self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0) -> SpoolAnswer: ...

    def look(self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0, limit: int = 1_048_576) -> SpoolAnswer: ...

    def cancel(self, step: SpoolStep, *, grace_s: float = 5.0) -> SpoolAnswer: ...

    def clean(self, run: str, *, claims: bool = False) -> bool: ...

    def spooled(self, prefix: str) -> list[str]: ...


class BlockingHostsPort(Protocol):
    """All hosts of the inventory."""

    def get(self, name: str) -> BlockingHostPort:
        """The named host; raises `NotFound`."""
        ...

    def replace(self, hosts: Mapping[str, Host]) -> None: ...
