"""What asking the operations log needs: entries by a selection, what later entries say, and the files of entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from watchkeeper.core.log.query import Selection
from watchkeeper.core.log.values import Attachment, Entry


@dataclass(frozen=True, slots=True)
class Links:
    """Numbers of later entries, oldest first, that correct one, change its status, or answer it."""

    corrected_by: tuple[int, ...] = ()
    status_by: tuple[int, ...] = ()
    answered_by: tuple[int, ...] = ()


class LogIndexRows(Protocol):
    """A part of `Session`. Questions are answered as far as the index has caught up with the log."""

    def is_log_indexed(self) -> bool:
        """Whether the index knows every entry."""
        ...

    def index_log(self, at_most: int = 500) -> bool:
        """Let the index catch up by so many entries; whether it knows all now."""
        ...

    def asked_entries(self, selection: Selection, limit: int, before: int | None = None) -> list[Entry]:
        """Newest first by time, then number. before: only those that follow this entry in that order."""
        ...

    def asked_count(self, selection: Selection) -> int:
        """How many entries hold, not looking at their text."""
        ...

    def entry_links(self, numbers: Sequence[int]) -> dict[int, Links]: ...
    def rebuild_log_index(self) -> int:
        """Make the index anew from the log; how many entries it has."""
        ...

    def keep_file(self, name: str, data: bytes) -> Attachment:
        """Keep the bytes of an attachment, once whatever entries name them."""
        ...

    def kept_file(self, attachment: Attachment) -> bytes:
        """The bytes, checked against their digest. Raises `NotFound` and `Invalid`."""
        ...

    def drop_file(self, digest: str) -> bool:
        """Let the bytes of an attachment go, when a purge names them; False when they are not there."""
        ...
