"""Host keys of SSH: what a host shows, and accepting it once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from watchkeeper.core.inventory.values import Host


@dataclass(frozen=True, slots=True)
class ShownKey:
    """What one host showed. known: a known-hosts file has a line for it, so nothing is to be accepted.

    place: host or [host]:port as known-hosts files write it. fingerprint: ``SHA256:...``. line: what would be added to
    `file`.
    """

    place: str
    known: bool
    file: str
    algorithm: str = ""
    fingerprint: str = ""
    line: str = ""


class HostKeysPort(Protocol):
    """Looks at host keys and remembers accepted ones where the connections verify them."""

    async def look(self, host: Host) -> ShownKey:
        """The key of a host; raises `NoAnswer` when it cannot be reached."""
        ...

    def accept(self, shown: ShownKey) -> None:
        """Add its line to the known-hosts file; raises `Forbidden` when that cannot be written."""
        ...
