"""The log's own document in the ops repo."""

from __future__ import annotations

from typing import Protocol


class LogDocumentPort(Protocol):
    """One file of the ops repo. path: relative to it, with ``/`` between its parts."""

    def read(self, path: str) -> bytes | None:
        """Its bytes; None when it does not exist. Raises `Invalid` when it cannot be read, or lies outside."""
        ...

    def replace(self, path: str, before: bytes | None, after: bytes) -> bool:
        """Put `after` in place at once, durably; False when it is not `before` any more. Its mode stays. Raises `Invalid`."""
        ...

    def committed(self, path: str) -> bytes | None:
        """The file as the last commit has it; None without git, or when the commit does not have it."""
        ...

    def commit(self, path: str, message: str) -> str:
        """Commit this file alone as watchkeeper; "" when done, else why not. Other files must be clean."""
        ...
