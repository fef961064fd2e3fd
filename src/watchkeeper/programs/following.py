"""A program ends with the supervisor that started it: a supervisor that was killed leaves nobody behind it.

Without this the next `wk up` would find the state locked by orphans. The end is a kill -9, which both programs survive
by design; commands in a spool are not touched.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "WATCHKEEPER_SUPERVISOR"
_PR_SET_PDEATHSIG = 1


def follow_supervisor() -> None:
    """Ask the kernel to end this process with its parent; does nothing when it was not started by a supervisor."""
    parent = os.environ.pop(VARIABLE, "")
    if not parent:
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if str(os.getppid()) != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)
