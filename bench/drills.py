"""How fast and how truly the drill ends: every scenario many times, as `wk demo --drill all --repeat N --json`.

    python bench/drills.py [N] [--fleets F] [--only a,b]

Prints per scenario p50 and p95 in seconds, the issue's bars beside them, and the false closures with their number of plays
and the 95 % upper bound (exact, by Clopper and Pearson: with none seen about 3 / n). Played on several fleets at once, as
the command does by default; `--fleets 1` behind N plays on one, for figures of a quiet machine. Exit 1 when a bar is
missed, a scenario does not end as expected, or anything was closed falsely. What this machine cannot play is skipped by
name.
"""

from __future__ import annotations

import argparse
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


def play(repeat: int, directory: Path, only: str, fleets: int | None) -> list[Played]:
    """Run the command, its progress on standard error as it comes."""
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(directory), "--drill", only,
               "--repeat", str(repeat), "--json", *([] if fleets is None else ["--fleets", str(fleets)])]  # fmt: skip
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
    only_one = [("worker-down closed with proof, p95, s", percentile(worker, 95), WORKER_DOWN_S)] if worker else []
    return [
        ("detected, p95, s", percentile(detected, 95) if detected else float("inf"), DETECTED_P95_S),
        ("diagnosis after the incident opened, worst, s", max(diagnosis, default=0.0), DIAGNOSED_AFTER_FLIP_S),
        *only_one,
        ("false closures", float(sum(each.false_closure for each in results)), 0.0),
        ("not as expected", float(sum(not each.as_expected for each in results)), 0.0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Every scenario many times.")
    parser.add_argument("repeat", nargs="?", type=int, default=REPEAT)
    parser.add_argument("--fleets", type=int)
    parser.add_argument("--only", default="all", help="a,b: these scenarios only")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wk-drills-") as folder:
        results = play(given.repeat, Path(folder), given.only, given.fleets)
    print("\n".join(summary(results)))
    missed = 0
    for what, measured, at_most in bars([each for each in results if not each.skipped]):
        good = measured <= at_most
        missed += not good
        print(f"{'ok  ' if good else 'MISS'}  {what}: {measured:.2f} (at most {at_most:g})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
