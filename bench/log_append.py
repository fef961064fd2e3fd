"""Durable appends to the operations log: the store call beside raw SQL and beside a file with fdatasync.

    python bench/log_append.py [--rounds N] [--entries N] [--whole N]

Interleaved rounds in one temporary directory; printed is the median of the ratios within each round (lowest..highest).
Goals: store call >= 0.4x of file + fdatasync; groups of 20 >= 5x of single; verify >= 0.1x of bare hashing, and N = 100,000
entries within 3 s. Under strace every single store call lies in front of an fdatasync that ended before its answer.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from watchkeeper.core.log.chain import GENESIS, canonical, chained, microseconds
from watchkeeper.core.log.values import Draft
from watchkeeper.store.writer import Store

GROUP = 20


def draft(n: int) -> Draft:
    """An entry of the size of a real one: about 1.5 KB of text."""
    step = f"fix: `Restart` on app1: done, exit code 0\n\n```bash\nsystemctl restart shop-{n}\n```\n\n"
    return Draft(
        1_763_000_000.0 + n, "Incident", f"shop: web is CRIT, number {n}", "watchkeeper", "High",
        sections=(("Change", "- Restart on app1"), ("Reason", "status 502, expected 200 " * 8), ("Procedure", step * 4),
                  ("Verification", "- shop/web: 2 good readings in a row"), ("Impact", "- affected for 8 s")),
        facts={"incident": n, "run": n, "service": "shop", "duration_s": 8.2},
    )  # fmt: skip


def to_file(folder: Path, count: int) -> None:
    with (folder / "log.jsonl").open("ab") as file:
        for n in range(count):
            file.write(canonical(draft(n)) + b"\n")
            file.flush()
            os.fdatasync(file.fileno())


def raw_sql(folder: Path, count: int) -> None:
    """The same rows and durability, the chain included, by one thread on one plain connection."""
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as database:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE IF NOT EXISTS chain (number INTEGER PRIMARY KEY, previous, at, digest, hash)")
        database.execute("CREATE TABLE IF NOT EXISTS body (number INTEGER PRIMARY KEY, content)")
        for n in range(count):
            database.execute("BEGIN IMMEDIATE")
            head = database.execute("SELECT number, hash FROM chain ORDER BY number DESC LIMIT 1").fetchone()
            number, previous = head or (0, GENESIS)
            entry, body = chained(draft(n), number + 1, previous)
            row = (entry.number, previous, microseconds(entry.draft.at), entry.digest, entry.hash)
            database.execute("INSERT INTO chain VALUES (?, ?, ?, ?, ?)", row)
            database.execute("INSERT INTO body VALUES (?, ?)", (entry.number, body.decode()))
            database.execute("COMMIT")


def by_store(store: Store, count: int) -> None:
    for n in range(count):
        store.write(lambda session, n=n: session.append_entry(draft(n)))


def by_store_in_groups(store: Store, count: int) -> None:
    """A work of 20 entries is one commit."""
    for start in range(0, count, GROUP):
        store.write(lambda session, start=start: [session.append_entry(draft(start + n)) for n in range(GROUP)])


def by_store_from_threads(store: Store, count: int) -> None:
    """20 callers at once, each waiting for its own durable answer: the store groups them."""
    threads = [threading.Thread(target=by_store, args=(store, count // GROUP)) for _ in range(GROUP)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def per_second(work: Callable[[], None], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def verifying(store: Store) -> tuple[float, float]:
    """Entries per second of `verify`, and of sha256 alone over the same bytes."""
    with store.read() as session:
        bodies = [canonical(entry.draft) for entry in session.entries(limit=1_000_000)]
    alone = per_second(lambda: [hashlib.sha256(body).hexdigest() for body in bodies] and None, len(bodies))
    whole = per_second(lambda: store.verify_log() and None, len(bodies))
    verified = store.verify_log()
    assert verified.ok and verified.entries == len(bodies), verified.sentence
    return whole, alone


def filled(folder: Path, count: int) -> Store:
    """A store of this many entries of real size."""
    store = Store.open(folder)
    for start in range(0, count, 1000):
        some = range(start, min(start + 1000, count))
        store.write(lambda session, some=some: [session.append_entry(draft(n)) for n in some])
    return store


def one_by_one(folder: Path, count: int) -> None:
    """Single store calls, each of which says on standard output that its answer is there."""
    store = Store.open(folder)
    store.write(lambda session: session.append_entry(draft(0)))
    for n in range(count):
        os.write(1, f"answer {n}\n".encode())
        store.write(lambda session, n=n: session.append_entry(draft(n)))
    os.write(1, f"answer {count}\n".encode())
    store.close()


def durable(folder: Path, count: int = 30) -> str:
    """Every answer of a single store call came after an fdatasync of its own, as the kernel saw it."""
    if not shutil.which("strace"):
        return "not looked at: there is no strace"
    seen = folder / "strace.log"
    command = ["strace", "-f", "-s", "40", "-e", "trace=fsync,fdatasync,write", "-o", str(seen)]
    command += [sys.executable, __file__, "--answers", str(folder / "traced"), str(count)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
    synced, answered = False, 0
    for line in seen.read_text(errors="replace").splitlines():
        if re.search(r"\b(fsync|fdatasync)(\(\d+\)| resumed>\)?)\s*=? ?.*= 0$", line):
            synced = True
        elif 'write(1, "answer' in line:
            assert synced, f"no fdatasync before {line}"
            synced, answered = False, answered + 1
    assert answered == count + 1, f"{answered} answers were seen"
    return f"each of {count} single appends was synced before its answer"


def main() -> None:
    if sys.argv[1:2] == ["--answers"]:
        one_by_one(Path(sys.argv[2]), int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--entries", type=int, default=600)
    parser.add_argument("--whole", type=int, default=0, help="also verify a log of so many entries")
    arguments = parser.parse_args()
    count = arguments.entries // GROUP * GROUP
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store.open(folder / "state")
        ways: dict[str, Callable[[], None]] = {
            "file + fdatasync": lambda: to_file(folder, count),
            "raw SQL": lambda: raw_sql(folder, count),
            "store, single": lambda: by_store(store, count),
            f"store, works of {GROUP}": lambda: by_store_in_groups(store, count),
            f"store, {GROUP} threads": lambda: by_store_from_threads(store, count),
        }
        rounds = [{way: per_second(work, count) for way, work in ways.items()} for _ in range(arguments.rounds)]
        report(rounds)
        whole, alone = verifying(store)
        print(f"verify: {whole:,.0f} entries/s, {whole / alone:.2f}x of sha256 alone ({alone:,.0f})  goal >= 0.10x")
        store.close()
        print(f"strace: {durable(folder)}")
        if arguments.whole:
            print(whole_log(folder / "whole", arguments.whole))


def whole_log(folder: Path, count: int) -> str:
    """The time of `verify` over a whole log, median of three."""
    store = filled(folder, count)
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        verified = store.verify_log()
        taken.append(time.perf_counter() - began)
        assert verified.ok and verified.entries == count, verified.sentence
    store.close()
    size = (folder / "main.db").stat().st_size
    return (
        f"verify of {count:,} entries ({size / 1e6:.0f} MB): {statistics.median(taken):.2f} s  goal <= 3 s for 100,000"
    )


def report(rounds: list[dict[str, float]]) -> None:
    def ratio(way: str, base: str) -> str:
        values = sorted(row[way] / row[base] for row in rounds)
        return f"{statistics.median(values):.2f}x ({values[0]:.2f}..{values[-1]:.2f})"

    for way in rounds[0]:
        median = statistics.median(row[way] for row in rounds)
        print(f"{way:<20} {median:>9,.0f} entries/s   {ratio(way, 'file + fdatasync')} of file + fdatasync")
    print(f"single to file: {ratio('store, single', 'file + fdatasync')}  goal >= 0.40x")
    print(f"groups of {GROUP} to single: {ratio(f'store, works of {GROUP}', 'store, single')}  goal >= 5x")


if __name__ == "__main__":
    main()
