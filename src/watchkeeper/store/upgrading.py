"""In front of a schema change: one process at a time, and a checked backup of everything first."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.core.errors import Invalid, WatchkeeperError
from watchkeeper.store import backups, versions

KEPT = 2


@contextmanager
def upgrading(state: Path) -> Iterator[None]:
    """Within the block this process alone changes schemas of this state, and what was there before is kept.

    The backup is the same as `wk backup self` makes, in STATE/before-upgrade. Of main and watch, which upgrade their own
    files at the same time, the first makes it for both. Raises `Invalid`: without a backup nothing is changed.
    """
    handle = os.open(state / "schema.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if versions.pending(state) and not _kept_already(state):
            _keep(state)
        yield
    finally:
        os.close(handle)


def _keep(state: Path) -> None:
    target = str(versions.known())
    try:
        backups.make(state, state / backups.BEFORE_UPGRADE, now=time.time(), keep=KEPT, upgrade=target)
    except WatchkeeperError as error:
        raise Invalid(
            f"The upgrade was not begun, because the backup before it failed: {error.sentence}",
            f"{error.hint} Until then start the older program.",
        ) from error


def _kept_already(state: Path) -> bool:
    """Whether the other program made the backup for this upgrade, and has changed its file since."""
    found = backups.find(state / backups.BEFORE_UPGRADE)
    if not found or found[0].manifest.upgrade != str(versions.known()):
        return False
    return found[0].manifest.versions != versions.versions_in(state)
