"""The public status page under a crowd during an incident: how fast it answers, and what that costs the watch.

    python bench/status_page.py [--viewers 200] [--seconds 20] [--checks 50] [--every 5] [--closed]

A real `wk up` over 50 checks asked every second, one of them failing, with an incident on the page. 200 viewers, each on a
kept connection of its own in a second process, load the page: each every five seconds at a moment of its own (`--every`,
what max-age allows), a third of them with the name of the page they have (`If-None-Match`); with --closed each asks again
as soon as it has its answer, which tells the most that can be answered, not what a crowd does. The watch's own p99 of
lateness is taken over the same time without and with viewers. Exits with 1 when p99 is over 250 ms, when an answer was
not 200 or 304, or when the lateness is over twice that of without viewers (and over 2 ms: below that it is the timer's).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.http_checks import WatchClient, family, processor_s, started, wait_for
from bench.web import ops_repo

BAR_S, BAR_RATIO, FLOOR_S = 0.250, 2.0, 0.002
PAGE = """
status_page:
  title: Bench
  publish: auto
  after: 0s
  severities: [P1, P2, P3]
  components:
"""


async def view(host: str, port: int, seconds: float, every_s: float, out: list[tuple[float, int, int]]) -> None:
    """One viewer; every_s 0: as fast as it goes. Adds (seconds, status, bytes) of each answer."""
    await asyncio.sleep(random.random() * (every_s or 0.5))
    line = await asyncio.open_connection(host, port)
    etag, until = b"", time.perf_counter() + seconds
    revalidates = random.random() < 1 / 3
    while (begun := time.perf_counter()) < until:
        known = b"If-None-Match: " + etag + b"\r\n" if etag and revalidates else b""
        request = (
            b"GET /status HTTP/1.1\r\nHost: %s:%d\r\nAccept-Encoding: gzip\r\n" % (host.encode(), port)
            + known
            + b"\r\n"
        )
        try:
            status, etag, length = await asked(line, request)
        except (OSError, asyncio.IncompleteReadError):  # the server closes what is quiet for 5 s; a browser begins anew
            line = await asyncio.open_connection(host, port)
            status, etag, length = await asked(line, request)
        out.append((time.perf_counter() - begun, status, length))
        if every_s:
            await asyncio.sleep(max(0.0, every_s - (time.perf_counter() - begun)))
    line[1].close()


async def asked(line: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> tuple[int, bytes, int]:
    """(status, etag, bytes) of one answer, read to its end."""
    reader, writer = line
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split()[1])
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]) if b"content-length:" in head else 0
    if length and status != 304:
        await reader.readexactly(length)
    return status, head.split(b"etag:", 1)[1].split(b"\r\n", 1)[0].strip() if b"etag:" in head else b"", length


async def crowd(host: str, port: int, viewers: int, seconds: float, every_s: float) -> list[tuple[float, int, int]]:
    """All viewers together."""
    out: list[tuple[float, int, int]] = []
    await asyncio.gather(*(view(host, port, seconds, every_s, out) for _ in range(viewers)))
    return out


def lateness(watch: WatchClient, seconds: float, checks: int) -> float:
    """The watch's p99 lateness of the starts of this time, seconds: it is taken over its newest ones alone."""
    before = int(str(watch.status()["starts"]))
    time.sleep(seconds)
    status = watch.status()
    assert int(str(status["starts"])) > before, "the watch asks nothing"
    return float(str(status["lateness_p99_s"]))


