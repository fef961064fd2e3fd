"""Heartbeat pings over HTTP: how many a second are durable before their reply, and how long a reply takes.

    python bench/heartbeats.py [--seconds 10] [--jobs 32] [--rate 1500]

A real watch takes them; the load comes from another process, each ping on a connection of its own, as curl does it.
Two phases: as many as `jobs` callers can send one after the other, then an open loop at `rate` per second, whose
latency counts from when a ping was due. That a reply means FULL is looked at, not believed: under strace, every single
ping of a third, short phase lies between two fdatasync calls of the watch. References in the same
run: raw SQLite FULL, one row per commit; and a bare HTTP server that commits each ping alone before its reply.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKS = 50
BAR_RATE, BAR_P99_S = 1000.0, 0.100


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1500.0)
    parser.add_argument("--load", default="", help=argparse.SUPPRESS)
    parser.add_argument("--bare", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        return _bare(chosen.bare)
    if chosen.load:
        return asyncio.run(_load(json.loads(chosen.load)))
    root = Path(tempfile.mkdtemp(prefix="wk-pings-"))
    watch = _start(root)
    try:
        return _measure(root, watch, chosen)
    finally:
        watch.send_signal(signal.SIGTERM)
        watch.wait(20)
        shutil.rmtree(root, ignore_errors=True)


def _start(root: Path) -> subprocess.Popen[bytes]:
    """A watch with heartbeat checks alone, and keys as main would have written them."""
    from watchkeeper.adapters.key_file import KeyFile
    from watchkeeper.core.keys import Ring

    ops, state = root / "ops", root / "state"
    (ops / "services").mkdir(parents=True)
    state.mkdir(mode=0o700)
    (ops / "watchkeeper.yaml").write_text("team: Bench\n")
    checks = "".join(f"  - {{name: job{n}, heartbeat: {{every: 1h, grace: 5m}}, every: 30s}}\n" for n in range(CHECKS))
    (ops / "services/shop.yaml").write_text(f"service: shop\nchecks:\n{checks}")
    KeyFile(state / "keys.json").write(Ring(bytes(range(32))))
    command = [sys.executable, "-m", "watchkeeper.programs.watch", "--ops", str(ops), "--state", str(state)]
    log = (root / "watch.log").open("wb")
    watch = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not (state / "ping.url").exists():
        if watch.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((root / "watch.log").read_text())
        time.sleep(0.1)
    time.sleep(1.0)
    return watch


def _measure(root: Path, watch: subprocess.Popen[bytes], chosen: argparse.Namespace) -> int:
    raw = _raw_sqlite(root)
    print(f"raw SQLite, FULL, one per commit: {raw:,.0f}/s")
    closed = _phase(root, watch.pid, "closed loop", {"jobs": chosen.jobs, "seconds": chosen.seconds})
    bare = _against_bare(root, chosen)
    opened = _phase(root, watch.pid, "open loop", {"rate": chosen.rate, "seconds": chosen.seconds})
    kept, sent = _kept(root), closed["ok"] + opened["ok"]
    newest = _watch_status(root)
    print(f"answered {sent:,}, counted by the watch {newest['pings']:,}, rows {kept:,} (1,000 per check are kept)")
    durable = _durable(root, watch.pid)
    print(f"{closed['rate'] / bare['rate']:.2f} times the bare server, {closed['rate'] / raw:.2f} times raw SQLite")
    fine = {
        f"{closed['rate']:,.0f}/s durable, bar {BAR_RATE:,.0f}": closed["rate"] >= BAR_RATE,
        f"closed loop p99 {closed['p99'] * 1000:.0f} ms, bar {BAR_P99_S * 1000:.0f}": closed["p99"] <= BAR_P99_S,
        f"open loop p99 {opened['p99'] * 1000:.0f} ms, bar {BAR_P99_S * 1000:.0f}": opened["p99"] <= BAR_P99_S,
        f"{closed['bad'] + opened['bad']} answers other than 200": closed["bad"] + opened["bad"] == 0,
        "every answered ping was counted": newest["pings"] == sent,
        durable: durable.startswith("FULL"),
    }
    for words, holds in fine.items():
        print(f"{'ok  ' if holds else 'MISS'} {words}")
    return int(not all(fine.values()))


def _against_bare(root: Path, chosen: argparse.Namespace) -> dict[str, float]:
    server = subprocess.Popen(
        [sys.executable, __file__, "--bare", str(root / "bare.db")], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        return _phase(root, server.pid, "bare server", {"jobs": chosen.jobs, "seconds": chosen.seconds, "url": url})
    finally:
        server.kill()
        server.wait()


def _bare(path: str) -> int:
    """uvloop, no parsing to speak of, one durable commit per ping."""
    import uvloop

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table ping (a text, b real)")

    async def serve() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            connection.execute("insert into ping values (?, ?)", (head.split(b" ", 2)[1].decode(), time.time()))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nOK\n")
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    uvloop.run(serve())
    return 0


def _phase(root: Path, pid: int, name: str, what: dict[str, object]) -> dict[str, float]:
    url = json.loads((root / "state/ping.url").read_text())["url"]
    before, began = _cpu(pid), time.monotonic()
    command = [sys.executable, __file__, "--load", json.dumps({"url": url, **what})]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    cpu = _cpu(pid) - before
    print(
        f"{name}: {found['rate']:,.0f}/s, p50 {found['p50'] * 1000:.1f} ms, p99 {found['p99'] * 1000:.1f} ms, "
        f"max {found['max'] * 1000:.0f} ms, {found['bad']:.0f} bad; watch {cpu / max(found['ok'], 1) * 1000:.2f} ms of "
        f"processor each, {100 * cpu / (time.monotonic() - began):.0f} % of a core"
    )
    return found


async def _load(what: dict[str, object]) -> int:
    """In another process: send, time, print JSON."""
    from watchkeeper.core.keys import Ring

    ring = Ring(bytes(range(32)))
    host, port = str(what["url"]).removeprefix("http://").split(":")
    paths = [f"/ping/{ring.issue('ping', f'shop/job{number}')}" for number in range(CHECKS)]
    times: list[float] = []
    bad = 0

    async def send(number: int, due: float) -> None:
        nonlocal bad
        action = ("/start", "", "/3", "/log")[number % 4]
        body = b"last line of the job\n" if number % 2 else b""
        head = f"POST {paths[number % CHECKS]}{action} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head.encode() + body)
            answer = await reader.read()
            writer.close()
            good = answer.startswith(b"HTTP/1.1 200")
        except OSError:
            good = False
        bad += not good
        times.append(time.monotonic() - due)

    began = time.monotonic()
    ends = began + float(str(what["seconds"]))
    if "jobs" in what:

        async def caller(first: int) -> None:
            number = first
            while time.monotonic() < ends:
                await send(number, time.monotonic())
                number += 1

        await asyncio.gather(*(caller(each * 7) for each in range(int(str(what["jobs"])))))
    else:
        gap, tasks = 1.0 / float(str(what["rate"])), []
        for number in range(int(float(str(what["seconds"])) / gap)):
            due = began + number * gap
            wait_s = due - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.append(asyncio.create_task(send(number, due)))
        await asyncio.gather(*tasks)
    took, ordered = time.monotonic() - began, sorted(times)
    last = len(ordered) - 1
    print(
        json.dumps(
            {"rate": (len(ordered) - bad) / took, "ok": len(ordered) - bad, "bad": bad, "p50": ordered[last // 2],
             "p99": ordered[round(last * 0.99)], "max": ordered[-1]}
        )
    )  # fmt: skip
    return 0


def _durable(root: Path, pid: int) -> str:
    """Each of 30 single pings under strace: an fdatasync or fsync of the watch between its request and its reply."""
    if not shutil.which("strace"):
        return "not looked at: there is no strace"
    from watchkeeper.core.keys import Ring

    log = root / "strace.log"
    tracer = subprocess.Popen(
        ["strace", "-f", "-ttt", "-e", "trace=fsync,fdatasync", "-o", str(log), "-p", str(pid)],
        stderr=subprocess.DEVNULL,
    )
    time.sleep(2.0)
    url = (
        json.loads((root / "state/ping.url").read_text())["url"]
        + "/ping/"
        + Ring(bytes(range(32))).issue("ping", "shop/job0")
    )
    spans = []
    for _ in range(30):
        since = time.time()
        subprocess.run(["curl", "-sf", "-o", "/dev/null", url], check=True)
        spans.append((since, time.time()))
    tracer.terminate()
    tracer.wait(10)
    found = [
        float(match[1]) for match in re.finditer(r"^\d+ +(\d+\.\d+) f(?:data)?sync\(", log.read_text(), re.MULTILINE)
    ]
    without = sum(1 for since, until in spans if not any(since <= at <= until for at in found))
    return (
        f"FULL: each of {len(spans)} pings was synced before its reply"
        if not without
        else f"{without} replies came unsynced"
    )


def _raw_sqlite(root: Path) -> float:
    connection = sqlite3.connect(root / "raw.db", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table ping (a text, b real)")
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 2.0:
        connection.execute("insert into ping values ('shop/job', 1.0)")
        count += 1
    return count / (time.monotonic() - began)


def _kept(root: Path) -> int:
    with sqlite3.connect(root / "state/readings.db") as connection:
        return int(connection.execute("select count(*) from ping").fetchone()[0])


def _watch_status(root: Path) -> dict[str, int]:
    from watchkeeper.adapters.watch_socket import WatchClient

    return WatchClient(root / "state/watch.sock").status()  # type: ignore[return-value]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
