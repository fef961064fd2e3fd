"""The databases of the order desk: the stock database that dies and leaves its lock, the shop's that somebody locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from watchkeeper.adapters.sample import outside
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.breaks.tools import kill
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import command_line, fleet_pids, program
from watchkeeper.core.errors import NoAnswer

LOCKED_WITHIN_S = 20.0


def database_down(places: Places) -> float:
    """The stock database is killed; its lock file stays, so that a plain start is refused."""
    at = kill(places, "stock")
    if not places.stock_lock.exists():
        raise NoAnswer("The stock database had no lock file, so any start would help.", "wk demo --heal.")
    return at


def database_locked(places: Places) -> float:
    """Somebody opens a report, which locks the database for writing, and goes away."""
    report = subprocess.Popen(
        [sys.executable, "-E", "-s", "-B", str(places.fleet / "programs" / "report.py"), "--database",
         str(places.database)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True,
    )  # fmt: skip
    timer = time.monotonic() + LOCKED_WITHIN_S
    assert report.stdout is not None
    for line in report.stdout:
        if line.startswith("That is all."):
            report.stdout.close()
            return time.time()
        if time.monotonic() > timer:
            break
    report.kill()
    raise NoAnswer("The report did not lock the database.", "Is the fleet well? wk demo --heal.")


def reports(places: Places) -> list[int]:
    """Processes of reports that are open."""
    name = str(places.fleet / "programs" / "report.py")
    return [pid for pid in fleet_pids(places) if name in command_line(pid)]


def _report_is_gone(after: Aftermath) -> str:
    return "the report still runs" if reports(after.places) else ""


def _stock_books_again(after: Aftermath) -> str:
    """Asked from outside: the server answers, and no second one was started."""
    status, _ = outside.request(after.places.ports()["stock"], "GET", "/health")
    return "" if status == 200 else "the stock database does not answer"


def mend(places: Places) -> Sequence[str]:
    """End open reports; remove the lock of a stock database that is gone, and have it started."""
    for pid in reports(places):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if outside.request(places.ports()["stock"], "GET", "/health")[0] == 200:
        return ()
    pid = int(program(places, "stock")["pid"])
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)  # frozen, or not yet open; either way it is started anew
        except ProcessLookupError:
            pass
    places.stock_lock.unlink(missing_ok=True)
    return ("stock",)


FAMILY = Family(
    scenarios=(
        Scenario(
            "database-down", "closed", "stock", "the stock database was killed, and its lock file stays",
            database_down, "reads the entry in the log; asks why it died", judge=_stock_books_again, weight_s=8,
        ),
        Scenario(
            "database-locked", "closed", "shop-db", "a report was opened and forgotten; it locks the database",
            database_locked, "tells the person whose report was ended", judge=_report_is_gone, weight_s=7,
        ),
    ),
    mend=mend,
    responses=("stock/runbooks/stock-down.md", "shop-db/runbooks/database-locked.md"),
)  # fmt: skip
