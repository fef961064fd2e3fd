"""The log's own document in the ops repo."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.adapters.repositories.files import LIMIT, RepositoryFiles

__all__ = ["LIMIT", "DirectoryLogDocument"]


class DirectoryLogDocument:
    """Implements `LogDocumentPort` for the directory `root`."""

    def __init__(self, root: Path) -> None:
        self._files = RepositoryFiles(root, " under `log: file:`")
        self.read = self._files.read
        self.replace = self._files.replace
        self.committed = self._files.committed

    def commit(self, path: str, message: str) -> str:
        """Author and committer are watchkeeper."""
        return self._files.commit([path], message)
