"""What the keeping of the operations log needs: rows that nobody else touches, and the files of the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from watchkeeper.core.log.chain import Row, Verification
from watchkeeper.core.log.proof import Anchor
from watchkeeper.core.log.values import Absence, Draft, Entry


class LogKeepingRows(Protocol):
    """A part of `Session`."""

    def name_entry(self, draft: Draft) -> Entry:
        """Append a naming entry and let the bodies go that it names: absences first, then the bodies."""
        ...

    def log_links(self, after: int = 0, limit: int = 1000) -> list[Row]:
        """Rows of the chain with their bodies as they are, in order; body None where it is not in the store."""
        ...

    def log_links_of(self, numbers: Sequence[int]) -> list[Row]:
        """The same of these entries, in order; numbers that are not there are left out."""
        ...

    def log_absences(self, numbers: Sequence[int] | None = None, place: str | None = None) -> list[Absence]:
        """Which bodies left: of these entries, or in this place, or all."""
        ...

    def naming_entries(self, after: int = 0) -> list[Entry]:
        """Every entry with number > after that says what was done with the log itself, oldest first."""
        ...

    def restore_entries(self) -> list[Entry]:
        """The entries of restores from a backup, oldest first."""
        ...

    def hashes(self, numbers: Sequence[int]) -> dict[int, str]:
        """The hashes of these entries; numbers that are not there are left out."""
        ...

    def log_head(self) -> tuple[int, str]:
        """(number, hash) of the last entry; (0, GENESIS) of an empty log."""
        ...

    def verify_log(self) -> Verification:
        """The whole chain as this session sees it."""
        ...

    def take_over(self, rows: Iterable[tuple[Row, Sequence[Absence]]]) -> int:
        """Write a whole chain into an empty log, each row with the absences that it names; how many rows it has.

        A named body leaves again. Nothing is checked but what the triggers check. Raises `Forbidden` when the log is
        not empty.
        """
        ...


class ArchivePort(Protocol):
    """The archive of the ops repo: one file of rows per year, and the same as Markdown beside it. Both or neither."""

    def rows(self, place: str) -> dict[int, Row] | None:
        """What a file holds, by number; None when it is not there. Raises `Invalid` when it cannot be read."""
        ...

    def write(self, place: str, rows: Iterable[Row], markdown: Iterable[str]) -> str:
        """Replace both files, durably, and return the sha256 of the rows. Raises `WatchkeeperError`."""
        ...

    def remove(self, place: str) -> None:
        """Take both files away."""
        ...

    def body(self, absence: Absence) -> bytes | str | None:
        """An archived body: its bytes; None when the file is not there; a sentence when the file does not hold it."""
        ...

    def begin(self, places: Sequence[str]) -> None:
        """Note durably that these files are about to change, so that a start after a crash looks at them."""
        ...

    def begun(self) -> list[str]:
        """The files that were about to change when the process ended; empty when nothing was."""
        ...

    def done(self) -> None:
        """Everything of the last `begin` is in place."""
        ...

    def free(self, place: str) -> bool:
        """Whether no file of the team's own has this name."""
        ...


class AnchorsPort(Protocol):
    """Heads of the chain in the commits of the ops repo."""

    def committed(self) -> list[Anchor]:
        """Every anchor in the history of the branch, newest first; empty without git."""
        ...


class StagePort(Protocol):
    """Keeps the parts of a file that is to be imported."""

    def add(self, offset: int, data: bytes) -> int:
        """Write at the end, 0 begins anew; the bytes that are there now. Raises `Usage` for a part out of turn."""
        ...

    def digest(self) -> str:
        """sha256 of what is there."""
        ...

    def lines(self) -> Iterator[str]:
        """Its lines. Raises `Invalid` for bytes that are no text."""
        ...

    def forget(self) -> None:
        """Take it away."""
        ...
