"""The files of the last good inventory, kept in the state directory: a restart while a file is broken goes on with them."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

NAME = "inventory.zip"


class LastGood:
    """Keeps one set of files (LastGoodPort); written by whichever program loads them first, atomically."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME

    def keep(self, files: dict[str, bytes]) -> None:
        """Replace what is kept. A disk that is full costs the copy, not the watch."""
        partial = self._path.with_name(f"{NAME}.{os.getpid()}")
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for path, data in files.items():
                    archive.writestr(path, data)
            partial.chmod(0o600)
            partial.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def files(self) -> dict[str, bytes]:
        """What was kept last; empty when there is nothing, or nothing readable."""
        try:
            with zipfile.ZipFile(self._path) as archive:
                return {name: archive.read(name) for name in archive.namelist()}
        except (OSError, zipfile.BadZipFile):
            return {}


class KeptRepository:
    """The kept files as an `OpsRepositoryPort`: of several nodes, the watch goes by what main says is in force."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME
        self._kept = LastGood(state)

    def signature(self) -> str:
        """Changes when main has put another revision there."""
        try:
            found = self._path.stat()
        except OSError:
            return ""
        return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"

    def files(self) -> dict[str, bytes]:
        """All of them."""
        return self._kept.files()

    def faults(self) -> Iterable[tuple[str, str]]:
        """While main has put nothing there yet, that is said."""
        return () if self._path.exists() else (("watchkeeper.yaml", "nothing yet: main has not loaded the ops repo"),)

    def commits(self, since: float) -> list[tuple[str, float, str, str]]:
        """None: only main looks at them."""
        return []
