"""Files of the ops repo that watchkeeper writes: read, replaced at once, committed alone, never over the work of people."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.core.errors import Invalid

LIMIT = 64 * 1024 * 1024
DEADLINE_S = 20.0
OWN_NAME = "watchkeeper"
_BUSY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG", "index.lock")


class RepositoryFiles:
    """Single files below the directory `root`, by path relative to it. hint: where such a file is named."""

    def __init__(self, root: Path, hint: str = "") -> None:
        self._root = root
        self._hint = hint

    def read(self, path: str) -> bytes | None:
        """At most `LIMIT` bytes of a regular file inside the ops repo; None when there is none. Raises `Invalid`."""
        place = self._place(path)
        try:
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Invalid(f"{path} is not a file.", f"Name a file{self._hint}.")
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise Invalid(f"{path} has more than {LIMIT >> 20} MB.", "Start a new document.")
        return data

    def replace(self, path: str, before: bytes | None, after: bytes) -> bool:
        """Write beside the file, look again that nobody changed it, take its place. False when it is not `before`."""
        place = self._place(path)
        beside = place.with_name(f".{place.name}.{os.getpid()}.new")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            mode = stat.S_IMODE(place.stat().st_mode) if before is not None and place.exists() else 0o644
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(after)
                file.flush()
                os.fchmod(handle, mode)
                os.fsync(handle)
            if self.read(path) != before:
                beside.unlink()
                return False
            os.replace(beside, place)
            _keep_folder(place.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise Invalid(
                f"{path} cannot be written: {error.strerror}.", "Check the permissions of the ops repo."
            ) from None
        return True

    def remove(self, path: str, before: bytes) -> bool:
        """Take the file away; False when it is not `before` any more."""
        place = self._place(path)
        if self.read(path) != before:
            return False
        try:
            place.unlink()
            _keep_folder(place.parent)
        except OSError as error:
            raise Invalid(
                f"{path} cannot be removed: {error.strerror}.", "Check the permissions of the ops repo."
            ) from None
        return True

    def committed(self, path: str) -> bytes | None:
        """The blob of HEAD; None without git, or when the commit does not have it."""
        return self._git("show", f"HEAD:./{path}")

    def commit(self, paths: Sequence[str], message: str, author: str = OWN_NAME) -> str:
        """Commit these files alone; "" when done (also without git, or when they are ignored), else why not.

        paths: a ``*`` in one stands for any text, as in the files of one archive. Without hooks and signing; the committer
        is watchkeeper. Other files must be clean: what people are at work on is neither committed nor stepped over.
        """
        if self._git("rev-parse", "--is-inside-work-tree") is None:
            return ""
        if not self._is_on_branch():
            return "no branch is checked out, or git is in the middle of something"
        wanted = [
            path for path in paths if self._git("check-ignore", "-q", "--", path) is None and self._is_known(path)
        ]
        if not wanted:
            return ""
        left = [f":(exclude){_spec(path)}" for path in wanted]
        others = self._git("status", "--porcelain=v1", "--untracked-files=no", "--", ".", *left)
        if others is None or others.strip():
            return "other files are changed and not committed"
        if self._git("add", "--", *(_spec(path) for path in wanted)) is None:
            return "git refused to add it"
        done = self._git(
            "-c", "user.name=watchkeeper", "-c", "user.email=watchkeeper@localhost", "-c", "commit.gpgsign=false",
            "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--no-verify", "--only", "-m", message,
            f"--author={author} <{author}@localhost>", "--", *(_spec(path) for path in wanted),
        )  # fmt: skip
        return "" if done is not None else "git refused the commit"

    def _is_known(self, path: str) -> bool:
        """Whether there is anything to commit: a file that is gone and was never committed is nothing to git."""
        return "*" in path or (self._root / path).exists() or bool(self._git("ls-files", "--", _spec(path)))

    def _is_on_branch(self) -> bool:
        if not self._git("symbolic-ref", "-q", "HEAD"):
            return False
        place = self._git("rev-parse", "--absolute-git-dir")
        if place is None:
            return False
        folder = Path(os.fsdecode(place.rstrip(b"\n")))
        return not any((folder / name).exists() for name in _BUSY)

    def _git(self, *words: str) -> bytes | None:
        """What git printed; None when it failed or is not there."""
        environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0",
                       "GIT_COMMITTER_NAME": OWN_NAME, "GIT_COMMITTER_EMAIL": "watchkeeper@localhost"}  # fmt: skip
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE",
                     "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):  # fmt: skip
            environment.pop(name, None)
        try:
            done = subprocess.run(
                ["git", "--no-pager", "-C", str(self._root), *words], capture_output=True, timeout=DEADLINE_S,
                stdin=subprocess.DEVNULL, env=environment, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def _place(self, path: str) -> Path:
        """The real place of the file, which a link may name, inside the ops repo."""
        try:
            root = self._root.resolve(strict=True)
            place = (self._root / path).resolve()
        except (OSError, RuntimeError, ValueError):
            raise Invalid(f"{path} is a link that leads nowhere.", f"Name a file{self._hint}.") from None
        if not place.is_relative_to(root) or ".git" in place.relative_to(root).parts:
            raise Invalid(f"{path} leads out of the ops repo.", f"Name a file inside it{self._hint}.")
        return place


def _spec(path: str) -> str:
    """A path as git takes it: nothing in it has a meaning but ``*``."""
    return "".join(f"\\{each}" if each in "\\[]?" else each for each in path)


def _keep_folder(folder: Path) -> None:
    """A name in a folder is durable when the folder is."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
