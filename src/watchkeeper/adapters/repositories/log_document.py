"""The log's own document in the ops repo: read, replaced at once, committed alone, never over the work of people."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from pathlib import Path

from watchkeeper.core.errors import Invalid

LIMIT = 64 * 1024 * 1024
DEADLINE_S = 20.0
_BUSY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG", "index.lock")


class DirectoryLogDocument:
    """Implements `LogDocumentPort` for the directory `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        """At most `LIMIT` bytes of a regular file inside the ops repo."""
        place = self._place(path)
        try:
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Invalid(f"{path} is not a file.", "Name a Markdown file under `log: file:`.")
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise Invalid(f"{path} has more than {LIMIT >> 20} MB.", "Start a new document.")
        return data

    def replace(self, path: str, before: bytes | None, after: bytes) -> bool:
        """Write beside the file, look again that nobody changed it, take its place."""
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
            directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise Invalid(
                f"{path} cannot be written: {error.strerror}.", "Check the permissions of the ops repo."
            ) from None
        return True

    def committed(self, path: str) -> bytes | None:
        """The blob of HEAD."""
        return self._git("show", f"HEAD:./{path}")

    def commit(self, path: str, message: str) -> str:
        """Without hooks, signing or the user's own name: author and committer are watchkeeper."""
        if self._git("rev-parse", "--is-inside-work-tree") is None:
            return ""
        if not self._is_on_branch():
            return "no branch is checked out, or git is in the middle of something"
        if self._git("check-ignore", "-q", "--", path) is not None:
            return ""
        others = self._git("status", "--porcelain=v1", "--untracked-files=no", "--", ".", f":(exclude){path}")
        if others is None or others.strip():
            return "other files are changed and not committed"
        if self._git("add", "--", path) is None:
            return "git refused to add it"
        done = self._git(
            "-c", "user.name=watchkeeper", "-c", "user.email=watchkeeper@localhost", "-c", "commit.gpgsign=false",
            "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--no-verify", "--only", "-m", message, "--", path,
        )  # fmt: skip
        return "" if done is not None else "git refused the commit"

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
        environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "watchkeeper",
                       "GIT_COMMITTER_NAME": "watchkeeper", "GIT_AUTHOR_EMAIL": "watchkeeper@localhost",
                       "GIT_COMMITTER_EMAIL": "watchkeeper@localhost"}  # fmt: skip
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
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
        except (OSError, RuntimeError):
            raise Invalid(f"{path} is a link that leads nowhere.", "Name a file under `log: file:`.") from None
        if not place.is_relative_to(root) or ".git" in place.relative_to(root).parts:
            raise Invalid(f"{path} leads out of the ops repo.", "Name a file inside it under `log: file:`.")
        return place
