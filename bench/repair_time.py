"""From the fault to a service that answers again: watchkeeper beside Monit, on the sample fleet.

    python bench/repair_time.py [--rounds 5]

The shop's process is killed. Both ask /health every second, with 2 bad answers of 3 needed, and both restart the shop by
the same supervisor. They take turns within each round: while Monit has its turn, automation of watchkeeper is off; while
watchkeeper has its turn, Monit does not run. Within a round the kill comes at the same moment between two questions of
whoever has its turn (read from the shop's own request log), and from round to round later within that second: otherwise
luck decides, as the second bad answer comes 1 to 2 s after the fault. The clock runs from the kill until /health answers
200 again, asked from outside every 20 ms. Beside it stands how long watchkeeper took until the same check had proven the
recovery and the incident was closed; Monit proves nothing. The very first repair is told and not counted.

Exits with 1 when the median of the ratio within the rounds is above 1.5, or when a repair was not proven; 2 without Monit.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from bench.http_checks import started

from watchkeeper.adapters.sample import breaks, outside
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.demo_watch import client_of
from watchkeeper.faces.cli.drill.playing import Drill

BAR = 1.5
GIVE_UP_S, PROVE_WITHIN_S, READY_S = 60.0, 60.0, 120.0
LOOK_S = 0.02
EVERY_S = 1.0
APART_S = 0.06
"""Two questions of the same asker are a second apart, to within so much."""
SETTLE_S = 4.0
"""Monit's first cycles, and time for both to have seen the shop well in the last three answers."""

MONITRC = """set daemon 1
set pidfile {folder}/monit.pid
set statefile {folder}/monit.state
set idfile {folder}/monit.id
set log {folder}/monit.log
check host shop with address 127.0.0.1
    if failed port {port} protocol http request "/health" with timeout 1 seconds for 2 times within 3 cycles
        then exec "{supervisorctl} restart shop"
"""


def answers_after(port: int, fault_at: float) -> float:
    """Seconds from the fault until /health answers 200 again; it must have been down in between."""
    down, until = False, time.time() + GIVE_UP_S
    while time.time() < until:
        well = outside.request(port, "GET", "/health", timeout_s=1.0)[0] == 200
        if well and down:
            return time.time() - fault_at
        down = down or not well
        time.sleep(LOOK_S)
    raise SystemExit(f"the shop did not answer again within {GIVE_UP_S:g} s")


