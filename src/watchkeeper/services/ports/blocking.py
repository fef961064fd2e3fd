"""Hosts as the engine's threads use them: the same verbs as HostPort, blocking, by host name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports.hosts import CommandResult, SpoolAnswer, SpoolStep


class BlockingHostsPort(Protocol):
    """Blocking calls on named hosts; each raises what its HostPort counterpart raises."""

    def read(
        self,
        host: str,
        text: str,
        *,
        deadline_s: float,
        environment: Mapping[str, str] | None = None,
        shell: str = "sh",
        limit: int = 1_048_576,
        strict: bool = False,
        on_output: Callable[[bytes], None] | None = None,
    ) -> CommandResult: ...

    def start(self, host: str, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0) -> SpoolAnswer: ...

    def look(
        self, host: str, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0, limit: int = 1_048_576
    ) -> SpoolAnswer: ...

    def cancel(self, host: str, step: SpoolStep, *, grace_s: float = 5.0) -> SpoolAnswer: ...

    def clean(self, host: str, run: str) -> None: ...

    def replace(self, hosts: Mapping[str, Host]) -> None: ...
