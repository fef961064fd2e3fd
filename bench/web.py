"""What the web page costs the watch: requests on the bridge, and the watch's lateness beside it, against idle.

    python bench/web.py [--rate 200] [--seconds 10] [--checks 50] [--api 0.5]

The watch asks its checks every second. Its lateness is told over the time of each part, idle and loaded. Requests are
sent at an even pace over 8 kept connections with the cookie of a one-time link; with --api that share of them asks the
JSON API for all checks on main's socket instead. Exits with 1 when the lateness p99
under load is over 50 ms, with 2 when fewer than 95 % of the requests were answered with 200.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.http_checks import WatchClient, processor_s, started, wait_for

BAR_S = 0.050
CONNECTIONS = 8


@dataclass
class Answered:
    """What the load saw: seconds per answer, and how many were not 200."""

    times_s: list[float] = field(default_factory=list)
    wrong: int = 0
    missed: int = 0


def ops_repo(folder: Path, checks: int) -> Path:
    """Services with ten cheap checks each, asked every second."""
    assert checks > 0
    (folder / "services").mkdir(parents=True)
    (folder / "watchkeeper.yaml").write_text("team: bench\ntimezone: UTC\n")
    (folder / "hosts.yaml").write_text("hosts:\n  here: {local: true}\n")
    for number in range(0, checks, 10):
        lines = [f"service: service{number}", "hosts: [here]", "checks:"]
        for each in range(number, min(number + 10, checks)):
            lines += [f"  - name: c{each}", f"    disk: {folder}", "    every: 1s"]
        (folder / f"services/service{number}.yaml").write_text("\n".join(lines) + "\n")
    return folder


@dataclass(frozen=True)
class Asking:
    """One kind of request: where to connect, and its bytes."""

    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    request: bytes


def the_page(host: str, port: int, cookie: str) -> Asking:
    """The bridge, as a browser asks for it."""
    head = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\nAccept-Encoding: gzip\r\n\r\n"
    return Asking(lambda: asyncio.open_connection(host, port), head.encode())


def the_api(state: Path) -> Asking:
    """All checks as JSON, as the command line asks for them."""
    head = "GET /api/v1/checks HTTP/1.1\r\nHost: watchkeeper\r\nAccept: */*\r\n\r\n"
    return Asking(lambda: asyncio.open_unix_connection(str(state / "main.sock")), head.encode())


async def send(kinds: list[Asking], rate: float, seconds: float) -> Answered:
    """Requests at an even pace; one that cannot start in time is counted as missed."""
    seen = Answered()
    turns: asyncio.Queue[float] = asyncio.Queue()
    workers = [asyncio.create_task(_worker(kind, turns, seen)) for kind in kinds]
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        turns.put_nowait(due)
    await asyncio.sleep(1.0)
    seen.missed = turns.qsize()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return seen


async def _worker(kind: Asking, turns: asyncio.Queue[float], seen: Answered) -> None:
    reader, writer = await kind.connect()
    while True:
        due = await turns.get()
        writer.write(kind.request)
        head = await reader.readuntil(b"\r\n\r\n")
        await _body(reader, head)
        seen.times_s.append(time.perf_counter() - due)
        seen.wrong += b" 200 " not in head.split(b"\r\n", 1)[0]


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    lowered = head.lower()
    if b"content-length:" in lowered:
        await reader.readexactly(int(lowered.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
        return
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")


def cookie_of(state: Path) -> tuple[str, int, str]:
    """(host, port, cookie): uses up a one-time link."""
    import http.client

    from watchkeeper.faces.cli.client import Client

    link = urlsplit(Client(str(state / "main.sock"), timeout_s=10).post("/links", {})["link"]["url"])
    line = http.client.HTTPConnection(link.netloc)
    line.request("GET", f"{link.path}?{link.query}")
    given = line.getresponse().headers.get_all("Set-Cookie") or []
    return str(link.hostname), int(link.port or 80), "; ".join(each.partition(";")[0] for each in given)


def lateness(watch: WatchClient) -> float:
    """The watch's own p99 lateness of its newest readings, seconds."""
    return float(watch.status()["lateness_p99_s"])  # type: ignore[arg-type]


def measure(state: Path, chosen: argparse.Namespace, main_pid: int, fresh_watch: Callable[[], WatchClient]) -> int:
    """Idle, then loaded, each with a watch of its own whose figures hold nothing else; then the ratio."""
    watch = fresh_watch()
    time.sleep(chosen.seconds)
    idle = lateness(watch)
    watch = fresh_watch()
    host, port, cookie = cookie_of(state)
    before = processor_s(main_pid)
    by_api = round(CONNECTIONS * chosen.api)
    kinds = [the_api(state)] * by_api + [the_page(host, port, cookie)] * (CONNECTIONS - by_api)
    seen = asyncio.run(send(kinds, chosen.rate, chosen.seconds))
    used = (processor_s(main_pid) - before) / (chosen.seconds + 1.0)
    loaded = lateness(watch)
    asked = int(chosen.rate * chosen.seconds)
    times = sorted(seen.times_s)
    good = len(times) - seen.wrong
    print(f"idle     watch lateness p99 {idle * 1000:6.1f} ms   {chosen.checks} checks every second")
    print(
        f"loaded   watch lateness p99 {loaded * 1000:6.1f} ms   "
        f"{good} of {asked} answers in {chosen.seconds:.0f} s, {used:.2f} of a core"
    )
    if times:
        slow = times[int(len(times) * 0.99) - 1]
        print(
            f"answer   median {statistics.median(times) * 1000:.1f} ms, p99 {slow * 1000:.1f} ms, "
            f"{seen.missed} not begun in time, {seen.wrong} not 200"
        )
    print(f"ratio    {loaded / idle if idle else float('inf'):.2f}   bar: p99 under load <= {BAR_S * 1000:.0f} ms")
    if good < 0.95 * asked:
        return 2
    return int(loaded > BAR_S)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--checks", type=int, default=50)
    parser.add_argument("--api", type=float, default=0.0, metavar="SHARE", help="share of requests to the JSON API")
    chosen = parser.parse_args()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-bench-")))
        ops, state = ops_repo(folder / "ops", chosen.checks), folder / "state"
        state.mkdir(mode=0o700)
        watches = stack.enter_context(ExitStack())

        def start(name: str, into: ExitStack) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", f"watchkeeper.programs.{name}", "--ops", str(ops), "--state", str(state)]
            command += ["--port", "0"] if name == "main" else []
            log = into.enter_context((folder / f"{name}.log").open("w"))
            return into.enter_context(started(command, env=environment, stderr=log, stdout=log))

        def fresh_watch() -> WatchClient:
            watches.close()
            running = start("watch", watches)
            client = WatchClient(state / "watch.sock")
            wait_for(client, chosen.checks, running)
            return client

        running = start("main", stack)
        deadline = time.monotonic() + 15
        while not (state / "web.url").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        if not (state / "web.url").exists() or not json.loads((state / "web.url").read_text()):
            print(f"main does not run: {(folder / 'main.log').read_text()[-400:]}")
            return 2
        return measure(state, chosen, running.pid, fresh_watch)


if __name__ == "__main__":
    sys.exit(main())
