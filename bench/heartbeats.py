"""Heartbeat pings over HTTP: how many a second are durable before their reply, and how long a reply takes.

    python bench/heartbeats.py [--seconds 10] [--jobs 32] [--rate 1000] [--climb 4]

A real watch takes them; the load is another process (`ping_load.py`), each ping on a connection of its own, as curl does
it, and so much of a core as it took is printed beside that of the watch. Phases: as many as `jobs` callers can send one
after the other; an open loop at `rate` per second, whose latency counts from when a ping was due; then higher and higher
rates of `climb` seconds each, until one does not hold the bar. That a reply means FULL is looked at, not believed: under
strace every single ping lies between two fdatasync calls of the watch. References in the same run: raw SQLite FULL, one
row per commit; and a bare HTTP server that commits each ping alone before its reply.
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

from ping_load import CHECKS, SECRET

BAR_RATE, BAR_P99_S = 1000.0, 0.100
STEP = 1.25


def main() -> int:
    """Print the figures; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=32)
    parser.add_argument("--rate", type=float, default=BAR_RATE)
    parser.add_argument("--climb", type=float, default=4.0, help="seconds of each higher rate; 0: none is tried")
    parser.add_argument("--bare", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        return _bare(chosen.bare)
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
    KeyFile(state / "keys.json").write(Ring(SECRET))
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
    opened = _phase(
        root, watch.pid, f"open loop, {chosen.rate:,.0f}/s", {"rate": chosen.rate, "seconds": chosen.seconds}
    )
    phases = [closed, opened, *(_climb(root, watch.pid, chosen) if chosen.climb else ())]
    held = max((each["asked"] for each in phases[1:] if _holds(each)), default=0.0)
    print(f"highest rate that held p99 {BAR_P99_S * 1000:.0f} ms, of those tried: {held:,.0f}/s")
    kept, sent = _kept(root), sum(each["ok"] for each in phases)
    newest = _watch_status(root)
    print(f"answered {sent:,}, counted by the watch {newest['pings']:,}, rows {kept:,} (1,000 per check are kept)")
    durable = _durable(root, watch.pid)
    print(f"{closed['rate'] / bare['rate']:.2f} times the bare server, {closed['rate'] / raw:.2f} times raw SQLite")
    bad = sum(each["bad"] for each in phases)
    fine = {
        f"{closed['rate']:,.0f}/s durable, bar {BAR_RATE:,.0f}": closed["rate"] >= BAR_RATE,
        f"closed loop p99 {closed['p99'] * 1000:.0f} ms, bar {BAR_P99_S * 1000:.0f}": closed["p99"] <= BAR_P99_S,
        f"open loop at {chosen.rate:,.0f}/s p99 {opened['p99'] * 1000:.0f} ms, bar {BAR_P99_S * 1000:.0f}": _holds(
            opened
        ),
        f"{bad} answers other than 200": bad == 0,
        "every answered ping was counted": newest["pings"] == sent,
        durable: durable.startswith("FULL"),
    }
    for words, holds in fine.items():
        print(f"{'ok  ' if holds else 'MISS'} {words}")
    return int(not all(fine.values()))


def _climb(root: Path, pid: int, chosen: argparse.Namespace) -> list[dict[str, float]]:
    """Open loops, each faster than the one before, until one does not hold."""
    found, rate = [], chosen.rate * STEP
    while True:
        found.append(_phase(root, pid, f"open loop, {rate:,.0f}/s", {"rate": rate, "seconds": chosen.climb}))
        if not _holds(found[-1]):
            return found
        rate *= STEP


def _holds(phase: dict[str, float]) -> bool:
    """Whether what was asked for was answered in time. Of a load that was late itself nothing is known."""
    return phase["p99"] <= BAR_P99_S and not phase["bad"]


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


def _phase(root: Path, pid: int, name: str, what: dict[str, float | str]) -> dict[str, float]:
    url = json.loads((root / "state/ping.url").read_text())["url"]
    load = Path(__file__).with_name("ping_load.py")
    before, began = _cpu(pid), time.monotonic()
    done = subprocess.run(
        [sys.executable, str(load), json.dumps({"url": url, **what})], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout) | {"asked": what.get("rate", 0.0)}
    cpu, each = _cpu(pid) - before, 1000 / max(found["ok"], 1)
    took = time.monotonic() - began
    late = f", {found['late']} sent late" if found["late"] else ""
    print(
        f"{name}: {found['rate']:,.0f}/s, p50 {found['p50'] * 1000:.1f} ms, p99 {found['p99'] * 1000:.1f} ms, "
        f"max {found['max'] * 1000:.0f} ms, {found['bad']} bad{late}; server {cpu * each:.2f} ms of processor each, "
        f"{100 * cpu / took:.0f} % of a core; load {found['cpu_s'] * each:.2f} ms, {100 * found['cpu_s'] / took:.0f} %",
        flush=True,
    )
    return found


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
    url = json.loads((root / "state/ping.url").read_text())["url"] + "/ping/" + Ring(SECRET).issue("ping", "shop/job0")
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
