"""The nightly backup of the order desk: copies the database while it is in use, checks the copy, tells the watch.

    python backup.py --database data/shop.db --folder backups --state OPS/.watchkeeper --check nightly-backup/ran

It stays running: one backup at its start, one every `--every` seconds (sooner after
a failure), and one at once on SIGUSR1.
The ping goes to the watch's Unix socket, as `wk ping` does; without an answer it is tried again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import sqlite3
import threading
import time
from pathlib import Path

from desk import leave, prepare, say

KEEP = 5
AGAIN_S = 2.0
AFTER_FAILURE_S = 20.0


class SocketConnection(http.client.HTTPConnection):
    """HTTP over `main.sock` in the current directory: a relative name is never too long for a socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect("main.sock")


def back_up(database: str, folder: Path) -> str:
    """Copy, check, put in place, clean up. Returns a note; raises `OSError` or `sqlite3.Error`."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / time.strftime("shop-%Y%m%d-%H%M%S.db", time.gmtime())
    unfinished = target.with_suffix(".unfinished")
    source, copy = sqlite3.connect(f"file:{database}?mode=ro", uri=True), sqlite3.connect(unfinished)
    try:
        source.backup(copy)
        verdict = copy.execute("pragma integrity_check").fetchone()[0]
        orders = copy.execute("select count(*) from orders").fetchone()[0]
    finally:
        source.close()
        copy.close()
    if verdict != "ok":
        unfinished.unlink()
        raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")
    os.replace(unfinished, target)
    for old in sorted(folder.glob("shop-*.db"))[:-KEEP]:
        old.unlink()
    return f"{target.name}, {orders} orders, checked"


def ping(state: str, check: str, status: str, note: str) -> None:
    """Tell the watch. Raises `OSError` while nobody answers."""
    os.chdir(state)
    connection = SocketConnection("watchkeeper", timeout=5.0)
    try:
        body = json.dumps({"check": check, "status": status, "note": note})
        connection.request("POST", "/api/v1/pings", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status >= 300:
            raise OSError(f"the watch answered {answer.status}")
    except http.client.HTTPException as error:
        raise OSError(f"the watch gave no answer ({error})") from None
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--state", required=True, help="where main.sock is")
    parser.add_argument("--check", required=True)
    parser.add_argument("--every", type=float, default=600.0)
    given = parser.parse_args()
    now = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: now.set())
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    while True:
        now.clear()
        try:
            prepare(given.database)
            status, note = "success", back_up(given.database, Path(given.folder))
        except (OSError, sqlite3.Error) as error:
            status, note = "fail", str(error)
        say(f"backup: {status}: {note}")
        due = time.monotonic() + (given.every if status == "success" else AFTER_FAILURE_S)
        told = False
        while time.monotonic() < due and not now.is_set():
            try:
                if not told:
                    ping(given.state, given.check, status, note)
                    told = True
            except OSError:
                pass  # the watch is not there; the heartbeat is late then, which is the truth
            now.wait(AGAIN_S)


if __name__ == "__main__":
    main()
