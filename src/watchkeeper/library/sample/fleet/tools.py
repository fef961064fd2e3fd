"""The small tools of the order desk, one per wrapper in `bin/`. They are what runbooks and people call.

queue-depth               jobs that wait
stuck-jobs [--count]      jobs claimed by a worker that is gone
rescue-jobs [--execute]   put those back into the queue; without --execute only say which
workers                   who is at work
shop-health, worker-health    ask /health; exit code 1 unless it is fine
newest-copy                hours since the last good backup
database-locked            try the write lock; exit code 1 when somebody else holds it
database-holders           processes that have the database open
lock-holder                the process that holds the write lock
end-report                 end it, when it is a report
stock-lock [--clear]       whose lock the stock database has; --clear removes one whose process is gone
stock-health               ask the stock database
old-exports [--remove]     sheets older than a week that no job names
memory PROGRAM             resident memory of a program, in MB
search WORD                ask the handbook
labels-writable           put a label into the printer's folder and take it away, with the worker's rights
waiting                   jobs by state, what changes them, and who could take them
ask-partner [--strict]    what the tide service of the hydrographic office answers; --strict: exit code 1 unless 200
tides-health              ask our own tide program
try-order                 place an order and wait until it is confirmed
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

from desk import connect, is_alive, obey_permissions, transaction

WRITE_TRIAL_S = 0.6
HERE = Path(__file__).resolve().parent.parent
DATABASE = HERE / "data" / "shop.db"
STUCK = (
    "select job.id, job.order_id, job.claimed_by, job.started_at, worker.pid, worker.generation as now,"
    " job.generation from job left join worker on worker.name = job.claimed_by"
    " where job.state = 'claimed' and job.lease_until < ? order by job.id"
)


def stuck(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """Claims that ran out and whose worker is gone: its process has ended, or it has started again since."""
    rows = connection.execute(STUCK, (time.time(),)).fetchall()
    return [row for row in rows if row["pid"] is None or row["generation"] != row["now"] or not is_alive(row["pid"])]


def describe(row: sqlite3.Row) -> str:
    """One stuck job in words."""
    how = "started, not finished" if row["started_at"] else "never started"
    return f"job {row['id']} of order {row['order_id']}: claimed by {row['claimed_by']}, {how}"


def queue_depth(arguments: list[str]) -> int:
    connection = connect(str(DATABASE))
    print(connection.execute("select count(*) from job where state = 'queued'").fetchone()[0])
    return 0


def stuck_jobs(arguments: list[str]) -> int:
    found = stuck(connect(str(DATABASE)))
    if "--count" in arguments:
        print(len(found))
        return 0
    print("\n".join(map(describe, found)) or "no job is stuck")
    return 0


def rescue_jobs(arguments: list[str]) -> int:
    connection = connect(str(DATABASE), 10.0)
    if "--execute" not in arguments:
        return stuck_jobs([])
    with transaction(connection):
        found = stuck(connection)
        for row in found:
            connection.execute(
                "update job set state = 'queued', claimed_by = null, lease_until = null, started_at = null"
                " where id = ? and state = 'claimed' and generation = ?",
                (row["id"], row["generation"]),
            )
    for row in found:
        print(f"{describe(row)}: back in the queue")
    print(f"{len(found)} jobs rescued")
    return 0


def workers(arguments: list[str]) -> int:
    for row in connect(str(DATABASE)).execute("select * from worker order by name"):
        state = "running" if is_alive(row["pid"]) else "gone"
        quiet = time.time() - row["beat_at"]
        print(
            f"{row['name']}: generation {row['generation']}, process {row['pid']} {state}, last seen {quiet:.1f} s ago"
        )
    return 0


def health(program: str) -> int:
    """Ask /health of one program; its port stands in fleet.json."""
    import http.client

    port = json.loads((HERE / "fleet.json").read_text(encoding="utf-8"))["ports"][program]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        text = answer.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"{program} does not answer on port {port}: {error or type(error).__name__}")
        return 1
    print(f"{program}: {answer.status} {text}")
    return 0 if answer.status == 200 else 1


def newest_copy(arguments: list[str]) -> int:
    newest = max((HERE / "backups").glob("shop-*.db"), default=None)
    if newest is None:
        print("there is no backup")
        return 1
    print(f"{newest.name} hours: {(time.time() - newest.stat().st_mtime) / 3600:.2f}")
    return 0


def database_locked(arguments: list[str]) -> int:
    """Take the write lock and give it back: that is all, nothing is written."""
    try:
        with transaction(sqlite3.connect(DATABASE, timeout=WRITE_TRIAL_S, isolation_level=None)):
            pass
    except sqlite3.OperationalError as error:
        print(f"no order can be written: {error}")
        return 1
    print("the database takes writes")
    return 0


def file_behind(link: Path) -> str:
    """The file of an open descriptor; "" when it was just closed."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


def database_holders(arguments: list[str]) -> int:
    """Every process of this user that has a file of the database open, from /proc."""
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name)):
        try:
            if not any(file_behind(link).startswith(str(DATABASE)) for link in (process / "fd").iterdir()):
                continue
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
        except OSError:
            continue
        print(f"process {process.name}: {' '.join(words)[:160]}")
    return 0


