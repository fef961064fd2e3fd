"""HTTP checking: what the whole watch costs, and what one probe costs beside its references.

    python bench/http_checks.py [--checks 1000] [--every 10] [--seconds 20] [--rounds 5]

1. The watch process over `checks` HTTP checks, open loop: processor time in percent of a core, lateness p50, p99, max.
2. The HTTP adapter alone, 64 asks in flight, each on a fresh connection: processor time per probe beside a raw asyncio
   client that reads the status line and nothing else, and beside blackbox_exporter where it is installed. The variants
   take turns in every round; printed are the median of the ratio and its range.

The server is a process of its own. Exits with 1 when a bar of the issue is missed: 20 % of a core, 50 ms, 1/4.
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
BAR_CORE, BAR_LATENESS_S, BAR_BLACKBOX = 0.20, 0.050, 0.25

SERVER = """
import asyncio, sys, uvloop
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok"
class Web(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        if data.endswith(b"\\r\\n\\r\\n"):
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


# ---- the whole watch ----


def ops_repo(folder: Path, port: int, checks: int, every_s: float) -> Path:
    """An ops repo whose services hold 50 checks each."""
    (folder / "services").mkdir(parents=True)
    (folder / "watchkeeper.yaml").write_text("team: bench\ntimezone: UTC\n")
    (folder / "hosts.yaml").write_text("hosts:\n  here: {local: true}\n")
    for first in range(0, checks, 50):
        lines = [f"service: s{first}", "hosts: [here]", "checks:"]
        for number in range(first, min(first + 50, checks)):
            lines += [f"  - name: c{number}", f"    http: http://127.0.0.1:{port}/{number}", "    from: host"]
            lines += [
                f"    every: {every_s:g}s",
                "    ok: status == 200 and latency < 800ms",
                "    crit: status != 200",
            ]
        (folder / f"services/s{first}.yaml").write_text("\n".join(lines) + "\n")
    return folder


def whole_watch(port: int, checks: int, every_s: float, seconds: float) -> bool:
    with tempfile.TemporaryDirectory(prefix="wk-bench-") as name:
        folder = Path(name)
        ops, state = ops_repo(folder / "ops", port, checks, every_s), folder / "state"
        command = [sys.executable, "-m", "watchkeeper.programs.watch", "--ops", str(ops), "--state", str(state)]
        command += ["--log-level", "warning"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with started(command, env=environment) as process:
            client = WatchClient(state / "watch.sock")
            status = wait_for(client, checks, process)
            time.sleep(min(every_s, 30) + 0.5)  # every check has been asked once, imports are done
            before, began, starts = processor_s(process.pid), time.monotonic(), int(str(client.status()["starts"]))
            time.sleep(seconds)
            used, took = processor_s(process.pid) - before, time.monotonic() - began
            status, memory = client.status(), pss_mb(process.pid)
            wrong = sum(judged.verdict.state != "OK" for judged in client.ask([]))
    asked = int(str(status["starts"])) - starts
    p50, p99, worst = (float(str(status[f"lateness_{which}_s"])) * 1000 for which in ("p50", "p99", "max"))
    print(f"whole watch, {checks} HTTP checks / {every_s:g} s, {took:.0f} s measured, {asked} probes, {wrong} not OK")
    each_ms = 1000 * used / max(1, asked)
    print(f"  processor            {100 * used / took:6.1f} % of a core   ({each_ms:.3f} ms per probe)")
    print(f"  lateness             p50 {p50:.1f} ms   p99 {p99:.1f} ms   max {worst:.1f} ms")
    print(f"  memory               {memory:6.1f} MB PSS   overload {status['overload']}   missed {status['missed']}")
    enough = asked >= 0.95 * checks * took / every_s
    return not wrong and enough and used / took <= BAR_CORE and p99 <= BAR_LATENESS_S * 1000


def wait_for(client: WatchClient, checks: int, process: subprocess.Popen[str]) -> dict[str, object]:
    for _ in range(300):
        with contextlib.suppress(Exception):
            status = client.status()
            if status["checks"] == checks:
                return status
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("the watch did not come up with its checks")


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
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with started([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        well = [whole_watch(port, chosen.checks, chosen.every, chosen.seconds), one_probe(port, chosen.rounds)]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
