"""Making, checking and listing our own backups: plain SQLite, beside a running watchkeeper or without one.

A backup is one directory: a copy of each database made by SQLite's own backup (one consistent moment each, writers go
on), the signing key, the last good inventory, and a manifest with sizes and digests. It gets its name only after every
copy was opened and checked. main.db is copied first: what it refers to in the other two was there before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watchkeeper import __version__
from watchkeeper.core import backups as core
from watchkeeper.core.backups import DATABASES, FORM, MANIFEST, Backup, Manifest, Versions
from watchkeeper.core.errors import Forbidden, Invalid, NotFound, WatchkeeperError
from watchkeeper.store import log_rows, versions
from watchkeeper.store.versions import reading

OTHERS = ("secret.key", "inventory.zip")
BEFORE_UPGRADE = "before-upgrade"
"""Folder of the state directory for the backups made in front of a schema change."""
_SPARE_BYTES = 16 * 1024 * 1024
_DEAD_PARTIAL_S = 86_400.0


def make(state: Path, to: Path, *, now: float, keep: int = 14, upgrade: str = "") -> Backup:
    """Make one backup of `state` below `to`, check it, then remove the surplus ones of the same installation.

    upgrade: what it is made in front of; only such a backup may lie in the state itself, and may lack a main.db.
    Raises `NotFound`, `Forbidden`, `Invalid` (a copy does not hold), `WatchkeeperError` (no room, cannot be written).
    """
    state, to = state.resolve(), to.absolute()
    _assert_ours(state, upgrade)
    if not upgrade and to.resolve().is_relative_to(state):
        raise Invalid(
            f"{to} is inside the state directory, and would be lost with it.", "Name a place outside: --to DIR."
        )
    _need_room(state, to)
    partial = to / f".{core.name_of(now)}.{socket.gethostname()}.{os.getpid()}.partial"
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_dead(to, now)
        partial.mkdir(mode=0o700)
        manifest = _filled(state, partial, now, upgrade)
        found = Backup(str(_named(partial, to, now)), manifest)
    except (OSError, sqlite3.Error) as error:
        raise WatchkeeperError(
            f"The backup in {to} could not be made: {_why(error)}.",
            "See that its disk is there, writable, and has room.",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    prune(to, manifest.installation, keep)
    return found


def verify(path: Path) -> Manifest:
    """Check one backup: every file against its digest, every database opened, the log's chain recomputed.

    Raises `NotFound` when it is none, `Invalid` with the first thing that does not hold.
    """
    manifest = read_manifest(path)
    for name, (size, digest) in manifest.files.items():
        file = path / name
        if not file.is_file():
            raise Invalid(f"The backup {path} has lost its {name}.", "Use another one: wk backup list.")
        if file.stat().st_size != size or digest_of(file) != digest:
            raise Invalid(f"{name} in the backup {path} is not what was written.", "Use another one: wk backup list.")
    entries, head = checked(path)
    if (entries, head) != (manifest.entries, manifest.head):
        raise Invalid(
            f"The operations log in the backup {path} has {entries} entries, {manifest.entries} were written.",
            "Use another one: wk backup list.",
        )
    return manifest


def find(to: Path) -> list[Backup]:
    """The finished backups below a directory, newest first. What cannot be read is left out; nothing is checked."""
    found = []
    with contextlib.suppress(OSError):
        for path in to.iterdir():
            if core.is_name(path.name) and path.is_dir():
                with contextlib.suppress(WatchkeeperError):
                    found.append(Backup(str(path), read_manifest(path)))
    return sorted(found, key=lambda each: (-each.manifest.made_at, each.path))


def chosen(place: Path) -> Backup:
    """The backup that a path means: it itself, or the newest below it. Raises `NotFound`."""
    if (place / MANIFEST).exists():
        return Backup(str(place), read_manifest(place))
    found = find(place)
    if not found:
        raise NotFound(f"There is no backup of watchkeeper in {place}.", "'wk backup list --to DIR' looks elsewhere.")
    return found[0]


def prune(to: Path, installation: str, keep: int) -> list[str]:
    """Remove the surplus backups of this installation; nothing else in the directory is touched."""
    gone = []
    for each in core.surplus(find(to), installation, keep):
        path = Path(each.path)
        with contextlib.suppress(OSError):
            (path / MANIFEST).unlink()  # first: what is half removed is no backup any more
            shutil.rmtree(path)
            gone.append(each.path)
    return gone


def installation_of(database: Path) -> str:
    """The random name of the state directory, from its main.db; "" when it has none yet."""
    try:
        with reading(database) as connection:
            row = connection.execute("select value from setting where name = 'installation'").fetchone()
            return str(row[0]) if row else ""
    except sqlite3.Error:
        return ""


def read_manifest(path: Path) -> Manifest:
    """What a backup says of itself. Raises `NotFound` or `Invalid`."""
    try:
        raw: dict[str, Any] = json.loads((path / MANIFEST).read_text("utf-8"))
        if raw["form"] != FORM:
            raise Invalid(
                f"The backup {path} was written by another watchkeeper (form {raw['form']}).", "Use that program."
            )
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in raw["files"].items()}
        if any("/" in name or name.startswith(".") for name in files):
            raise ValueError("a file name with a path")
        return Manifest(**(raw | {"files": files, "versions": Versions(**raw["versions"])}))
    except OSError as error:
        raise NotFound(
            f"{path} is no backup of watchkeeper: {_why(error)}.", "'wk backup list' names those there are."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"The manifest of the backup {path} is damaged: {error}.", "Use another backup.") from error


def digest_of(path: Path) -> str:
    """sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file or directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- parts ---------------------------------------------------------------------------------------------------------


