"""Keeping ourselves: backups of the state directory, and what its schemas are."""

from __future__ import annotations

from typing import Protocol

from watchkeeper.core.backups import Backup, Versions


class BackupsPort(Protocol):
    """Backups of this state directory. Methods may take minutes and may hang with the disk they write to."""

    def make(self, to: str, keep: int) -> Backup:
        """Make one, check it, remove the surplus. Raises a core error with the reason."""
        ...

    def newest(self, to: str) -> Backup | None:
        """The newest one of this installation below a directory."""
        ...

    def on_same_disk(self, to: str) -> bool:
        """Whether it would be lost together with the state directory."""
        ...

    def versions(self) -> Versions:
        """The schema versions of the files as they are."""
        ...

    def pending(self) -> list[str]:
        """Schema changes that the program on the disk brings and the files do not have."""
        ...
