"""Who holds the write lock of the order desk's database, and ending it when it is a report that somebody forgot.

SQLite takes its locks byte by byte: in WAL mode the writer holds byte 120 of the file beside the database whose name
ends in -shm. The kernel lists every lock with its process in /proc/locks.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from desk import is_alive

WRITE_BYTE = 120
LOOKS = 8
PAUSE_S = 0.1
END_S = 3.0
REPORT = "report.py"


def holder(database: Path) -> int | None:
    """The process that holds the write lock at this moment."""
    shared = Path(f"{database}-shm")
    try:
        number = shared.stat().st_ino
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) < 8 or "->" in words or words[3] != "WRITE":
            continue
        first, last, pid = words[6], words[7], words[4]
        covers = first.isdigit() and int(first) <= WRITE_BYTE and (last == "EOF" or int(last) >= WRITE_BYTE)
        if covers and words[5].rpartition(":")[2] == str(number) and pid.isdigit() and _has_open(int(pid), shared):
            return int(pid)
    return None


def _has_open(pid: int, path: Path) -> bool:
    try:
        return any(os.path.samestat(os.stat(link), path.stat()) for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def steady_holder(database: Path) -> int | None:
    """The process that holds the lock all the time; None when it changes hands, as it should."""
    seen: set[int | None] = set()
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE_S)
        seen.add(holder(database))
        if len(seen) > 1 or None in seen:
            return None
    return seen.pop()


def words_of(pid: int) -> list[str]:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []


def is_report(pid: int, programs: Path) -> bool:
    """Whether this is our own report program, run by Python, and nothing else that holds its name in an argument."""
    words = words_of(pid)
    scripts = [word for word in words[1:] if not word.startswith("-")]
    interpreter = os.path.basename(words[0]).startswith("python") if words else False
    return interpreter and scripts[:1] == [str(programs / REPORT)]


def lock_holder(database: Path) -> int:
    """Say who holds the lock all the time."""
    pid = steady_holder(database)
    if pid is None:
        print("nobody holds the write lock for longer than a moment")
    else:
        print(f"process {pid} holds the write lock: {' '.join(words_of(pid))[:160]}")
    return 0


def end_report(database: Path, programs: Path) -> int:
    """End the holder when it is a report. A report only reads, so nothing is lost with it."""
    pid = steady_holder(database)
    if pid is None:
        print("nobody holds the write lock for longer than a moment, so nothing was ended")
        return 0
    if not is_report(pid, programs):
        print(f"process {pid} is no report, so it was not ended: {' '.join(words_of(pid))[:160]}")
        return 1
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + END_S
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not is_alive(pid):
            break
    print(f"the report of process {pid} was ended")
    return 0