def lock_holder(arguments: list[str]) -> int:
    import lockholder

    return lockholder.lock_holder(DATABASE)


def end_report(arguments: list[str]) -> int:
    import lockholder

    return lockholder.end_report(DATABASE, HERE / "programs")


def stock_lock(arguments: list[str]) -> int:
    import stockroom

    return stockroom.stock_lock(HERE / "stock", arguments)


def stock_health(arguments: list[str]) -> int:
    import stockroom

    port = json.loads((HERE / "fleet.json").read_text(encoding="utf-8"))["ports"]["stock"]
    try:
        print(f"stock: well, {stockroom.ask(f'127.0.0.1:{port}', {})['items']} items")
    except OSError as error:
        print(error)
        return 1
    return 0


def old_exports(arguments: list[str]) -> int:
    import exports

    return exports.old_exports(DATABASE, HERE / "exports", arguments)


def memory(arguments: list[str]) -> int:
    """Resident memory of the processes that run one of our programs."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            pages = int((process / "statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if str(HERE / "programs" / f"{arguments[0]}.py") in words:
            total += pages * os.sysconf("SC_PAGE_SIZE")
    print(f"{arguments[0]} MB: {total / 1e6:.1f}" if total else f"{arguments[0]} does not run")
    return 0 if total else 1


def search(arguments: list[str]) -> int:
    import http.client
    import urllib.parse

    port = json.loads((HERE / "fleet.json").read_text(encoding="utf-8"))["ports"]["docs"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3.0)
    try:
        connection.request("GET", "/search?" + urllib.parse.urlencode({"q": arguments[0]}))
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        print(f"the handbook does not answer: {error or type(error).__name__}")
        return 1
    print(f"{answer.status} {text.splitlines()[0][:160] if text else ''}")
    return 0 if answer.status == 200 else 1


def labels_writable(arguments: list[str]) -> int:
    obey_permissions(HERE / "data")
    trial = HERE / "labels" / "trial.txt"
    try:
        trial.write_text("trial\n", encoding="ascii")
        trial.unlink()
    except OSError as error:
        print(f"no label can be printed: {error}")
        return 1
    print("labels can be printed")
    return 0


def waiting(arguments: list[str]) -> int:
    """Read only: a job that waits in a state of its own waits for a person."""
    connection = connect(str(DATABASE))
    for row in connection.execute("select state, count(*) as jobs, min(id) as first from job group by state"):
        print(f"{row['state']}: {row['jobs']} jobs, the first is {row['first']}")
    for row in connection.execute("select name, sql from sqlite_master where type = 'trigger'"):
        print(f"trigger {row['name']}: {' '.join(row['sql'].split())}")
    return workers([])


def ask_partner(arguments: list[str]) -> int:
    import http.client

    port = json.loads((HERE / "fleet.json").read_text(encoding="utf-8"))["ports"]["partner"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3.0)
    try:
        connection.request("GET", "/v1/tides", headers={"X-Key": "harbour"})
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"the hydrographic office does not answer: {error or type(error).__name__}")
        return 1
    print(f"HTTP {answer.status} {answer.reason}")
    if answer.getheader("Retry-After"):
        print(f"Retry-After: {answer.getheader('Retry-After')}")
    print(body[:200])
    return 1 if "--strict" in arguments and answer.status != 200 else 0


def try_order(arguments: list[str]) -> int:
    import http.client

    port = json.loads((HERE / "fleet.json").read_text(encoding="utf-8"))["ports"]["shop"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3.0)
    body = json.dumps({"customer": "try-order", "lines": [{"item": "tide table", "count": 1, "cents": 1200}]})
    try:
        connection.request("POST", "/orders", body, {"Content-Type": "application/json"})
        number = json.loads(connection.getresponse().read())["order"]
        for _ in range(50):
            connection.request("GET", f"/orders/{number}")
            if json.loads(connection.getresponse().read()).get("state") == "confirmed":
                print(f"order {number} is confirmed")
                return 0
            time.sleep(0.1)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        print(f"the order was not taken: {error or type(error).__name__}")
        return 1
    print(f"order {number} was taken, but not confirmed within 5 s")
    return 1


TOOLS = {
    "queue-depth": queue_depth,
    "stuck-jobs": stuck_jobs,
    "rescue-jobs": rescue_jobs,
    "workers": workers,
    "shop-health": lambda _: health("shop"),
    "worker-health": lambda _: health("worker"),
    "newest-copy": newest_copy,
    "database-locked": database_locked,
    "database-holders": database_holders,
    "lock-holder": lock_holder,
    "end-report": end_report,
    "stock-lock": stock_lock,
    "stock-health": stock_health,
    "old-exports": old_exports,
    "memory": memory,
    "search": search,
    "labels-writable": labels_writable,
    "waiting": waiting,
    "ask-partner": ask_partner,
    "tides-health": lambda _: health("tides"),
    "try-order": try_order,
}


def main() -> int:
    try:
        return TOOLS[sys.argv[1]](sys.argv[2:])
    except sqlite3.Error as error:
        print(f"the database cannot be used: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
