"""The worker of the order desk: takes jobs from the queue under a lease, adds up the order and confirms it.

    python worker.py --database data/shop.db --name worker-1 --port 8802

A claim names its worker and generation and is renewed while the worker lives. A claim whose worker is gone stays
until somebody rescues it (`rescue-jobs`): the desk once printed labels twice, and wants a person or a runbook to look.
When a worker starts again under its own name, it gives back what its former generation held.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import threading
import time
import traceback
from pathlib import Path

from desk import LEASE_S, SLOTS, connect, leave, obey_permissions, prepare, say, transaction
from health import serve_health

RENEW_S = 0.35
IDLE_S = 0.1
LINE_S = 0.02
STALE_S = 2.0
GATHER_S = 30.0
AFTER_TROUBLE_S = 0.5
KEEP_LABELS = 50
DUE = "state = 'queued' and (due_at is null or due_at <= ?)"


class Worker:
    """One worker process. The main thread works; one thread renews the claims, one answers /health."""

    def __init__(self, database: str, name: str, prefetch: int, pace_s: float) -> None:
        prepare(database)
        self.exports = Path(database).resolve().parent.parent / "exports"
        labels = Path(database).resolve().parent.parent / "labels"
        self.labels = labels if labels.is_dir() else None
        self.path, self.name, self.prefetch, self.pace_s = database, name, prefetch, pace_s
        self.database = connect(database, 5.0)
        self.generation = self.register()
        self.confirmed = 0
        self.ready = False
        self.trouble = ""
        self.beat = time.monotonic()

    def register(self) -> int:
        """A new generation of this name; what the former one still held goes back to the queue."""
        now = time.time()
        with transaction(self.database) as database:
            database.execute(
                "insert into worker values (?, 1, ?, ?, ?) on conflict (name) do update"
                " set generation = generation + 1, pid = excluded.pid, started_at = excluded.started_at,"
                " beat_at = excluded.beat_at",
                (self.name, os.getpid(), now, now),
            )
            row = database.execute("select generation from worker where name = ?", (self.name,)).fetchone()
            database.execute(
                "update job set state = 'queued', claimed_by = null, lease_until = null, started_at = null"
                " where state = 'claimed' and claimed_by = ?",
                (self.name,),
            )
        return int(row["generation"])

    def gather(self) -> list[sqlite3.Row]:
        """Jobs to work on: what is there, or with a prefetch as many as that, waited for a while."""
        jobs = self.claim(self.prefetch)
        deadline = time.monotonic() + GATHER_S
        while 0 < len(jobs) < self.prefetch and time.monotonic() < deadline:
            time.sleep(0.01)
            jobs += self.claim(self.prefetch - len(jobs))
        return jobs

    def claim(self, wanted: int) -> list[sqlite3.Row]:
        """Up to `wanted` jobs, never more than the free slots. Looks before it takes the write lock."""
        database = self.database
        now = time.time()
        if database.execute(f"select 1 from job where {DUE} limit 1", (now,)).fetchone() is None:
            return []
        with transaction(database):
            held = database.execute("select count(*) from job where state = 'claimed'").fetchone()[0]
            now = time.time()
            rows = database.execute(
                "update job set state = 'claimed', claimed_by = ?, generation = ?, claimed_at = ?, lease_until = ?,"
                f" attempts = attempts + 1 where id in (select id from job where {DUE}"
                " order by priority desc, id limit ?) returning id, order_id, file",
                (self.name, self.generation, now, now + LEASE_S, now, max(0, min(wanted, SLOTS - held))),
            ).fetchall()
        return rows

    def process(self, job: sqlite3.Row) -> None:
        """Add up one order and confirm it, unless the claim was taken away meanwhile."""
        self.database.execute("update job set started_at = ? where id = ?", (time.time(), job["id"]))
        order = self.database.execute("select lines from orders where id = ?", (job["order_id"],)).fetchone()
        time.sleep(self.pace_s)
        total = 0
        for line in json.loads(order["lines"]) if order else []:
            time.sleep(LINE_S)
            total += line["count"] * line["cents"]
        if job["file"] and not self.read_file(job):
            return
        if job["order_id"]:
            self.print_label(int(job["order_id"]), total)
        now = time.time()
        with transaction(self.database) as database:
            done = database.execute(
                "update job set state = 'done', finished_at = ?, lease_until = null"
                " where id = ? and state = 'claimed' and claimed_by = ? and generation = ?",
                (now, job["id"], self.name, self.generation),
            ).rowcount
            if done:
                database.execute(
                    "update orders set state = 'confirmed', total_cents = ?, confirmed_at = ? where id = ?",
                    (total, now, job["order_id"]),
                )
        self.confirmed += done
        if done and job["file"] and job["order_id"]:
            (self.exports / job["file"]).unlink(missing_ok=True)  # the box is packed; sheets stay

    def read_file(self, job: sqlite3.Row) -> bool:
        """Print the packing list, or send the sheet. Without its file a job has failed, for a person to look at."""
        try:
            return bool((self.exports / job["file"]).read_bytes())
        except OSError as error:
            say(f"{self.name}: job {job['id']} has lost its file: {error}")
            self.database.execute(
                "update job set state = 'failed', lease_until = null where id = ? and claimed_by = ? and generation = ?",
                (job["id"], self.name, self.generation),
            )
            return False

    def print_label(self, order: int, total: int) -> None:
        """Lay the label into the printer's folder, which holds the newest ones. Raises `OSError`."""
        if self.labels is not None:
            (self.labels / f"order-{order}.txt").write_text(f"order {order}: {total / 100:.2f}\n", encoding="ascii")
            (self.labels / f"order-{order - KEEP_LABELS}.txt").unlink(missing_ok=True)

    def put_back(self) -> None:
        """Give back everything claimed, before the end."""
        with transaction(self.database) as database:
            database.execute(
                "update job set state = 'queued', claimed_by = null, lease_until = null, started_at = null"
                " where state = 'claimed' and claimed_by = ? and generation = ?",
                (self.name, self.generation),
            )

    def put_back_patiently(self) -> None:
        """Give back what was claimed as soon as the database takes it: nobody else would work on it."""
        while True:
            try:
                self.put_back()
                return
            except sqlite3.OperationalError:
                time.sleep(IDLE_S)

    def work(self) -> None:
        """For ever: claim, process, rest. A busy database is waited for; any other failure ends the worker."""
        while True:
            self.beat = time.monotonic()
            try:
                jobs = self.gather()
                for job in jobs:
                    self.process(job)
                    self.beat = time.monotonic()
            except sqlite3.OperationalError as error:
                say(f"{self.name}: database: {error}")
                self.put_back_patiently()
                continue
            except OSError as error:
                self.trouble = f"no label can be printed: {error}"
                say(f"{self.name}: {self.trouble}")
                self.put_back_patiently()
                time.sleep(AFTER_TROUBLE_S)
                continue
            if jobs:
                self.trouble = ""
            self.ready = True
            if not jobs:
                time.sleep(IDLE_S)

    def renew(self) -> None:
        """Keep the claims and the entry in the list of workers fresh."""
        database = connect(self.path, 5.0)
        while True:
            time.sleep(RENEW_S)
            now = time.time()
            try:
                database.execute("update worker set beat_at = ? where name = ?", (now, self.name))
                database.execute(
                    "update job set lease_until = ? where state = 'claimed' and claimed_by = ? and generation = ?",
                    (now + LEASE_S, self.name, self.generation),
                )
            except sqlite3.OperationalError as error:
                say(f"{self.name}: claims could not be renewed: {error}")

    def health(self) -> tuple[int, dict[str, object]]:
        """200 once the first look into the queue is over, and while the work goes on."""
        quiet_s = time.monotonic() - self.beat
        facts = {
            "worker": self.name,
            "generation": self.generation,
            "confirmed": self.confirmed,
            "quiet_s": round(quiet_s, 2),
        }
        if self.trouble:
            return 503, {"ok": False, "why": self.trouble, **facts}
        if not self.ready:
            return 503, {"ok": False, "why": "starting: nothing confirmed yet", **facts}
        if quiet_s > STALE_S:
            return 503, {"ok": False, "why": f"no progress for {quiet_s:.0f} s", **facts}
        return 200, {"ok": True, **facts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", required=True)
    parser.add_argument("--name", default="worker-1")
    parser.add_argument("--port", type=int, default=0, help="of /health; 0: none")
    parser.add_argument("--prefetch", type=int, default=1, help="jobs claimed at once")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that every job takes longer")
    given = parser.parse_args()
    obey_permissions(Path(given.database).parent)
    worker = Worker(given.database, given.name, given.prefetch, given.pace)
    if given.port:
        serve_health(worker.health, given.port)
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    threading.Thread(target=worker.renew, daemon=True).start()
    say(f"{worker.name}: generation {worker.generation} at work")
    try:
        worker.work()
    except Exception:
        say(f"{worker.name}: stopped by an error\n{traceback.format_exc()}")
        worker.put_back()
        leave(1)


if __name__ == "__main__":
    main()
