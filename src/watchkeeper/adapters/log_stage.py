"""What arrives of a chain that is to be imported, in a file of the state directory until all of it is there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from watchkeeper.core.errors import Invalid, Usage, WatchkeeperError

NAME = "chain-import.part"
LARGEST = 8 * 1024**3


class FileStage:
    """Implements `StagePort`."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME

    def add(self, offset: int, data: bytes) -> int:
        """Write at the end; offset 0 begins anew. Raises `Usage` when the parts do not follow each other."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if offset == 0 else 0)
            with os.fdopen(os.open(self._path, flags, 0o600), "r+b") as file:
                there = file.seek(0, os.SEEK_END)
                if there != offset:
                    raise Usage(
                        f"This part begins at byte {offset}, and {there} bytes are there.", "Begin the import anew."
                    )
                if offset + len(data) > LARGEST:
                    raise Usage(
                        "The file is too large to be an operations log.", "wk log export --chain writes such files."
                    )
                file.write(data)
                return offset + len(data)
        except OSError as error:
            raise WatchkeeperError(
                f"What arrives of the chain cannot be kept: {error.strerror}.",
                "See that the disk of the state has room.",
            ) from error

    def digest(self) -> str:
        """sha256 of all that arrived; "" when nothing did."""
        try:
            with self._path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""

    def lines(self) -> Iterator[str]:
        """Its lines. Raises `Invalid` for bytes that are no text."""
        try:
            with self._path.open(encoding="utf-8", newline="\n") as file:
                yield from file
        except (UnicodeDecodeError, OSError):
            raise Invalid("The file is not UTF-8 text.", "wk log export --chain writes such files.") from None

    def forget(self) -> None:
        """Take it away."""
        self._path.unlink(missing_ok=True)
