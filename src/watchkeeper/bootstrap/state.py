"""The state directory: where it is, and the lock that makes one main process the only one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path

from watchkeeper.core.errors import Invalid, Locked

LOCKS = ("up.lock", "lock", "watch.lock")
"""Of the supervisor, main and the watch."""
_held: dict[str, int] = {}


def assert_usable(state: Path) -> None:
    """Raises `Invalid` when a newer program wrote the state, or a restore into it did not end; changes nothing."""
    from watchkeeper.store import versions

    versions.assert_usable(state)


def prepare_state(state: Path) -> Path:
    """Make the directory (0700) and return it; raises `Invalid` when it is not ours."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = state.stat()
    except OSError as error:
        raise Invalid(
            f"The state directory {state} cannot be made: {error.strerror}.", "Choose another with --state."
        ) from error
    if found.st_uid != os.getuid():
        raise Invalid(f"The state directory {state} belongs to another user.", "Run as that user, or choose --state.")
    if found.st_mode & 0o077:
        state.chmod(0o700)
    return state


def lock_state(state: Path, name: str = "lock") -> None:
    """Take an exclusive lock for the life of this process; raises `Locked` and names the holder."""
    path = prepare_state(state) / name
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(
            f"The lock {path} cannot be made: {error.strerror}.",
            "See that the disk of the state has room and is writable.",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(handle, 64).decode(errors="replace").strip() or "another process"
        os.close(handle)
        raise Locked(
            f"{state} is in use by process {holder}.", "Talk to it with wk status, or stop it first."
        ) from error
    with contextlib.suppress(OSError):  # a full disk: the lock holds, only its holder cannot be named
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
    _held[str(path)] = handle


def database_url() -> str:
    """Where several nodes keep everything, from the environment; "" on one machine."""
    return os.environ.get("DATABASE_URL", "")


def node_id(state: Path) -> str:
    """The name of this state directory among the nodes of one database, made once (``node.id``)."""
    path = state / "node.id"
    if not path.exists():
        fresh = path.with_name(f"node.id.{os.getpid()}")
        fresh.write_text(secrets.token_hex(6), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # main and watch begin at the same time: the first one names it
        fresh.unlink()
    found = path.read_text(encoding="ascii").strip()
    if not found.isalnum():
        raise Invalid(f"The name of this node in {path} is damaged.", "Delete the file and start again.")
    return found
