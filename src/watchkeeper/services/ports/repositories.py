"""The files of the ops repo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class OpsRepositoryPort(Protocol):
    """The files of the ops repo."""

    def signature(self) -> str:
        """Changes whenever a file that matters was saved, added or removed; cheap (stat only)."""
        ...

    def files(self) -> dict[str, bytes]:
        """Relative path -> bytes of every file that matters, bounded; see `faults` for what could not be read."""
        ...

    def faults(self) -> Iterable[tuple[str, str]]:
        """(path, sentence) of files left out by the last `files`: too large, loop, unreadable."""
        ...

    def commits(self, since: float) -> list[tuple[str, float, str, str]]:
        """(commit id, time, author, subject) newest first; empty when it is not a git repository."""
        ...


class LastGoodPort(Protocol):
    """Keeps the files of the last good inventory over restarts."""

    def keep(self, files: dict[str, bytes]) -> None:
        """Replace what is kept; never raises."""
        ...

    def files(self) -> dict[str, bytes]:
        """What was kept last; empty when nothing was."""
        ...
