"""How long `wk status` takes against a running daemon, as ratios: to bare Python, and of ./wk to the installed script.

    python bench/cli.py [--rounds 21] [--state DIR]

Without --state it makes an ops repo with `wk init`, starts `wk up` on it and ends it again. The commands of one round
run one after the other, so that a busy machine slows all of them alike; printed are medians of the rounds' ratios.
Goals: `wk status` <= 3 x bare Python; ./wk <= 1.2 x the installed script.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
START_WITHIN_S = 60.0


def main() -> int:
    """Measure and print one JSON object; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--state", default="", help="state directory of a daemon that runs already")
    arguments = parser.parse_args()
    with daemon(arguments.state) as (ops, state):
        found = measure(arguments.rounds, commands(ops, state))
    print(json.dumps({"cli": found}, indent=2))
    return int(not all(goal["met"] for goal in found["goals"].values()))


def commands(ops: str, state: str) -> dict[str, list[str]]:
    """What is compared, by name."""
    where = ["--state", state, "status"] if not ops else ["--ops", ops, "--state", state, "status"]
    script = Path(sys.executable).with_name("wk")
    found = {
        "bare": [sys.executable, "-c", "pass"],
        "script": [str(script), *where],
        "version": [str(script), "--version"],
    }
    launcher = HOUSE / "wk"
    if launcher.exists():
        found["launcher"] = [str(launcher), *where]
    return found


def measure(rounds: int, compared: dict[str, list[str]]) -> dict[str, object]:
    """Medians in ms and the ratios that the goals name."""
    times: dict[str, list[float]] = {name: [] for name in compared}
    for command in compared.values():
        subprocess.run(command, capture_output=True, timeout=600, check=False)
    for _ in range(rounds):
        for name, command in compared.items():
            times[name].append(once(command))
    goals = {"status_to_bare_python": goal(times["script"], times["bare"], 3.0)}
    if "launcher" in times:
        goals["launcher_to_installed_script"] = goal(times["launcher"], times["script"], 1.2)
    medians = {name: round(statistics.median(taken) * 1000, 1) for name, taken in times.items()}
    return {"rounds": rounds, "median_ms": medians, "goals": goals}


def goal(taken: list[float], reference: list[float], at_most: float) -> dict[str, object]:
    """The median of the ratios, round by round, beside its goal."""
    ratio = statistics.median(one / other for one, other in zip(taken, reference, strict=True))
    return {"ratio": round(ratio, 2), "at_most": at_most, "met": ratio <= at_most}


def once(command: list[str]) -> float:
    """Seconds of one call. `status` may exit 1: something may be CRIT."""
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False)
    taken = time.perf_counter() - begun
    if done.returncode not in (0, 1) or done.stderr:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    return taken


@contextmanager
def daemon(state: str) -> Iterator[tuple[str, str]]:
    """(ops repo, state directory) of a running daemon."""
    if state:
        yield "", os.path.abspath(state)
        return
    with tempfile.TemporaryDirectory(prefix="wk-bench-") as place:
        ops = os.path.join(place, "ops")
        script = str(Path(sys.executable).with_name("wk"))
        subprocess.run([script, "init", ops], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(place, "log"), "wb") as log:
            process = subprocess.Popen([script, "--ops", ops, "up"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_for(os.path.join(ops, ".watchkeeper"), process, os.path.join(place, "log"))
            yield ops, os.path.join(ops, ".watchkeeper")
        finally:
            process.terminate()
            process.wait(30)


def wait_for(state: str, process: subprocess.Popen[bytes], log: str) -> None:
    """Wait until the daemon answers `wk status`."""
    deadline = time.monotonic() + START_WITHIN_S
    script = str(Path(sys.executable).with_name("wk"))
    while time.monotonic() < deadline and process.poll() is None:
        if os.path.exists(os.path.join(state, "main.sock")):
            done = subprocess.run([script, "--state", state, "status"], capture_output=True, timeout=60, check=False)
            if done.returncode in (0, 1) and not done.stderr:
                return
        time.sleep(0.2)
    raise SystemExit(
        f"The daemon did not answer within {START_WITHIN_S:g} s.\n{Path(log).read_text(errors='replace')[-2000:]}"
    )


if __name__ == "__main__":
    sys.exit(main())
