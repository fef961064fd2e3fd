"""How fast and how truly the drill ends: every scenario many times, as `wk demo --drill all --repeat N --json`.

    python bench/drills.py [N]

Prints per scenario p50 and p95 in seconds, the issue's bars beside them, and the false closures. Exit 1 when a bar is
missed, a scenario does not end as expected, or anything was closed falsely.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from watchkeeper.faces.cli.drill import Played, percentile, present, summary

REPEAT = 20
DETECTED_P95_S = 3.5
DIAGNOSED_AFTER_FLIP_S = 5.0
WORKER_DOWN_S = 8.0


def play(repeat: int, directory: Path) -> list[Played]:
    """Run the command, its progress on standard error as it comes."""
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(directory), "--drill", "all",
               "--repeat", str(repeat), "--json"]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout.strip():
        sys.exit(f"the drill ended with exit code {done.returncode} and no figures")
    answer: dict[str, Any] = json.loads(done.stdout)
    return [Played(**each) for each in answer["scenarios"]]


def bars(results: list[Played]) -> list[tuple[str, float, float]]:
    """(what, measured, at most)."""
    detected = present(each.detected_s for each in results)
    diagnosis = [
        each.diagnosed_s - each.detected_s
        for each in results
        if each.diagnosed_s is not None and each.detected_s is not None
    ]
    worker = present(each.total_s for each in results if each.scenario == "worker-down")
    return [
        ("detected, p95, s", percentile(detected, 95) if detected else float("inf"), DETECTED_P95_S),
        ("diagnosis after the incident opened, worst, s", max(diagnosis, default=float("inf")), DIAGNOSED_AFTER_FLIP_S),
        ("worker-down closed with proof, p95, s", percentile(worker, 95) if worker else float("inf"), WORKER_DOWN_S),
        ("false closures", float(sum(each.false_closure for each in results)), 0.0),
        ("not as expected", float(sum(not each.as_expected for each in results)), 0.0),
    ]


def main() -> int:
    repeat = int(sys.argv[1]) if len(sys.argv) > 1 else REPEAT
    with tempfile.TemporaryDirectory(prefix="wk-drills-") as folder:
        results = play(repeat, Path(folder))
    print("\n".join(summary(results)))
    missed = 0
    for what, measured, at_most in bars(results):
        good = measured <= at_most
        missed += not good
        print(f"{'ok  ' if good else 'MISS'}  {what}: {measured:.2f} (at most {at_most:g})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
