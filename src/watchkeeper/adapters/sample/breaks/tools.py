"""What several families of scenarios need: the fleet's database, and its programs by pid."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import program
from watchkeeper.core.errors import NoAnswer


def kill(places: Places, name: str) -> float:
    """Kill a program of the fleet; returns when. Raises `NoAnswer` when it does not run."""
    pid = int(program(places, name)["pid"])
    if not pid:
        raise NoAnswer(f"{name} does not run, so it cannot be killed.", "Put the fleet right first: wk demo --heal.")
    at = time.time()
    os.kill(pid, signal.SIGKILL)
    return at


def kill_between_orders(places: Places) -> float:
    """Kill the worker while it holds no job, so that nothing but its absence is wrong; returns when."""
    pid = int(program(places, "worker")["pid"])
    deadline = time.monotonic() + 15.0
    while pid and time.monotonic() < deadline:
        os.kill(pid, signal.SIGSTOP)
        with database(places) as connection:
            held = connection.execute("select count(*) from job where state = 'claimed'").fetchone()[0]
        if not held:
            at = time.time()
            os.kill(pid, signal.SIGKILL)
            return at
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.02)
    raise NoAnswer("The worker does not run, or was never without a job.", "Put the fleet right: wk demo --heal.")


@contextmanager
def database(places: Places) -> Iterator[sqlite3.Connection]:
    """The order desk's database, in autocommit mode."""
    connection = sqlite3.connect(places.database, timeout=10.0, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()