def _assert_ours(state: Path, upgrade: str) -> None:
    if not upgrade and not (state / "main.db").is_file():
        raise NotFound(f"There is no main store in {state}.", "Name the state directory: wk --state DIR backup self.")
    if state.stat().st_uid != os.getuid():  # SQLite would leave files of ours beside those of the owner
        owner = _owner(state)
        raise Forbidden(f"The state directory {state} belongs to {owner}.", f"Run as that user: sudo -u {owner} wk ...")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"uid {path.stat().st_uid}"


def _need_room(state: Path, to: Path) -> None:
    needed = sum(
        path.stat().st_size
        for name in DATABASES
        for path in state.glob(f"{name}*")
        if path.name[len(name) :] in ("", "-wal")
    )
    place = to
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed + _SPARE_BYTES:
        raise WatchkeeperError(
            f"The backup needs {needed / 1e6:.0f} MB, and {place} has {free / 1e6:.0f} MB free.",
            "Free some space there, keep fewer backups (--keep), or name another place (--to).",
        )


def _forget_dead(to: Path, now: float) -> None:
    """What a backup that was killed left behind: its process is gone, or, made from another machine, it is a day old."""
    for path in to.glob(".watchkeeper-*.partial"):
        host, _, pid = path.name.partition("Z.")[2].removesuffix(".partial").rpartition(".")
        with contextlib.suppress(OSError):
            gone = host == socket.gethostname() and not Path(f"/proc/{pid}").exists()
            if gone or now - path.stat().st_mtime > _DEAD_PARTIAL_S:
                shutil.rmtree(path)


def _filled(state: Path, folder: Path, now: float, upgrade: str) -> Manifest:
    """Copy everything, check it, and write the manifest."""
    for name in DATABASES:
        if (state / name).is_file():
            copy_database(state / name, folder / name)
    for name in OTHERS:
        if (state / name).is_file():
            shutil.copyfile(state / name, folder / name)
    names = [name for name in (*DATABASES, *OTHERS) if (folder / name).exists()]
    for name in names:
        (folder / name).chmod(0o600)
        sync(folder / name)
    entries, head = checked(folder)
    manifest = Manifest(
        made_at=now, program=__version__, installation=installation_of(folder / "main.db"), host=socket.gethostname(),
        versions=versions.versions_in(folder),
        files={name: ((folder / name).stat().st_size, digest_of(folder / name)) for name in names},
        entries=entries, head=head, upgrade=upgrade,
        open_runs=_count(folder, "run", "state not in ('proven', 'unproven', 'done', 'failed', 'cancelled')"),
        open_incidents=_count(folder, "incident", "status = 'open'"),
    )  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n", "utf-8")
    (folder / MANIFEST).chmod(0o600)
    sync(folder / MANIFEST)
    sync(folder)
    return manifest


def copy_database(source: Path, target: Path) -> None:
    """One database as it is at this moment, as a single file of mode 0600; whoever writes to it goes on."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with reading(source) as connection, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        connection.backup(copy)  # all pages in one step: within one read transaction, so no writer makes it start over
        copy.execute("pragma journal_mode = delete")


def checked(folder: Path) -> tuple[int, str]:
    """Open every database of a folder and check it; (entries of the log, its head). Raises `Invalid`."""
    entries, head = 0, ""
    for name in DATABASES:
        if not (folder / name).exists():
            continue
        try:
            with reading(folder / name) as connection:
                told = connection.execute("pragma integrity_check(1)").fetchone()[0]
                if told != "ok":
                    raise Invalid(f"The copy of {name} in {folder} is damaged: {told}.", _SICK)
                if name == "main.db":
                    entries, head = _chain(connection, folder)
        except sqlite3.Error as error:
            raise Invalid(f"The copy of {name} in {folder} cannot be read: {error}.", _SICK) from error
    return entries, head


_SICK = "When a fresh backup says so, the original is damaged as well: look at its disk, then restore an older backup."


def _chain(connection: sqlite3.Connection, folder: Path) -> tuple[int, str]:
    if not connection.execute("select 1 from sqlite_master where name = 'chain'").fetchone():
        return 0, ""  # older than the log
    found = log_rows.verify(lambda query, values: connection.execute(query, values).fetchall(), "sqlite")
    if not found.ok:
        raise Invalid(f"The operations log in {folder} does not hold: {found.sentence}", _SICK)
    return found.entries, found.head


def _count(folder: Path, table: str, where: str) -> int:
    try:
        with reading(folder / "main.db") as connection:
            return int(connection.execute(f"select count(*) from {table} where {where}").fetchone()[0])
    except sqlite3.Error:
        return 0


def _named(partial: Path, to: Path, now: float) -> Path:
    """Give the finished directory its name, durably; never that of another."""
    again = 0
    while True:
        target = to / core.name_of(now, again)
        if not target.exists():
            partial.rename(target)
            sync(to)
            return target
        again += 1


def _why(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


class StateBackups:
    """Backups of one state directory (a `BackupsPort`)."""

    def __init__(self, state: Path, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock

    def make(self, to: str, keep: int) -> Backup:
        """Make one, check it, remove the surplus."""
        return make(self._state, Path(to), now=self._clock(), keep=keep)

    def newest(self, to: str) -> Backup | None:
        """The newest one of this installation."""
        return core.newest(find(Path(to)), installation_of(self._state / "main.db"))

    def on_same_disk(self, to: str) -> bool:
        """Whether both directories are on one file system."""
        try:
            return Path(to).stat().st_dev == self._state.stat().st_dev
        except OSError:
            return False

    def versions(self) -> Versions:
        """The schema versions of the files."""
        return versions.versions_in(self._state)

    def pending(self) -> list[str]:
        """Schema changes the files do not have yet."""
        return versions.pending(self._state)
