"""The files of a folder, for looking whether a link leads anywhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Literal

LARGEST = 4_000_000
MOST = 2000
"""How many documents of one folder are looked at."""


class FolderDocuments:
    """Files below `root`, by relative path. Reads only regular files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def kind(self, path: str) -> Literal["file", "folder", ""]:
        """What stands at a path; links are followed."""
        try:
            mode = os.stat(self._root / path).st_mode
        except (OSError, ValueError):
            return ""
        return "folder" if stat.S_ISDIR(mode) else "file"

    def read(self, path: str) -> bytes | None:
        """The bytes of a regular file of at most 4 MB; never waits for a pipe."""
        try:
            handle = os.open(self._root / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError):
            return None
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            return file.read(LARGEST) if stat.S_ISREG(facts.st_mode) and facts.st_size <= LARGEST else None

    def markdown(self, *folders: str) -> dict[str, bytes]:
        """Every Markdown document below these folders, bounded; hidden ones and links to folders are passed over."""
        found: dict[str, bytes] = {}
        for folder in folders:
            for place, inner, names in os.walk(self._root / folder):
                inner[:] = sorted(name for name in inner if not name.startswith("."))
                for name in sorted(names):
                    path = os.path.relpath(os.path.join(place, name), self._root).replace(os.sep, "/")
                    data = self.read(path) if name.endswith(".md") and not name.startswith(".") else None
                    if data is not None and len(found) < MOST:
                        found[path] = data
        return found