def measure(folder: Path, chosen: argparse.Namespace, stack: ExitStack) -> int:
    """Without viewers, then with them, each with a watch that has just begun."""
    ops = ops_repo(folder / "ops", chosen.checks)
    names = [f"service{number}" for number in range(0, chosen.checks, 10)]
    parts = "".join(f"    - {{name: Part {number}, of: [{name}]}}\n" for number, name in enumerate(names, 1))
    (ops / "watchkeeper.yaml").write_text("team: bench\ntimezone: UTC\n" + PAGE + parts)
    broken = ops / "services/service0.yaml"
    broken.write_text(
        broken.read_text() + "  - name: broken\n    command: 'false'\n    every: 1s\n    crit: exit_code != 0\n"
    )
    state = folder / "state"
    state.mkdir(mode=0o700)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    figures: dict[str, float] = {}
    answers: list[tuple[float, int, int]] = []
    used = 0.0
    for name in ("without", "with"):
        with ExitStack() as inner:
            log = inner.enter_context((folder / f"{name}.log").open("w"))
            command = [
                sys.executable,
                "-m",
                "watchkeeper.faces.cli.program",
                "--ops",
                str(ops),
                "--state",
                str(state),
                "up",
            ]
            up = inner.enter_context(started(command, stdout=log, stderr=log, env=environment))
            watch = WatchClient(state / "watch.sock", short_s=30.0)
            wait_for(watch, chosen.checks + 1, up)
            host, port = address(state)
            wait_for_incident(host, port)
            time.sleep(3.0)
            main_pid = main_of(up.pid)
            load = None
            begun = processor_s(main_pid)
            if name == "with":
                arguments = [sys.executable, __file__, "--load", f"{host}:{port}", "--viewers", str(chosen.viewers)]
                arguments += ["--seconds", str(chosen.seconds), "--every", "0" if chosen.closed else str(chosen.every)]
                load = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
            figures[name] = lateness(watch, chosen.seconds, chosen.checks)
            if load is not None:
                used = (processor_s(main_pid) - begun) / chosen.seconds
                answers = [tuple(each) for each in json.loads(load.communicate()[0])]
    return told(chosen, answers, figures, used)


def told(
    chosen: argparse.Namespace, answers: list[tuple[float, int, int]], figures: dict[str, float], used: float
) -> int:
    """Print the figures; the exit code."""
    times = sorted(each[0] for each in answers)
    wrong = sum(each[1] not in (200, 304) for each in answers)
    same = sum(each[1] == 304 for each in answers)
    p50, p99, worst = (times[min(int(len(times) * share), len(times) - 1)] for share in (0.50, 0.99, 1.0))
    ratio = figures["with"] / figures["without"] if figures["without"] else float("inf")
    size = max((each[2] for each in answers if each[1] == 200), default=0)
    how = "as fast as they go" if chosen.closed else f"each every {chosen.every:g} s"
    print(f"viewers  {chosen.viewers} on kept connections, {how}, {chosen.seconds:g} s; page of {size} bytes")
    print(f"answer   p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, worst {worst * 1000:.1f} ms; bar: p99 <= 250 ms")
    print(
        f"answers  {len(times)}, {len(times) / chosen.seconds:.0f} a second, "
        f"{same} not modified, {wrong} wrong; main {used:.2f} of a core"
    )
    print(
        f"watch    lateness p99 {figures['without'] * 1000:.2f} ms without, {figures['with'] * 1000:.2f} ms with viewers: "
        f"ratio {ratio:.2f}, bar: <= {BAR_RATIO:g}"
    )
    late = ratio > BAR_RATIO and figures["with"] > FLOOR_S
    return int(p99 > BAR_S or bool(wrong) or (late and not chosen.closed))


def address(state: Path) -> tuple[str, int]:
    """Where main listens."""
    deadline = time.monotonic() + 30
    while not (state / "web.url").exists():
        assert time.monotonic() < deadline, "main did not come up"
        time.sleep(0.1)
    url = json.loads((state / "web.url").read_text())["url"].partition("://")[2]
    return url.partition(":")[0], int(url.rpartition(":")[2])


def wait_for_incident(host: str, port: int) -> None:
    """Until the page shows one."""
    import urllib.request

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/status.json", timeout=5) as answer:
                if json.load(answer)["status_page"]["incidents"]:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise SystemExit("no incident came onto the page")


def main_of(up: int) -> int:
    """The process that serves the page."""
    for pid in family(up):
        if b"watchkeeper.programs.main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise SystemExit("main does not run")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--checks", type=int, default=50)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--closed", action="store_true")
    parser.add_argument("--load", metavar="HOST:PORT", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.load:
        host, _, port = chosen.load.partition(":")
        print(json.dumps(asyncio.run(crowd(host, int(port), chosen.viewers, chosen.seconds, chosen.every))))
        return 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-bench-")))
        return measure(folder, chosen, stack)


if __name__ == "__main__":
    sys.exit(main())
