"""Trouble in the queue of jobs: claims of a dead worker, an order that kills its worker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence

from watchkeeper.adapters.sample import outside
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.breaks.tools import database
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import program
from watchkeeper.core.errors import NoAnswer

POISON = "imported by the old tablet"
BY_HAND = "edited by hand"
UNKNOWN_STATE = "released"
TRIGGER = "release_orders"
AS_RELEASED = f"update job set state = '{UNKNOWN_STATE}'"
DEAD_WORKER = "worker-2"
SLOTS = 4


def stuck_queue(places: Places) -> float:
    """A second worker takes all four slots, starts on one job only, and is killed."""
    worker = subprocess.Popen(
        [sys.executable, "-E", "-s", "-B", str(places.fleet / "programs" / "worker.py"), "--database",
         str(places.database), "--name", DEAD_WORKER, "--prefetch", str(SLOTS), "--pace", "600"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30.0
        while _claimed(places) < SLOTS:
            if time.monotonic() > deadline or worker.poll() is not None:
                raise NoAnswer("The second worker did not get its jobs, so the queue is not stuck.", "Is the shop up?")
            outside.request(places.ports()["shop"], "POST", "/orders", outside.ORDER)
            time.sleep(0.1)
    finally:
        at = time.time()
        worker.kill()
        worker.wait()
    return at


def _claimed(places: Places) -> int:
    """Claims of the second worker, of which one must be started; it is slow enough to hold them."""
    with database(places) as connection:
        row = connection.execute(
            "select count(*), count(started_at) from job where state = 'claimed' and claimed_by = ?", (DEAD_WORKER,)
        ).fetchone()
    return int(row[0]) if row[1] else 0


def crash_loop(places: Places) -> float:
    """An order that the worker cannot add up is put in front of the queue; counted from the worker's first death."""
    line = {"item": "bollard", "count": 1, "cents": 9900}
    lines = [*[line] * 25, {**line, "count": None}]
    with database(places) as connection:
        connection.execute("begin immediate")
        cursor = connection.execute(
            "insert into orders (placed_at, customer, lines) values (?, ?, ?)", (time.time(), POISON, json.dumps(lines))
        )
        connection.execute(
            "insert into job (order_id, priority, created_at) values (?, 9, ?)", (cursor.lastrowid, time.time())
        )
        connection.execute("commit")
    deadline = time.monotonic() + 15.0
    while program(places, "worker")["pid"]:
        if time.monotonic() > deadline:
            raise NoAnswer("The worker did not die of the bad order.", "Does it run? wk demo --heal.")
        time.sleep(0.02)
    return time.time()


def idle_workers(places: Places) -> float:
    """Half a change of the database: a trigger gives every job a state that no worker knows, those that wait too."""
    with database(places) as connection:
        connection.execute("begin immediate")
        at = time.time()
        connection.execute(f"create trigger {TRIGGER} after insert on job begin {AS_RELEASED} where id = new.id; end")
        connection.execute(f"{AS_RELEASED} where state = 'queued'")
        connection.execute("commit")
    return at


def _all_still_there(after: Aftermath) -> str:
    """Every job since the first that waits still waits as it did, none is missing, and none was started."""
    with database(after.places) as connection:
        first = connection.execute("select min(id) from job where state = ?", (UNKNOWN_STATE,)).fetchone()[0]
        if first is None:
            return "the jobs that waited are gone"
        jobs = connection.execute(
            "select id, state, claimed_by, finished_at from job where id >= ?", (first,)
        ).fetchall()
    if len(jobs) != max(job[0] for job in jobs) - first + 1:
        return "jobs that waited are gone"
    touched = [job[0] for job in jobs if job[1:] != (UNKNOWN_STATE, None, None)]
    if touched:
        return f"jobs that waited were touched, the first is {touched[0]}"
    if after.tried():
        return "a changing step ran"
    return after.missing_words(UNKNOWN_STATE, TRIGGER, "running")


def unknown_500(places: Places) -> float:
    """Somebody edits an order by hand in the database: a state that the list of the tablet has no word for."""
    with database(places) as connection:
        connection.execute(
            "insert into orders (placed_at, customer, lines, state) values (?, ?, '[]', 'on the quay')",
            (time.time(), BY_HAND),
        )
    return time.time()


def _only_looked(after: Aftermath) -> str:
    return "a changing step ran" if after.tried() else after.missing_words('"status":500', "KeyError")


def _tried_more_than_once(after: Aftermath) -> str:
    return "" if len(after.tried()) >= 2 else "before the budget was used"


def mend(places: Places) -> Sequence[str]:
    """Take out the bad orders, take back half a change. Claims of workers that are gone are rescued at the end of healing."""
    with database(places) as connection:
        connection.execute("begin immediate")
        connection.execute("delete from job where order_id in (select id from orders where customer = ?)", (POISON,))
        connection.execute("delete from orders where customer in (?, ?)", (POISON, BY_HAND))
        connection.execute(f"drop trigger if exists {TRIGGER}")
        connection.execute("update job set state = 'queued' where state = ?", (UNKNOWN_STATE,))
        connection.execute("commit")
    return ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "stuck-queue", "closed", "worker", "a second worker died with all four slots claimed", stuck_queue,
            "reads the entry in the log; finds out who started a second worker", weight_s=8,
        ),
        Scenario(
            "crash-loop", "escalated", "worker", "an order came in of which the worker dies again and again",
            crash_loop, "takes the order at the front of the queue out by hand", works=False,
            judge=_tried_more_than_once, weight_s=25,
        ),
        Scenario(
            "idle-workers", "escalated", "worker", "all jobs wait in a state that no worker takes", idle_workers,
            "finishes the change of the database or takes it back, then releases the jobs", works=False,
            judge=_all_still_there, linger_s=3.0, weight_s=14,
        ),
        Scenario(
            "unknown-500", "escalated", "counter", "the list of orders fails with 500 for a reason no runbook knows",
            unknown_500, "reads the last line of the shop's log to whoever knows the shop", judge=_only_looked,
            linger_s=3.0, weight_s=14,
        ),
    ),
    mend=mend,
    responses=("worker/runbooks/stuck-queue.md",),
)  # fmt: skip
