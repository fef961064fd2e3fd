"""What both processes hold in memory when nothing is wrong: PSS with 50 checks, and what idling costs.

    python bench/idle.py [--checks 50] [--seconds 15]

The checks are of all common kinds, each every 10 s, against a local server and this machine. Exits with 1 when watch
and main together hold more than 150 MB, with 2 when one of them does not run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.http_checks import SERVER, WatchClient, processor_s, pss_mb, started, wait_for

BAR_MB = 150.0


def ops_repo(folder: Path, port: int, checks: int) -> Path:
    """One service whose checks take turns through the kinds."""
    kinds = (
        f"http: http://127.0.0.1:{port}/",
        f"tcp: 127.0.0.1:{port}",
        "process: {match: watchkeeper}",
        f"disk: {folder}",
        "command: echo 1",
        "sql: {database: shop, query: select 1}",
        "heartbeat: {every: 1h}",
    )
    (folder / "services").mkdir(parents=True)
    (folder / "watchkeeper.yaml").write_text("team: bench\ntimezone: UTC\n")
    (folder / "hosts.yaml").write_text("hosts:\n  here: {local: true}\n")
    (folder / "databases.yaml").write_text(f"databases:\n  shop: {{sqlite: {folder}/shop.db}}\n")
    subprocess.run(
        [sys.executable, "-c", f"import sqlite3; sqlite3.connect('{folder}/shop.db').execute('create table x (y)')"],
        check=True,
    )
    lines = ["service: shop", "hosts: [here]", "checks:"]
    for number in range(checks):
        kind = kinds[number % len(kinds)]
        lines += [f"  - name: c{number}", f"    {kind}", "    every: 10s"]
        if kind.startswith(("http", "tcp")):
            lines.append("    from: host")
        if kind.startswith("sql"):
            lines.append("    ok: value == 1")
    (folder / "services/shop.yaml").write_text("\n".join(lines) + "\n")
    return folder


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checks", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0)
    chosen = parser.parse_args()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-bench-")))
        server = stack.enter_context(started([sys.executable, "-c", SERVER], stdout=subprocess.PIPE))
        assert server.stdout is not None
        ops, state = ops_repo(folder / "ops", int(server.stdout.readline()), chosen.checks), folder / "state"
        state.mkdir(mode=0o700)
        running = {}
        for name in ("watch", "main"):
            command = [sys.executable, "-m", f"watchkeeper.programs.{name}", "--ops", str(ops), "--state", str(state)]
            log = stack.enter_context((folder / f"{name}.log").open("w"))
            running[name] = stack.enter_context(started(command, env=environment, stderr=log, stdout=log))
        wait_for(WatchClient(state / "watch.sock"), chosen.checks, running["watch"])
        time.sleep(12.0)  # every check has been asked once
        alive = {name: process for name, process in running.items() if process.poll() is None}
        before = {name: processor_s(process.pid) for name, process in alive.items()}
        time.sleep(chosen.seconds)
        together = 0.0
        for name, process in alive.items():
            used = 100 * (processor_s(process.pid) - before[name]) / chosen.seconds
            held = pss_mb(process.pid)
            together += held
            print(f"{name:8} {held:6.1f} MB PSS   {used:4.1f} % of a core idling with {chosen.checks} checks")
        for name in running.keys() - alive.keys():
            print(f"{name:8} does not run: {(folder / f'{name}.log').read_text()[-300:].strip()}")
        print(f"together {together:6.1f} MB PSS   bar {BAR_MB:.0f} MB")
        return 2 if len(alive) < len(running) else int(together > BAR_MB)


if __name__ == "__main__":
    sys.exit(main())
