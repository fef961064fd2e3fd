"""Reading on this machine by a shell, for what belongs to no host of the inventory."""

from __future__ import annotations

import os
import signal
import subprocess

from watchkeeper.core.errors import NoAnswer


def read_here(text: str, deadline_s: float, limit: int) -> bytes:
    """The output of a read-only text of POSIX sh, up to `limit` bytes. Raises `NoAnswer` when it does not end in time."""
    with subprocess.Popen(
        ["sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(text.encode("utf-8", "surrogateescape"), timeout=deadline_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise NoAnswer(f"A look at this machine did not end within {deadline_s:g} s.") from None
    return output[:limit]
