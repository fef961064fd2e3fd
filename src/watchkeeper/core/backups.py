"""Our own backup: what one is, which of them stay, and when the newest is too old."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from watchkeeper.core.times import format_duration, utc_words

FORM = 1
"""Version of the manifest's form."""
MANIFEST = "manifest.json"
DATABASES = ("main.db", "evidence.db", "readings.db")
"""In the order they are copied: what main.db refers to in the other two was written there before."""
REQUIRED = ("main.db", "secret.key")
_NAME = re.compile(r"watchkeeper-(\d{8}T\d{6})Z(?:-\d+)?\Z")
LATE = 1.5
"""A scheduled backup is late when this many periods have passed since the newest."""
NUMBERS_A_DAY = 1000
"""More runs than the default budget lets start by themselves in a day (30 per hour)."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Schema versions of the three databases. main: its newest schema change by name, "" when there is none yet.

    evidence, readings: numbers, 0 when the file is new or missing.
    """

    main: str = ""
    evidence: int = 0
    readings: int = 0

    def __str__(self) -> str:
        return f"main {self.main or 'new'}, evidence {self.evidence}, readings {self.readings}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one backup holds. files: name to (bytes, sha256). head: hash of the newest entry of the operations log.

    installation: the random name of the state directory that was copied; host: the machine's name.
    upgrade: the versions it was made in front of, "" for an ordinary backup.
    """

    made_at: float
    program: str
    installation: str
    host: str
    versions: Versions
    files: Mapping[str, tuple[int, str]]
    entries: int
    head: str
    open_runs: int = 0
    open_incidents: int = 0
    upgrade: str = ""
    form: int = FORM

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup: its directory and what it holds."""

    path: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. asks: why some of the open runs wait for a person now; aside: where the old state went."""

    backup: Backup
    state: str
    entries: int
    open_runs: int
    asks: tuple[str, ...] = ()
    aside: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)


def name_of(made_at: float, again: int = 0) -> str:
    """The directory of a backup: ``watchkeeper-20261121T102030Z``, with ``-2`` for the second of one second."""
    stamp = datetime.fromtimestamp(made_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"watchkeeper-{stamp}" + (f"-{again + 1}" if again else "")


def is_name(name: str) -> bool:
    """Whether a directory's name is that of a backup of ours."""
    return _NAME.fullmatch(name) is not None


def surplus(found: Sequence[Backup], installation: str, keep: int) -> list[Backup]:
    """The backups of this installation beyond the newest `keep`, oldest first. Others' are never named."""
    own = sorted((each for each in found if each.manifest.installation == installation), key=_made_at)
    return own[: max(0, len(own) - max(1, keep))]


def newest(found: Sequence[Backup], installation: str) -> Backup | None:
    """The newest backup of this installation."""
    return max((each for each in found if each.manifest.installation == installation), key=_made_at, default=None)


def _made_at(backup: Backup) -> float:
    return backup.manifest.made_at


def is_due(last_at: float | None, tried_at: float | None, every_s: float, now: float) -> bool:
    """Whether the schedule asks for one now; after a failure it is tried again in a quarter of an hour at most.

    A newest backup from the future (the clock was set back) does not hold the schedule up.
    """
    if tried_at is not None and 0 <= now - tried_at < min(every_s, 900.0):
        return False
    return last_at is None or not 0 <= now - last_at < every_s


def lateness(last_at: float | None, every_s: float, now: float) -> str:
    """The sentence that the newest backup is too old, or "" while it is not."""
    if last_at is None:
        return "There is no backup of watchkeeper itself yet."
    if now - last_at <= every_s * LATE + 60.0:
        return ""
    age, asked = format_duration(now - last_at), format_duration(every_s)
    return (
        f"The newest backup of watchkeeper itself is {age} old ({utc_words(last_at)}); one is asked for every {asked}."
    )


def jump(age_s: float) -> int:
    """How far numbers of runs and incidents go on beyond those of a restored backup of this age.

    What was numbered after the backup is not in it. A number given a second time would find the spool files, the
    messages and the notes of the first, so none is.
    """
    days = max(0.0, age_s) / 86400.0
    return NUMBERS_A_DAY * (1 + int(days))
