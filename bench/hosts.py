"""One spooled `true` beside a bare `bash -c true` on the same connection.

`python bench/hosts.py [HOST] [-F ssh_config]`; without HOST the local host is measured. Rounds are interleaved, the
figures are medians; nothing here is a gate.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.adapters.hosts.ssh import SshHost
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports import SpoolStep

Job = Callable[[], Awaitable[object]]


async def bare_local() -> None:
    process = await asyncio.create_subprocess_exec("bash", "-c", "true")
    await process.wait()


async def bare(host: ShellHost) -> Job:
    """A bare `bash -c true`, over the connection that the host itself keeps."""
    if not isinstance(host, SshHost):
        return bare_local
    await host.read("true", deadline_s=10)
    connection = host._lines[0]._connection  # the bench measures this very connection

    async def job() -> None:
        await connection.run("bash -c true")

    return job


def spooled(host: ShellHost, text: str) -> Job:
    run, first = f"bench-{uuid.uuid4().hex[:8]}", True
    number = 0

    async def job() -> None:
        nonlocal first, number
        step = SpoolStep(run, f"s{number}", text, first_of_run=first)
        first, number = False, number + 1
        answer = await host.start(step, wait_s=10)
        assert answer.exit_code == 0, answer

    return job


async def measure(name: str, config: Path | None, rounds: int) -> None:
    host = Host(name, "ssh") if name else Host("here", "local")
    pool = Hosts({host.name: host}, ssh_config=config)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        one = pool.get(host.name)
        jobs: dict[str, Job] = {
            "bare bash -c true": await bare(one),
            "read true": lambda: one.read("true", deadline_s=10),
            "spooled true": spooled(one, "true"),
            "spooled sleep 0.1": spooled(one, "sleep 0.1"),
        }
        times: dict[str, list[float]] = {label: [] for label in jobs}
        for _ in range(rounds):
            for label, job in jobs.items():
                started = time.perf_counter()
                await job()
                times[label].append(time.perf_counter() - started)
    base = statistics.median(times["bare bash -c true"])
    print(f"{host.name}: median of {rounds} interleaved rounds")
    for label, values in times.items():
        middle = statistics.median(values)
        ratio, extra = middle / base, (middle - base) * 1000
        print(f"  {label:20} {middle * 1000:7.2f} ms   {ratio:6.2f}x of bare   {extra:+.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host", nargs="?", default="")
    parser.add_argument("-F", dest="config", type=Path)
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    asyncio.run(measure(given.host, given.config, given.rounds))
