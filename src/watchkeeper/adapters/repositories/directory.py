"""The ops repo as a directory: bounded reads, links that stay inside, commits where git is there."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

YAML_LIMIT = 1_048_576
MARKDOWN_LIMIT = 4_194_304
MAX_FILES = 2_000
MAX_DEPTH = 12
GIT_DEADLINE_S = 5.0
MAX_COMMITS = 200

_SKIPPED = frozenset({".git", ".watchkeeper", ".venv", "node_modules", "__pycache__"})
_FOLDERS = {"services": (".yaml", ".yml"), "runbooks": (".md",)}
_YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One file that matters, or a fault where it should be. mark: what changes when it is saved."""

    path: str
    mark: str
    fault: str = ""


def own_ssh_config(root: Path) -> Path | None:
    """The OpenSSH client configuration that the ops repo brings along as ``ssh_config``; it counts instead of
    ``~/.ssh/config``. None when it brings none."""
    path = root / "ssh_config"
    return path if path.is_file() else None


class DirectoryRepository:
    """Implements `OpsRepositoryPort` over a directory."""

    def __init__(self, path: str | Path) -> None:
        self._root = Path(path)
        self._faults: list[tuple[str, str]] = []

    def signature(self) -> str:
        """Changes whenever a file that matters was saved, added or removed; reads no file."""
        total = hashlib.sha256()
        for seen in self._walk():
            total.update(f"{seen.path}\0{seen.mark}\0{seen.fault}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def files(self) -> dict[str, bytes]:
        """Path, with / between its parts, to bytes. What had to be left out stands in `faults`."""
        found: dict[str, bytes] = {}
        self._faults = []
        for seen in self._walk():
            if seen.fault:
                self._faults.append((seen.path, seen.fault))
                continue
            try:
                found[seen.path] = _read(self._root / seen.path, _limit(seen.path))
            except _LeftOut as error:
                self._faults.append((seen.path, str(error)))
            except FileNotFoundError:
                continue  # removed since the listing; the next signature differs
            except OSError as error:
                self._faults.append((seen.path, f"a file that cannot be read ({error.strerror})"))
        return found

    def faults(self) -> Iterable[tuple[str, str]]:
        """(path, what is wrong with it) of everything the last `files` left out."""
        return tuple(self._faults)

    def commits(self, since: float) -> list[tuple[str, float, str, str]]:
        """(commit id, epoch seconds, author, subject) of this directory, newest first; empty without git."""
        command = [
            "git",
            "--no-pager",
            "-c",
            "log.showSignature=false",
            "-C",
            str(self._root),
            "log",
            f"-n{MAX_COMMITS}",
        ]
        command += ["--no-color", "--no-decorate", "--format=%H%x1f%ct%x1f%an%x1f%s%x1e", "--", "."]
        environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            environment.pop(name, None)
        try:
            result = subprocess.run(
                command,
                capture_output=True,
                timeout=GIT_DEADLINE_S,
                stdin=subprocess.DEVNULL,
                env=environment,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
        if result.returncode != 0:
            return []
        return [commit for commit in _commits(result.stdout.decode("utf-8", "replace")) if commit[1] >= since]

    def _walk(self) -> Iterator[_Seen]:
        """Everything that matters, in order of path within each folder, at most `MAX_FILES`."""
        try:
            root = self._root.resolve(strict=True)
            os.listdir(root)
        except OSError as error:
            yield _Seen("watchkeeper.yaml", "", f"the ops repo {self._root} cannot be read ({error.strerror})")
            return
        for count, seen in enumerate(self._all(root)):
            if count >= MAX_FILES:
                yield _Seen(seen.path, "", f"more than {MAX_FILES} files; it and all after it are left out")
                return
            yield seen

    def _all(self, root: Path) -> Iterator[_Seen]:
        for entry in _entries(root):
            if entry.name.endswith(_YAML):
                yield from _look(root, entry, entry.name)
        for folder, endings in sorted(_FOLDERS.items()):
            yield from self._below(root, folder, endings, ())

    def _below(
        self, root: Path, folder: str, endings: tuple[str, ...], above: tuple[tuple[int, int], ...]
    ) -> Iterator[_Seen]:
        path = self._root / folder
        try:
            facts = path.stat()
        except FileNotFoundError:
            if path.is_symlink():
                yield _Seen(folder, "", "a link that leads nowhere")
            return
        except OSError as error:
            yield _Seen(folder, "", _link_sentence(error))
            return
        identity = (facts.st_dev, facts.st_ino)
        fault = _inside(root, path)
        if not fault and identity in above:
            fault = "a link that leads back to a folder above it"
        if not fault and len(above) >= MAX_DEPTH:
            fault = f"more than {MAX_DEPTH} folders inside each other"
        if fault:
            yield _Seen(folder, "", fault)
            return
        try:
            entries = _entries(path)
        except OSError as error:
            yield _Seen(folder, "", f"a folder that cannot be read ({error.strerror})")
            return
        for entry in entries:
            inner = f"{folder}/{entry.name}"
            if entry.name in _SKIPPED or entry.name.startswith("."):
                continue
            if _is_folder(entry):
                yield from self._below(root, inner, endings, (*above, identity))
            elif entry.name.endswith(endings):
                yield from _look(root, entry, inner)


class _LeftOut(Exception):
    """This file is not read; the text says what was found."""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name. The listing tells links from files: both programs look at every file twice a second."""
    with os.scandir(folder) as listing:
        return sorted(listing, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is walked into; also a link that leads back to itself, which is told there."""
    if not entry.is_symlink():
        return entry.is_dir(follow_symlinks=False)
    try:
        return stat.S_ISDIR(os.stat(entry.path).st_mode)
    except OSError as error:
        return error.errno == errno.ELOOP


def _look(root: Path, entry: os.DirEntry[str], name: str) -> Iterator[_Seen]:
    """The entry of one file; editors' hidden and backup files are passed over."""
    if entry.name.startswith((".", "#")):
        return
    try:
        facts = os.stat(entry.path)
    except FileNotFoundError:
        if entry.is_symlink():
            yield _Seen(name, "", "a link that leads nowhere")
        return
    except OSError as error:
        yield _Seen(name, "", _link_sentence(error))
        return
    fault = _inside(root, Path(entry.path)) if entry.is_symlink() else ""  # its folder is inside, see `_below`
    if not fault and not stat.S_ISREG(facts.st_mode):
        fault = "a folder" if stat.S_ISDIR(facts.st_mode) else "something that is not a file"
    yield _Seen(name, f"{facts.st_mtime_ns} {facts.st_size} {facts.st_ino} {facts.st_mode}", fault)


def _inside(root: Path, path: Path) -> str:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        return _link_sentence(error)
    return "" if real.is_relative_to(root) else "a link that leads out of the ops repo"


def _link_sentence(error: Exception) -> str:
    if isinstance(error, RuntimeError) or getattr(error, "errno", None) == errno.ELOOP:
        return "a link that leads back to itself"
    return f"a file that cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})"


def _limit(path: str) -> int:
    return YAML_LIMIT if path.endswith(_YAML) else MARKDOWN_LIMIT


def _read(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a regular file; never waits for a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _LeftOut("something that is not a file")
        data = file.read(limit + 1)
        if len(data) > limit:
            size = os.fstat(handle).st_size
            raise _LeftOut(f"{size / 1e6:.1f} MB, more than the {limit // 1_048_576} MB that are read")
        return data


def _commits(output: str) -> Iterator[tuple[str, float, str, str]]:
    for record in output.split("\x1e"):
        fields = record.strip("\n").split("\x1f")
        if len(fields) == 4 and fields[1].isdigit():
            yield fields[0], float(fields[1]), fields[2], fields[3]
