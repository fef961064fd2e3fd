"""What watchkeeper itself costs per step of a run on this machine: the whole of it beside the bare call of the host.

    python bench/steps.py [STEPS] [--rounds N] [--profile]

A run by hand with STEPS trivial changing steps, one with as many read steps, each on the store, engine and evidence that main
has, beside the same number of bare calls: `start` of the spool and `read`. Rounds are interleaved and the figures are
medians per step. The bar is 10 ms of own time per step; exits with 1 above it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

from watchkeeper.bootstrap.main import Application, open_application
from watchkeeper.core.actors import LOCAL
from watchkeeper.core.runs.values import ENDED
from watchkeeper.services.ports import SpoolStep

BAR_MS = 10.0
TEXTS = {"change": "mkdir -p {folder}", "read": "test -d {folder}"}


def ops_repo(folder: Path, steps: int) -> Path:
    """One local host, one runbook of each kind."""
    ops = folder / "ops"
    (ops / "runbooks").mkdir(parents=True)
    (ops / "watchkeeper.yaml").write_text("team: bench\ntimezone: UTC\n")
    spool = Path("/var/tmp") / f"wk-bench-{uuid.uuid4().hex[:8]}"
    (ops / "hosts.yaml").write_text(f"hosts:\n  here: {{local: true, spool: {spool}}}\n")
    for kind, text in TEXTS.items():
        block = f"```bash\n{text.format(folder=folder)}\n```\n"
        phase = "Solution" if kind == "change" else "Diagnosis"
        (ops / f"runbooks/{kind}.md").write_text(f"# {kind}\n\n**{phase}:**\n\n" + "\n".join([block] * steps))
    return spool


def whole(app: Application, kind: str) -> float:
    """Seconds per step of a whole run, as its own rows tell."""
    run = app.runs.start(f"runbooks/{kind}.md", "", {}, (), LOCAL)
    while run.state not in ENDED:
        time.sleep(0.05)
        run = app.runs.get(run.id)
    assert run.state == "done", (run.message, [step.message for step in run.steps])
    assert run.started_at is not None and run.ended_at is not None
    return (run.ended_at - run.started_at) / len(run.steps)


def bare(app: Application, kind: str, steps: int, folder: Path) -> float:
    """Seconds per bare call of the host, one after the other, from a thread as the engine does."""
    host, name, text = app.hosts.get("here"), f"bench-{uuid.uuid4().hex[:8]}", TEXTS[kind].format(folder=folder)
    begun = time.perf_counter()
    for number in range(steps):
        if kind == "read":
            host.read(text, deadline_s=10, shell="bash", strict=True, on_output=len, stop=lambda: False)
        else:
            host.start(SpoolStep(name, f"s{number}", text, first_of_run=number == 0), wait_s=0.3)
    return (time.perf_counter() - begun) / steps


def measure(app: Application, folder: Path, steps: int, rounds: int) -> int:
    """Print a line per kind; the number of bars missed."""
    missed = 0
    for kind in TEXTS:
        own, seen, busy = [], [], []
        for _ in range(rounds + 1):
            begun = time.process_time()
            beside = bare(app, kind, steps, folder)
            between = time.process_time()
            seen.append(whole(app, kind))
            own.append(seen[-1] - beside)
            busy.append((time.process_time() - between - (between - begun)) / steps)
        middle = statistics.median(own[1:]) * 1000
        missed += middle > BAR_MS
        print(
            f"{'ok  ' if middle <= BAR_MS else 'MISS'}  {kind:6} step: {middle:6.2f} ms own time (at most {BAR_MS:g}),"
            f" of it {statistics.median(busy[1:]) * 1000:.2f} ms of processor, {statistics.median(seen[1:]) * 1000:.2f} ms"
            f" in all; {steps} steps, {rounds} rounds"
        )
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description="What a step costs.")
    parser.add_argument("steps", nargs="?", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="where the time of the segment threads goes")
    given = parser.parse_args()
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory(prefix="wk-steps-") as name:
        folder = Path(name)
        spool = ops_repo(folder, given.steps)
        (folder / "state").mkdir(mode=0o700)
        app = open_application(folder / "ops", folder / "state")
        if given.profile:
            _profiled(app, profile)
        try:
            app.engine.start()
            missed = measure(app, folder, given.steps, given.rounds)
        finally:
            app.close()
            shutil.rmtree(spool, ignore_errors=True)
    if given.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    return 1 if missed else 0


def _profiled(app: Application, profile: cProfile.Profile) -> None:
    """Every segment under the profiler; one at a time, which is all that this bench starts."""
    execute = app.engine._execute  # the bench looks inside

    def profiled(number: int) -> None:
        profile.enable()
        try:
            execute(number)
        finally:
            profile.disable()

    app.engine._execute = profiled  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
