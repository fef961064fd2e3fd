"""The archive of the operations log in the ops repo: ``docs/archive/operations-log-YYYY.jsonl`` and the same as Markdown.

The rows are what is proven, the Markdown is written from them. A file is replaced as a whole: written beside, synced,
renamed, the folder synced. A note in the state directory stands while files are about to change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from watchkeeper.core.errors import Invalid, WatchkeeperError
from watchkeeper.core.log.chain import Row
from watchkeeper.core.log.chain_file import line_of, row_of, rows_of
from watchkeeper.core.log.values import Absence

NOTE = "archive.unfinished"
MARK = "<!-- written by watchkeeper from "
_PLACE = re.compile(r"docs/archive/operations-log-\d{4,5}(-\d{1,3})?\.jsonl")
_Stamp = tuple[int, int, int]


class DirectoryArchive:
    """Implements `ArchivePort` below `root`. Not for two threads at once, but `body` and `rows` are."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._note = state / NOTE
        self._known: dict[str, tuple[_Stamp, dict[int, tuple[int, int]]]] = {}

    def rows(self, place: str) -> dict[int, Row] | None:
        """By number; None when there is no file. Raises `Invalid` when it cannot be read or is no archive."""
        path = self._path(place)
        try:
            with path.open(encoding="utf-8", newline="\n") as file:
                return {int(str(row.number)): row for row in rows_of(file, place)}
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(place, error) from error

    def write(self, place: str, rows: Iterable[Row], markdown: Iterable[str]) -> str:
        """Both files, durably, the Markdown first: the rows are what counts. The sha256 of the rows."""
        path = self._path(place)
        digest = hashlib.sha256()

        def lines() -> Iterable[bytes]:
            for row in rows:
                line = line_of(row).encode() + b"\n"
                digest.update(line)
                yield line

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            first = f"{MARK}{path.name}; what is written here is lost at the next time -->\n\n"
            _replace(path.with_suffix(".md"), (text.encode() for text in (first, *markdown)))
            _replace(path, lines())
            _sync(path.parent)
        except OSError as error:
            raise WatchkeeperError(
                f"The archive {place} of the ops repo cannot be written: {error.strerror}.",
                "See that the folder is writable and its disk has room; nothing left the log.",
            ) from error
        return digest.hexdigest()

    def remove(self, place: str) -> None:
        """Both files, when they are there."""
        path = self._path(place)
        for each in (path, path.with_suffix(".md")):
            each.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            _sync(path.parent)

    def body(self, absence: Absence) -> bytes | str | None:
        """Reads one line; where lines begin is remembered as long as the file stays the same."""
        if not _PLACE.fullmatch(absence.place):
            return "that is no place of an archive."
        try:
            with self._path(absence.place).open("rb") as file:
                at = self._lines(absence.place, file.fileno()).get(absence.number)
                if at is None:
                    return "it is not in that file."
                file.seek(at[0])
                row = row_of(file.read(at[1]).decode(), f"The line of entry {absence.number}")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, WatchkeeperError):
            return "its line in that file cannot be read."
        return "that file has no text for it." if row.body is None else row.body

    def begin(self, places: Sequence[str]) -> None:
        """The note is durable before any file changes."""
        _replace(self._note, [json.dumps(list(places)).encode()])
        _sync(self._note.parent)

    def begun(self) -> list[str]:
        """What the note says; a note that cannot be read names nothing."""
        try:
            found = json.loads(self._note.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            return []
        places = [each for each in found if isinstance(each, str) and _PLACE.fullmatch(each)]
        for place in places:
            _forget_halves(self._path(place))
            _forget_halves(self._path(place).with_suffix(".md"))
        return places

    def done(self) -> None:
        """The note goes."""
        self._note.unlink(missing_ok=True)

    def free(self, place: str) -> bool:
        """Whether the name can be ours: there is no Markdown there, or it is one that we wrote."""
        path = self._path(place).with_suffix(".md")
        try:
            with path.open("rb") as file:
                return file.read(len(MARK)) == MARK.encode()
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _path(self, place: str) -> Path:
        """Where it is; raises `Invalid` for a place that is no archive's, or one outside the ops repo."""
        path = self._root / place
        if not _PLACE.fullmatch(place) or not path.resolve().is_relative_to(self._root.resolve()):
            raise Invalid(f"{place} is no archive of this ops repo.", "See that docs/archive is a folder in it.")
        return path

    def _lines(self, place: str, handle: int) -> dict[int, tuple[int, int]]:
        """Number -> (offset, length) of its line."""
        facts = os.fstat(handle)
        stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        known = self._known.get(place)
        if known is None or known[0] != stamp:
            found: dict[int, tuple[int, int]] = {}
            offset = 0
            with os.fdopen(os.dup(handle), "rb") as file:
                file.seek(0)
                for line in file:
                    number = re.match(rb'\{"number":(\d{1,18}),', line)
                    if number:
                        found[int(number.group(1))] = (offset, len(line))
                    offset += len(line)
            known = self._known[place] = (stamp, found)
        return known[1]


def _unreadable(place: str, error: BaseException) -> Invalid:
    why = getattr(error, "strerror", None) or "its bytes are not UTF-8"
    return Invalid(f"The archive {place} cannot be read: {why}.", "Take it from the history of the ops repo.")


def _forget_halves(path: Path) -> None:
    """What a process that was killed had begun to write."""
    for half in path.parent.glob(f".{path.name}.*"):
        half.unlink(missing_ok=True)


def _replace(path: Path, parts: Iterable[bytes]) -> None:
    """Write beside, sync, rename."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
