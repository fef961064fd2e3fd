"""The folder into which the worker lays the labels: not allowed any more, or unable to hold another file."""

from __future__ import annotations

import time
from collections.abc import Sequence

from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.mounts import cannot_mount, mount_small, unmount
from watchkeeper.adapters.sample.places import Places

MODE = 0o755
READ_ONLY = 0o555
INODES = 6
FEW_ORDERS_S = 20.0


def permission_denied(places: Places) -> float:
    """Somebody tidies up: the folder of the labels loses its permission to write."""
    at = time.time()
    places.labels.chmod(READ_ONLY)
    return at


def inodes(places: Places) -> float:
    """The folder is moved to a small file system with much space and few files; counted from when it holds no more."""
    mount_small(places.labels, INODES)
    deadline = time.monotonic() + FEW_ORDERS_S
    while len(list(places.labels.iterdir())) < INODES - 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    return time.time()


def _no_restart(after: Aftermath) -> str:
    return "the worker was restarted, which cannot help" if after.ran("restart") else ""


def _names_the_folder(after: Aftermath) -> str:
    return _no_restart(after) or after.missing_words("Permission denied", str(after.places.labels))


def _names_the_files(after: Aftermath) -> str:
    return _no_restart(after) or after.missing_words("No space left on device", "100%", str(after.places.labels))


def mend(places: Places) -> Sequence[str]:
    """The folder as it was; the worker tries again by itself."""
    unmount(places.labels)
    if places.labels.stat().st_mode & 0o777 != MODE:
        places.labels.chmod(MODE)
    return ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "permission-denied", "escalated", "worker", "the folder of the labels may not be written any more",
            permission_denied, "gives the folder that the diagnosis names its permission back", works=False,
            judge=_names_the_folder, weight_s=14,
        ),
        Scenario(
            "inodes", "escalated", "worker", "the disk of the labels holds no more files, with most of its space free",
            inodes, "takes files away that nobody needs, or makes room for more", works=False,
            judge=_names_the_files, missing=cannot_mount, weight_s=16,
        ),
    ),
    mend=mend,
)  # fmt: skip
