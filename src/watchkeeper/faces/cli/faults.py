"""A fault of our own: the person gets one sentence, the trace goes into a file that only they can read."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback

from watchkeeper import __version__


def record(fault: BaseException, arguments: list[str]) -> str:
    """Write the trace of `fault` and return the sentence that says so.

    The values of the arguments stay out of the file (a parameter may be a secret); their flags and the verb are kept.
    """
    words = " ".join(word.partition("=")[0] for word in arguments[:1] + [w for w in arguments[1:] if w.startswith("-")])
    head = f"watchkeeper {__version__}, Python {sys.version.split()[0]}, wk {words}\n"
    try:
        place = _write(head + "".join(traceback.format_exception(fault)))
        where = f"The trace is in {place}."
    except OSError as error:
        where = f"The trace could not be written ({error.strerror})."
    return f"wk: This is a fault of watchkeeper, not of your files: {type(fault).__name__}. {where}"


def _write(text: str) -> str:
    """mkstemp: mode 0600 and a name that nobody can have put there before."""
    prefix = f"watchkeeper-fault-{time.strftime('%Y%m%dT%H%M%S')}-"
    handle, path = tempfile.mkstemp(prefix=prefix, suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
