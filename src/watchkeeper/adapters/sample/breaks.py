"""Breaking the sample fleet for real, one scenario each, and putting right what no runbook can."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from watchkeeper.adapters.sample import fleet, outside
from watchkeeper.adapters.sample.certificate import days_left, make_certificate
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import control, is_running, program, supervisor_pid
from watchkeeper.core.errors import NoAnswer, Usage

POISON = "imported by the old tablet"
DEAD_WORKER = "worker-2"
SLOTS = 4
Expected = Literal["closed", "escalated"]
RESPONSES = ("worker/runbooks/worker-down.md", "worker/runbooks/stuck-queue.md", "shop/runbooks/web-down.md")
"""The responses of the sample that ask to act by themselves; `wk demo` adds a grant for each."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to break the fleet. service: whose incident it becomes. say: what was done, for people."""

    name: str
    expected: Expected
    service: str
    say: str
    break_it: Callable[[Places], float]


def worker_down(places: Places) -> float:
    """The worker's process is killed."""
    return _kill(places, "worker")


def web_down(places: Places) -> float:
    """The shop's process is killed."""
    return _kill(places, "shop")


def _kill(places: Places, name: str) -> float:
    pid = int(program(places, name)["pid"])
    if not pid:
        raise NoAnswer(f"{name} does not run, so it cannot be killed.", "Put the fleet right first: wk demo --heal.")
    at = time.time()
    os.kill(pid, signal.SIGKILL)
    return at


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
    with _database(places) as database:
        row = database.execute(
            "select count(*), count(started_at) from job where state = 'claimed' and claimed_by = ?", (DEAD_WORKER,)
        ).fetchone()
    return int(row[0]) if row[1] else 0


def bad_config(places: Places) -> float:
    """The shop's settings get a letter O for a zero, and the shop is restarted, as somebody in a hurry would."""
    text = places.settings_file.read_text(encoding="utf-8")
    places.settings_file.write_text(text.replace("ORDER_LIMIT=500", "ORDER_LIMIT=5OO"), encoding="utf-8")
    at = time.time()
    control(places, "restart", "shop")
    return at


def crash_loop(places: Places) -> float:
    """An order that the worker cannot add up is put in front of the queue; counted from the worker's first death."""
    line = {"item": "bollard", "count": 1, "cents": 9900}
    lines = [*[line] * 25, {**line, "count": None}]
    with _database(places) as database:
        database.execute("begin immediate")
        cursor = database.execute(
            "insert into orders (placed_at, customer, lines) values (?, ?, ?)", (time.time(), POISON, json.dumps(lines))
        )
        database.execute(
            "insert into job (order_id, priority, created_at) values (?, 9, ?)", (cursor.lastrowid, time.time())
        )
        database.execute("commit")
    deadline = time.monotonic() + 15.0
    while program(places, "worker")["pid"]:
        if time.monotonic() > deadline:
            raise NoAnswer("The worker did not die of the bad order.", "Does it run? wk demo --heal.")
        time.sleep(0.02)
    return time.time()


def certificate(places: Places) -> float:
    """The documentation site's certificate is replaced by one with 5 days left."""
    at = time.time()
    make_certificate(places.certificate, 5.0)
    return at


def heal(places: Places) -> None:
    """Put right what no runbook can or may: settings, the bad order, the certificate, dead programs, stuck jobs."""
    _mend_supervisor(places)
    before = places.settings_file.read_bytes() if places.settings_file.exists() else b""
    fleet.write_settings(places)
    left = days_left(places.certificate)
    if left is None or left < fleet.RENEW_BELOW_DAYS:
        make_certificate(places.certificate, fleet.CERTIFICATE_DAYS)
    _forget_poison(places)
    restart = ["shop"] if before != places.settings_file.read_bytes() else []
    health = {"shop": "/health", "worker": "/health", "docs": "/index.html"}
    ill = [name for name, path in health.items() if outside.request(places.ports()[name], "GET", path)[0] != 200]
    for name in dict.fromkeys([*restart, *ill]):
        control(places, "restart", name)
    subprocess.run(
        [str(places.fleet / "bin" / "rescue-jobs"), "--execute"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=30.0, check=False,
    )  # fmt: skip
    if not fleet.wait_until_well(places):
        raise NoAnswer(
            "The sample fleet was put right, but an order still does not go through.",
            f"Its logs are in {places.fleet / 'log'}; 'wk demo --stop' and start again.",
        )


def _mend_supervisor(places: Places) -> None:
    """A supervisor without its socket makes a new one on SIGHUP; a dead one is started again."""
    pid = supervisor_pid(places)
    if pid is None:
        fleet.start(places)
    elif not is_running(places):
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + 20.0
        while not is_running(places) and time.monotonic() < deadline:
            time.sleep(0.1)


def _forget_poison(places: Places) -> None:
    with _database(places) as database:
        database.execute("begin immediate")
        database.execute("delete from job where order_id in (select id from orders where customer = ?)", (POISON,))
        database.execute("delete from orders where customer = ?", (POISON,))
        database.execute("commit")


@contextmanager
def _database(places: Places) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(places.database, timeout=10.0, isolation_level=None)
    try:
        yield database
    finally:
        database.close()


SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("worker-down", "closed", "worker", "the worker's process was killed", worker_down),
        Scenario("web-down", "closed", "shop", "the shop's process was killed", web_down),
        Scenario("stuck-queue", "closed", "worker", "a second worker died with all four slots claimed", stuck_queue),
        Scenario("bad-config", "escalated", "shop", "shop.env was edited wrongly and the shop restarted", bad_config),
        Scenario(
            "crash-loop", "escalated", "worker", "an order came in of which the worker dies again and again", crash_loop
        ),
        Scenario("certificate", "escalated", "docs", "the certificate of the docs has 5 days left", certificate),
    )
}


def scenario(name: str) -> Scenario:
    """The scenario of that name. Raises `Usage` with the known ones."""
    try:
        return SCENARIOS[name]
    except KeyError:
        raise Usage(f"There is no scenario {name}.", f"Known: {', '.join(SCENARIOS)}.") from None
