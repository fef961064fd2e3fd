"""The files of the ops repo, to be read whole and written one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class DefinitionFilesPort(Protocol):
    """Single files of the ops repo, by path relative to it."""

    def read(self, path: str) -> bytes | None:
        """Its bytes; None when it does not exist. Raises `Invalid` when it cannot be read, or lies outside."""
        ...

    def replace(self, path: str, before: bytes | None, after: bytes) -> bool:
        """Put `after` in place at once, durably; False when it is not `before` any more. Raises `Invalid`."""
        ...

    def remove(self, path: str, before: bytes) -> bool:
        """Take it away; False when it is not `before` any more. Raises `Invalid`."""
        ...

    def commit(self, paths: Sequence[str], message: str, author: str) -> str:
        """Commit these files alone, with this author; "" when done or without git, else why not."""
        ...


class DocumentsPort(Protocol):
    """What lies beside the inventory's own files."""

    def files(self) -> dict[str, bytes]:
        """docs, queries and routines: path -> bytes, bounded."""
        ...
