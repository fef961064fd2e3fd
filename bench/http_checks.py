"""HTTP checking: what the whole watch costs, and what one probe costs beside its references.

    python bench/http_checks.py [--checks 10000] [--every 30] [--seconds 60] [--rounds 5] [--part whole|hanging|adapter ...]

1. `wk up` over `checks` HTTP checks, open loop: processor time of the watch in percent of a core, lateness p50, p99, max,
   memory (PSS) of all its processes. Beside it, at the same time and at the same rate, blackbox_exporter probes the same
   server where it is installed: the ratio of their processor time for the same work in the same run.
2. The same with 5 % of the targets hanging to their timeout of 10 s, for lateness and for what is told of overload.
3. The HTTP adapter alone, 64 asks in flight, each on a fresh connection: processor time per probe beside a raw asyncio
   client that reads the status line and nothing else, and beside blackbox_exporter. The variants take turns in every
   round; printed are the median of the ratio and its range.

The server is a process of its own. Exits with 1 when a bar of the issue is missed: 20 % of a core, 0.8x of blackbox, 220 MB,
lateness p99 of 50 ms (250 ms with hanging targets), adapter 1/4 of blackbox.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.adapters.watch_socket import WatchClient
from watchkeeper.core.inventory.values import Check, Probe

AT_ONCE = 64
PROBES = 2000
HANGING, HANGING_TIMEOUT_S = 0.05, 10.0
BAR_CORE, BAR_LATENESS_S, BAR_HANGING_S, BAR_BLACKBOX = 0.20, 0.050, 0.250, 0.25
BAR_WHOLE, BAR_MB = 0.8, 220.0

SERVER = """
import asyncio, sys, uvloop
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok"
class Web(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        if data.endswith(b"\\r\\n\\r\\n") and not data.startswith(b"GET /hang"):
            self.transport.write(ANSWER); self.transport.close()
async def main():
    server = await asyncio.get_running_loop().create_server(Web, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


@contextlib.contextmanager
def started(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def processor_s(pid: int) -> float:
    """Processor time of a process and the children it has waited for, seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")


def pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{each}/task").iterdir():
                found += [int(word) for word in (thread / "children").read_text().split()]
    return found


# ---- the whole watch ----


def ops_repo(folder: Path, port: int, checks: int, every_s: float, hanging: float = 0.0) -> Path:
    """An ops repo whose services hold 50 checks each; `hanging` of them never get an answer."""
    (folder / "services").mkdir(parents=True)
    (folder / "watchkeeper.yaml").write_text('team: bench\ntimezone: UTC\npings: {listen: "off"}\n')
    (folder / "hosts.yaml").write_text("hosts:\n  here: {local: true}\n")
    step = round(1 / hanging) if hanging else 0
    for first in range(0, checks, 50):
        lines = [f"service: s{first}", "hosts: [here]", "checks:"]
        for number in range(first, min(first + 50, checks)):
            path = f"hang/{number}" if step and number % step == 0 else str(number)
            lines += [f"  - name: c{number}", f"    http: http://127.0.0.1:{port}/{path}", "    from: host"]
            lines += [
                f"    every: {every_s:g}s",
                f"    timeout: {HANGING_TIMEOUT_S:g}s",
                "    ok: status == 200 and latency < 800ms",
                "    crit: status != 200" if not path.startswith("hang") else "    crit: status == 999",
            ]
        (folder / f"services/s{first}.yaml").write_text("\n".join(lines) + "\n")
    return folder


def whole_watch(port: int, checks: int, every_s: float, seconds: float, hanging: float = 0.0) -> bool:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-bench-")))
        ops, state = ops_repo(folder / "ops", port, checks, every_s, hanging), folder / "state"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "WATCHKEEPER_STATE": str(state)}
        command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(ops), "--state", str(state)]
        log = stack.enter_context((folder / "up.log").open("w"))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            web = listener.getsockname()[1]
        up = stack.enter_context(started([*command, "up", "--port", str(web)], env=environment, stdout=log, stderr=log))
        client = WatchClient(state / "watch.sock", short_s=60.0)
        try:
            status = wait_for(client, checks, up)
        except SystemExit:
            print((folder / "up.log").read_text()[-2000:])
            raise
        exporter = None if hanging else stack.enter_context(blackbox())
        watch = int(str(status["pid"]))
        time.sleep(min(every_s, 30) + 5.0)  # every check has been asked once, imports are done
        load = None
        if exporter is not None:
            load = stack.enter_context(probing(port, exporter[1], checks / every_s))
            time.sleep(2.0)
        before, began = _used(watch, exporter, load), time.monotonic()
        starts, lateness = int(str(client.status()["starts"])), []
        while time.monotonic() - began < seconds:
            time.sleep(min(10.0, seconds))
            lateness.append(client.status())
        used, took = (
            [now - then for now, then in zip(_used(watch, exporter, load), before, strict=True)],
            time.monotonic() - began,
        )
        status, memory = client.status(), {pid: pss_mb(pid) for pid in family(up.pid)}
        wrong, took_ms = _wrong(state, hanging), _latencies_ms(state)
    asked = int(str(status["starts"])) - starts
    share = f", {hanging:.0%} of them hanging" if hanging else ""
    print(
        f"whole watch, {checks} HTTP checks / {every_s:g} s{share}, {took:.0f} s measured, {asked} probes, {wrong} wrong"
    )
    p50, p99, worst = (
        max(float(str(each[f"lateness_{which}_s"])) for each in lateness) * 1000 for which in ("p50", "p99", "max")
    )
    each_ms = 1000 * used[0] / max(1, asked)
    print(f"  processor            {100 * used[0] / took:6.1f} % of a core   ({each_ms:.3f} ms per probe)")
    looks = f"(the worst of {len(lateness)} looks)"
    print(f"  lateness             p50 {p50:.1f} ms   p99 {p99:.1f} ms   max {worst:.1f} ms {looks}")
    print(f"  answers took         p50 {took_ms[0]:.1f} ms   p95 {took_ms[1]:.1f} ms, as the readings say")
    each = " + ".join(f"{size:.0f}" for size in memory.values())
    print(f"  memory               {sum(memory.values()):6.1f} MB PSS of all processes ({each})")
    words = status.get("warnings") or "no warning"
    print(
        f"  open now             {status['open_probes']}, waited {status['overload']}, missed {status['missed']}; {words}"
    )
    well = not wrong and asked >= 0.95 * checks * took / every_s
    well &= p99 <= (BAR_HANGING_S if hanging else BAR_LATENESS_S) * 1000
    if hanging:
        return well
    if exporter is not None and load is not None:
        made = used[2]
        ratio = (used[0] / asked) / (used[1] / max(1.0, made))
        share = 100 * used[1] / took
        print(
            f"  blackbox_exporter    {share:6.1f} % of a core, {made:.0f} probes: the whole watch is {ratio:.2f} of it"
        )
        well &= ratio <= BAR_WHOLE and made >= 0.95 * asked
    return bool(well and used[0] / took <= BAR_CORE and sum(memory.values()) <= BAR_MB)


def _used(watch: int, exporter: tuple[subprocess.Popen[str], int] | None, load: Path | None) -> list[float]:
    """Processor seconds of the watch and of the exporter, and how many probes the exporter made."""
    own = processor_s(watch)
    if exporter is None or load is None:
        return [own, 0.0, 0.0]
    return [own, processor_s(exporter[0].pid), float(load.read_text() or 0)]


def _latencies_ms(state: Path) -> tuple[float, float]:
    """(p50, p95) of the newest answers, milliseconds: what it costs their truth that checks begin together."""
    from watchkeeper.store.readings.reader import ReadingsReader

    reader = ReadingsReader(state / "readings.db")
    try:
        each = sorted(1000 * judged.reading.latency_s for judged in reader.latest().values())
    finally:
        reader.close()
    return each[len(each) // 2], each[int(len(each) * 0.95)]


def _wrong(state: Path, hanging: float) -> int:
    """Checks whose newest answer is not what the server gives: OK, or a timeout where it hangs."""
    from watchkeeper.store.readings.reader import ReadingsReader

    reader = ReadingsReader(state / "readings.db")
    try:
        latest = reader.latest()
    finally:
        reader.close()
    bad = [judged for judged in latest.values() if judged.verdict.state != "OK"]
    if hanging:
        bad = [judged for judged in bad if judged.reading.values.get("error_kind") != "timeout"]
    return len(bad)


PROBING = """
import asyncio, os, sys, time, uvloop
port, exporter, rate, counter = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
made = 0
async def ask(number):
    global made
    reader, writer = await asyncio.open_connection("127.0.0.1", exporter)
    target = f"/probe?module=plain&target=http://127.0.0.1:{port}/{number}"
    writer.write(f"GET {target} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n".encode())
    answer = await reader.read()
    writer.close()
    made += b"probe_success 1" in answer
async def main():
    begun, number, tasks = time.monotonic(), 0, set()
    while True:
        while number < (time.monotonic() - begun) * rate:
            task = asyncio.ensure_future(ask(number)); tasks.add(task); task.add_done_callback(tasks.discard)
            number += 1
        with open(counter + ".new", "w") as file: file.write(str(made))
        os.replace(counter + ".new", counter)
        await asyncio.sleep(0.02)
uvloop.run(main())
"""


@contextlib.contextmanager
def probing(port: int, exporter_port: int, rate: float) -> Iterator[Path]:
    """Asks the exporter for probes at this rate, open loop; the file holds how many succeeded."""
    with tempfile.TemporaryDirectory(prefix="wk-bench-") as name:
        counter = Path(name) / "made"
        with started([sys.executable, "-c", PROBING, str(port), str(exporter_port), str(rate), str(counter)]):
            while not counter.exists():
                time.sleep(0.05)
            yield counter


def wait_for(client: WatchClient, checks: int, process: subprocess.Popen[str]) -> dict[str, object]:
    for _ in range(1200):
        with contextlib.suppress(Exception):
            status = client.status()
            if status["checks"] == checks:
                return status
        if process.poll() is not None:
            break
        time.sleep(0.1)
    state = "it ended" if process.poll() is not None else "it runs"
    raise SystemExit(f"the watch did not come up with its checks; {state}")


# ---- one probe ----


async def in_flight(ask: Callable[[], Awaitable[bool]]) -> float:
    """Milliseconds of processor time per probe of this process, `AT_ONCE` at a time; every answer is looked at."""
    left, failed = PROBES, 0

    async def worker() -> None:
        nonlocal left, failed
        while left > 0:
            left -= 1
            failed += not await ask()

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    used = time.process_time() - before
    if failed:
        raise SystemExit(f"{failed} of {PROBES} probes failed: the figures would mean nothing")
    return 1000 * used / PROBES


async def by_adapter(port: int) -> float:
    probes = Probes(Tools())
    check = Check("s/c", "s", "c", None, "here", Probe("http", {"url": f"http://127.0.0.1:{port}/"}), 10, 5, None, None,
                  None, 1, "r")  # fmt: skip

    async def ask() -> bool:
        return (await probes.ask(check, time.time())).values.get("status") == 200

    try:
        return await in_flight(ask)
    finally:
        await probes.close()


async def by_raw_streams(port: int) -> float:
    async def ask() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.startswith(b"HTTP/1.1 200")

    return await in_flight(ask)


async def by_blackbox(port: int, exporter: subprocess.Popen[str], exporter_port: int) -> float:
    """Processor time of the exporter itself for the same probes, asked through its own address."""

    async def ask() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", exporter_port)
        target = f"/probe?module=plain&target=http://127.0.0.1:{port}/"
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return b"probe_success 1" in answer

    before = processor_s(exporter.pid)
    await in_flight(ask)
    return 1000 * (processor_s(exporter.pid) - before) / PROBES


@contextlib.contextmanager
def blackbox() -> Iterator[tuple[subprocess.Popen[str], int] | None]:
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    modules = {"modules": {"plain": {"prober": "http", "timeout": "5s", "http": {"preferred_ip_protocol": "ip4"}}}}
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as settings:
        json.dump(modules, settings)
        settings.flush()
        command = [
            program,
            f"--config.file={settings.name}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        with started(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                time.sleep(0.05)
            yield process, port


def one_probe(port: int, rounds: int) -> bool:
    costs: dict[str, list[float]] = {"adapter": [], "raw asyncio": []}
    with blackbox() as exporter:
        for number in range(rounds + 1):
            measured = {"adapter": uvloop.run(by_adapter(port)), "raw asyncio": uvloop.run(by_raw_streams(port))}
            if exporter is not None:
                measured["blackbox_exporter"] = uvloop.run(by_blackbox(port, *exporter))
            for name, cost in measured.items() if number else ():  # the first round warms up
                costs.setdefault(name, []).append(cost)
    print(f"one HTTP probe, {AT_ONCE} in flight, {rounds} rounds of {PROBES}, processor ms per probe")
    for name, each in costs.items():
        ratios = [mine / other for mine, other in zip(costs["adapter"], each, strict=True)]
        line = f"  {name:20} {statistics.median(each):.3f} ms   adapter is {statistics.median(ratios):.2f} of it"
        print(f"{line} ({min(ratios):.2f}..{max(ratios):.2f})")
    if "blackbox_exporter" not in costs:
        print("  blackbox_exporter    not installed (apt-get install prometheus-blackbox-exporter): no ratio")
        return True
    pairs = zip(costs["adapter"], costs["blackbox_exporter"], strict=True)
    return statistics.median(mine / other for mine, other in pairs) <= BAR_BLACKBOX


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    parts = ("whole", "hanging", "adapter")
    parser.add_argument("--part", action="append", choices=parts, help="only this; may be given more than once")
    chosen = parser.parse_args()
    with started([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        run = {
            "whole": lambda: whole_watch(port, chosen.checks, chosen.every, chosen.seconds),
            "hanging": lambda: whole_watch(port, chosen.checks, chosen.every, chosen.seconds, HANGING),
            "adapter": lambda: one_probe(port, chosen.rounds),
        }
        well = {part: run[part]() for part in chosen.part or parts}
    missed = [name for name, fine in well.items() if not fine]
    print(f"bars missed: {', '.join(missed)}" if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