@contextlib.contextmanager
def monit(places: Places, folder: Path) -> Iterator[None]:
    """Monit in the foreground, with settings of its own."""
    program = shutil.which("monit")
    assert program is not None
    settings = folder / "monitrc"
    control = places.fleet / "bin/supervisorctl"
    settings.write_text(MONITRC.format(folder=folder, port=places.ports()["shop"], supervisorctl=control))
    settings.chmod(0o700)
    with started([program, "-I", "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        yield


class Round:
    """One fleet with its watch; each turn begins with everything well."""

    def __init__(self, places: Places, folder: Path) -> None:
        self._places, self._folder = places, folder
        self._drill, self._person = Drill(places, say=lambda _: None), client_of(places)

    def by_watchkeeper(self, phase: float) -> tuple[float, float, str]:
        """(seconds until it answers, seconds until that was proven, when each stage began in words).

        phase: 0 to 1, how long after a question the fault comes.
        """
        self._begin(automation=True)
        self._wait_for(phase, self._asked())
        fault_at = breaks.scenario("web-down").break_it(self._places)
        answered_s = answers_after(self._places.ports()["shop"], fault_at)
        until = time.time() + PROVE_WITHIN_S
        while time.time() < until:
            for incident in self._person.get("/incidents?limit=5")["incidents"]:
                closed_at = render.parse_time(incident["closed_at"]) if incident["closed_at"] else None
                if incident["service"] == "shop" and closed_at is not None and closed_at > fault_at:
                    if incident["ending"] != "fixed":
                        raise SystemExit(f"incident {incident['id']} ended as {incident['ending']}, not as fixed")
                    return answered_s, closed_at - fault_at, self._stages(incident, fault_at)
            time.sleep(0.1)
        raise SystemExit("the repair was not proven")

    def by_monit(self, phase: float) -> float:
        """Seconds until it answers."""
        self._begin(automation=False)
        others, begun_at = self._asked()[-1], time.time()
        with monit(self._places, self._folder):
            time.sleep(SETTLE_S)
            asked = [at for at in self._asked() if at > begun_at]
            own = [at for at in asked if APART_S < (at - others) % EVERY_S < EVERY_S - APART_S]
            self._wait_for(phase, own or asked)
            fault_at = breaks.scenario("web-down").break_it(self._places)
            return answers_after(self._places.ports()["shop"], fault_at)

    def _stages(self, incident: Mapping[str, Any], fault_at: float) -> str:
        """When each stage began, after the fault: of the incident, and from when to when each step of its run was at work."""
        named = {"opened": "opened_at", "fix begun": "fix_started_at", "last change": "last_change_at"}
        words = [_after({word: incident.get(key) for word, key in named.items()}, fault_at)]
        for run in self._person.get(f"/runs?incident={incident['id']}&limit=5")["runs"]:
            if (render.parse_time(run["created_at"]) or 0.0) < fault_at:
                continue
            for step in run["steps"]:
                times = {"from": step["started_at"], "to": step["ended_at"]}
                words.append(f"{step['plan']['id']} {_after(times, fault_at) or step['state']}")
        return "; ".join(words)

    def _asked(self) -> list[float]:
        """When the shop was asked for its health, oldest first."""
        lines = (self._places.fleet / "log/requests.jsonl").read_text(encoding="utf-8").splitlines()[-500:]
        return [each["at"] for each in map(json.loads, lines) if each["path"] == "/health"]

    def _wait_for(self, phase: float, asked: Sequence[float]) -> None:
        """Until so much of the second after a question of this asker is over."""
        if not asked:
            raise SystemExit("the shop was not asked for its health")
        time.sleep((asked[-1] + phase * EVERY_S - time.time()) % EVERY_S)

    def _begin(self, automation: bool) -> None:
        self._drill.put_right()
        client_of(self._places, "drill").post("/drill/boundary")
        self._person.post("/automation", {"on": automation, "reason": "a turn of the bench"})
        time.sleep(SETTLE_S)


def _after(times: Mapping[str, str | None], fault_at: float) -> str:
    """Each of these times, as seconds after the fault."""
    known = {words: render.parse_time(text) for words, text in times.items() if text}
    return ", ".join(f"{words} {at - fault_at:.2f}" for words, at in known.items() if at is not None)


def ready(places: Places, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(WatchkeeperError, OSError, KeyError):
            if client_of(places).get("/status")["status"]["state"] == "OK":
                return
        time.sleep(0.5)
    raise SystemExit("the demo did not come up")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if shutil.which("monit") is None:
        print("monit is not installed (apt-get install monit): no ratio")
        return 2
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-repair-")))
        places = Places.of(folder / "demo")
        command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(places.directory)]
        log = stack.enter_context((folder / "demo.log").open("w"))
        process = stack.enter_context(started([*command, "--no-browser-hint"], stdout=log, stderr=log))
        stack.callback(subprocess.run, [*command, "--stop"], stdout=log, stderr=log, check=False)
        ready(places, process)
        turns = Round(places, folder)
        answered_s, proven_s, stages = turns.by_watchkeeper(0.5)  # fills caches, of the system as well
        print(f"  first, not counted: watchkeeper {answered_s:.2f} s (proven {proven_s:.2f} s; {stages})", flush=True)
        ours, theirs, proofs = [], [], []
        for number in range(chosen.rounds):
            phase = (number + 0.5) / chosen.rounds
            answered_s, proven_s, stages = turns.by_watchkeeper(phase)
            ours.append(answered_s)
            proofs.append(proven_s)
            theirs.append(turns.by_monit(phase))
            both = f"watchkeeper {answered_s:.2f} s (proven {proven_s:.2f} s; {stages}), Monit {theirs[-1]:.2f} s"
            print(f"  round {number + 1}: {both}", flush=True)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    print(
        f"fault to answer, median: watchkeeper {statistics.median(ours):.2f} s, Monit {statistics.median(theirs):.2f} s"
    )
    print(f"  ratio {ratio:.2f} ({min(ratios):.2f}..{max(ratios):.2f}), at most {BAR:g}")
    print(
        f"  watchkeeper's proof that it holds, median: {statistics.median(proofs):.2f} s after the fault; Monit has none"
    )
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
