"""The parts of `wk init --from`: the documents read from disk, the ops repo as it is, and writing it all or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from watchkeeper.core.errors import Forbidden, Invalid, Locked, NotFound, Usage
from watchkeeper.core.importing.documents import MOST_BYTES, Document, read_document
from watchkeeper.core.runbooks import MAX_BYTES

FOLDERS = {"docs": ".md", "routines": ".md", "queries": ".sql", "imported": ".md", "discovered": ".md"}
MOST = 5_000


def read_documents(names: list[str], repair: bool) -> list[Document]:
    """The documents that the person named, each once. Raises one sentence for the first that cannot be read."""
    wanted = list({os.path.realpath(name): name for name in reversed(names)}.values())[::-1]
    bases = [os.path.basename(name) for name in wanted]
    found: list[Document] = []
    for name, base in zip(wanted, bases, strict=True):
        document = read_document(name, _data(name), repair)
        # files of the ops repo name a document without the folders of this machine, where that is enough
        found.append(replace(document, name=base) if bases.count(base) == 1 else document)
    return found


def _data(name: str) -> bytes:
    """At most a little more than a document may have; never waits for a pipe."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"{name} does not exist; nothing was written.", "Name a Markdown file.") from None
    except OSError as error:
        raise Forbidden(f"{name} cannot be read: {error.strerror}; nothing was written.") from None
    _only_files(handle, name)
    with os.fdopen(handle, "rb") as file:
        data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            size = f"{os.fstat(handle).st_size / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB that are read"
            raise Invalid(f"{name} has {size}; nothing was written.", "Split it.")
        return data


def _only_files(handle: int, name: str) -> None:
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise Usage(f"{name} is a directory; nothing was written.", f"Name its files: {name.rstrip('/')}/*.md")
    raise Usage(f"{name} is no regular file; nothing was written.", "Name a Markdown file.")


def other_files(place: Path) -> dict[str, str]:
    """The files of an ops repo that the inventory does not read, as text; what is not UTF-8 is left out."""
    texts: dict[str, str] = {}
    for folder, ending in FOLDERS.items():
        for path in sorted((place / folder).rglob(f"*{ending}"))[:MOST]:
            if path.is_file() and path.stat().st_size <= 2 * MAX_BYTES:
                try:
                    texts[path.relative_to(place).as_posix()] = path.read_bytes().decode("utf-8")
                except (OSError, UnicodeDecodeError):
                    continue
    return texts


def write_all(
    place: Path, fresh: bool, files: Mapping[str, str], before: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """(paths written, paths left alone because they changed meanwhile). files: path to the whole new text.

    Everything is written beside its place first, then moved; when that first part fails, nothing has changed.
    """
    parent = place.parent if fresh else place
    try:
        parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".wk-init-", dir=parent))
    except OSError as error:
        raise Forbidden(f"{parent} cannot be written: {error.strerror}.", "Choose a directory of yours.") from None
    try:
        for path, text in files.items():
            target = draft / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode("utf-8", "surrogatepass"))
        if fresh:
            return _whole(draft, place, files), []
        return _moved(draft, place, files, before)
    except OSError as error:
        raise Forbidden(
            f"{place} cannot be written: {error.strerror} ({error.filename}).", "Choose a directory of yours."
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _whole(draft: Path, place: Path, files: Mapping[str, str]) -> list[str]:
    """A new ops repo at once."""
    draft.chmod(0o777 & ~_umask())
    if place.exists() and any(place.iterdir()):
        raise Locked(f"{place} was filled meanwhile; nothing was written.", "Look at it, then run this again.")
    draft.rename(place)
    return sorted(files)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _moved(
    draft: Path, place: Path, files: Mapping[str, str], before: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    written, left = [], []
    for path, text in sorted(files.items()):
        target = place / path
        there = target.read_bytes().decode("utf-8", "replace") if target.is_file() else None
        if there == text:
            continue
        if there != before.get(path):
            left.append(path)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        real = target.resolve() if target.is_symlink() else target
        source = draft / path
        if real.exists():
            source.chmod(real.stat().st_mode & 0o7777)
        else:
            source.chmod(0o666 & ~_umask())
        source.replace(real)
        written.append(path)
    return written, left
