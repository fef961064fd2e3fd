"""The documents of the ops repo: docs, queries and routines. Bounded, and never out of the repo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from watchkeeper.adapters.repositories.directory import DirectoryRepository, _LeftOut, _read, _Seen
from watchkeeper.core.search import Document, kind_of, title_of

FOLDERS = {"docs": (".md", ".txt"), "queries": (".sql", ".md"), "routines": (".md",)}
LARGEST = 1_048_576
MOST_BYTES = 64 * 1024 * 1024


class KnowledgeRepository(DirectoryRepository):
    """Implements `services.ports.search.KnowledgePort` over the folders beside the definitions."""

    def documents(self) -> list[Document]:
        """All of them by path. What is too large, unreadable or leads out of the repo is left out."""
        found: list[Document] = []
        total = 0
        for seen in self._walk():
            if seen.fault:
                continue
            try:
                data = _read(self._root / seen.path, LARGEST)
            except (_LeftOut, OSError):
                continue
            total += len(data)
            if total > MOST_BYTES:
                break
            text = data.decode("utf-8", "replace")
            digest = hashlib.sha256(data).hexdigest()
            found.append(Document(seen.path, kind_of(seen.path), title_of(seen.path, text), text, digest))
        return found

    def _all(self, root: Path) -> Iterator[_Seen]:
        for folder, endings in FOLDERS.items():
            yield from self._below(root, folder, endings, ())
