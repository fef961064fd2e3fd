"""kill -9 of main again and again while twenty runs are in flight: nothing twice, nothing lost, nothing stuck.

    python bench/crashes.py [KILLS] [RUNS] [--hosts local,ssh] [--seed N]

The real main program on an ops repo of its own; local hosts, and hosts of a real sshd (needs root and sshd). Every run has
six changing steps of 0 to 3 s that write "TOKEN STEP begin" and "TOKEN STEP end" into a file on their host. Main is killed at
random moments, right after the begin of a step, or right after its end; at every third kill the ssh sessions are killed
too. It is started again at once, and runs that have ended are replaced by new ones. A kill that meets fewer runs is made up
for by more kills, until KILLS x RUNS runs were interrupted. Exits with 1 when a step began twice, a
run was lost or is stuck, an output is not whole, or a run was taken up later than 10 s after main answered again.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.house import House
from tests.lab.ssh_hosts import SshLab, SshLabHost

KILLS, RUNS = 50, 20
RESUMED_S = 10.0
SECONDS = ((0, 0.05, 2, 0, 3, 0.5), (0.05, 3, 0.05, 1, 0, 2), (1, 0.5, 3, 0.05, 0.05, 2))
MOMENTS = ("at random", "after a begin", "after an end")
ENDED = ("done", "proven")
MARKED = ("parked",)


@dataclass
class Tally:
    """What was seen. resumed_s: from main answering again to each interrupted run being taken up or at its end."""

    interrupted: int = 0
    resumed_s: list[float] = field(default_factory=list)
    started_s: list[float] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    cut_output: list[str] = field(default_factory=list)
    runs: int = 0
    steps: int = 0
    marked: int = 0

    @property
    def faults(self) -> list[str]:
        late = [f"a run was taken up {s:.1f} s after main answered" for s in self.resumed_s if s > RESUMED_S]
        return [*self.twice, *self.lost, *self.stuck, *self.cut_output, *late]

    def lines(self) -> list[str]:
        resumed = sorted(self.resumed_s) or [0.0]
        middle, p95 = resumed[len(resumed) // 2], resumed[min(len(resumed) - 1, int(len(resumed) * 0.95))]
        answered = sorted(self.started_s)[len(self.started_s) // 2]
        bad = f"steps twice {len(self.twice)}, runs lost {len(self.lost)}, stuck {len(self.stuck)}"
        taken_up = f"taken up after main answered: p50 {middle:.2f} s, p95 {p95:.2f} s, max {resumed[-1]:.2f} s"
        return [
            f"{self.interrupted} interrupted runs ({self.runs} runs, {self.steps} steps, {len(self.started_s)} kills)",
            f"{bad}, outputs not whole {len(self.cut_output)}, marked for a person {self.marked}",
            f"{taken_up} (at most {RESUMED_S:g}); main answered {answered:.2f} s after its start",
        ]


class Suite:
    """One house with many hosts that are one or two real ones, so that many steps are at work at the same time."""

    def __init__(self, root: Path, kinds: Sequence[str], runs: int, lab: SshLabHost | None) -> None:
        self.counters = root / "counters"
        self.counters.mkdir(parents=True)
        self.house = House(root / "house")
        self.lab = lab
        self.runs = runs
        self.tally = Tally()
        self.tokens: dict[int, str] = {}
        self.spool = Path("/var/tmp") / f"wk-crashes-{uuid.uuid4().hex[:8]}"
        self.hosts = [f"{kinds[number % len(kinds)]}{number}" for number in range(runs)]
        lines = [f"  {name}: {self._reach(name)}\n" for name in self.hosts]
        self.house.write("hosts.yaml", "hosts:\n" + "".join(lines))
        for number, name in enumerate(self.hosts):
            self.house.write(f"runbooks/{name}.md", self._runbook(name, SECONDS[number % len(SECONDS)]))

    def _reach(self, name: str) -> str:
        if name.startswith("ssh"):
            return "{ssh: root@far}"
        return f"{{local: true, spool: {self.spool}}}"

    def _runbook(self, name: str, seconds: Sequence[float]) -> str:
        blocks = [
            f'```bash {{host={name}}}\nF={self.counters}/$TOKEN\necho "$TOKEN s{number} begin" >>"$F"\nsleep {pause}\n'
            f'echo "$TOKEN s{number} end" >>"$F"; echo "$TOKEN s{number} said"\n```\n'
            for number, pause in enumerate(seconds)
        ]
        return f"# Lane {name}\n\n**Solution:**\n\n" + "\n".join(blocks)

    # ---- in flight -------------------------------------------------------------------------------------------------

    def top_up(self) -> None:
        """Start runs until as many are in flight as there are lanes."""
        busy = {row["plan"] for row in self.rows() if row["state"] not in (*ENDED, *MARKED, "failed", "cancelled")}
        for name in self.hosts:
            if name not in busy:
                token = f"{name}-{uuid.uuid4().hex[:8]}"
                run = self.house.post("/runs", runbook=f"runbooks/{name}.md", params={"TOKEN": token})["run"]
                self.tokens[int(run["id"])] = token

    def rows(self) -> list[dict[str, Any]]:
        """The run rows as they are on the disk; main need not be alive. plan: the lane."""
        with closing(sqlite3.connect(f"file:{self.house.state}/main.db?mode=ro", uri=True, timeout=10)) as store:
            found = store.execute("select id, state, fence, json_extract(plan, '$.runbook') from run").fetchall()
        return [
            {"id": number, "state": state, "fence": fence, "plan": Path(book).stem}
            for number, state, fence, book in found
        ]

    def _in_flight(self) -> dict[int, int]:
        return {row["id"]: row["fence"] for row in self.rows() if row["state"] in ("ready", "running")}

    # ---- killing -----------------------------------------------------------------------------------------------------

    def kill(self, number: int, chance: random.Random) -> None:
        """One kill at its moment, the restart, and the wait until every interrupted run is taken up."""
        moment = MOMENTS[number % len(MOMENTS)]
        time.sleep(chance.uniform(0.05, 1.5))
        if moment != MOMENTS[0]:
            self._until_line("begin" if moment == MOMENTS[1] else "end")
        self.house.kill("main")
        if self.lab is not None and number % 3 == 2:
            self.lab.cut()
        before = self._in_flight()
        self.tally.interrupted += len(before)
        begun = time.monotonic()
        self.house.start("main")
        answered = time.monotonic()
        self.tally.started_s.append(answered - begun)
        left = dict(before)
        while left and time.monotonic() - answered < 60:
            for row in self.rows():
                fence = left.get(row["id"])
                if fence is not None and (row["fence"] > fence or row["state"] not in ("ready", "running")):
                    del left[row["id"]]
                    self.tally.resumed_s.append(time.monotonic() - answered)
            time.sleep(0.05)
        self.tally.stuck += [f"run {each} was not taken up within 60 s of kill {number}" for each in left]
        print(f"  kill {number + 1} {moment}: {len(before)} in flight, "
              f"all taken up {time.monotonic() - answered:.2f} s after main answered", flush=True)  # fmt: skip

    def _until_line(self, word: str) -> None:
        def lines() -> int:
            return sum(path.read_text().count(f" {word}\n") for path in self.counters.iterdir())

        before, deadline = lines(), time.monotonic() + 4
        while lines() == before and time.monotonic() < deadline:
            time.sleep(0.005)

    # ---- the end -----------------------------------------------------------------------------------------------------

    def settle(self, limit_s: float = 120) -> None:
        """Wait until nothing is in flight."""
        deadline = time.monotonic() + limit_s
        while (left := self._in_flight()) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.tally.stuck += [f"run {number} has not ended after {limit_s:g} s" for number in left]

    def judge(self) -> None:
        """Count every step of every run on its host, and read every output."""
        states = {row["id"]: row["state"] for row in self.rows()}
        self.tally.runs = len(self.tokens)
        for number, token in self.tokens.items():
            state = states.get(number, "nowhere")
            file = self.counters / token
            seen = Counter(file.read_text().splitlines()) if file.exists() else Counter[str]()
            self.tally.steps += len([line for line in seen if line.endswith("begin")])
            self.tally.twice += [f"run {number}: {line}: {times} times" for line, times in seen.items() if times > 1]
            if state in MARKED:
                self.tally.marked += 1
            elif state not in ENDED:
                self.tally.lost.append(f"run {number} is {state}: {self._why(number)}")
            else:
                self._judge_whole(number, token, seen)

    def _judge_whole(self, number: int, token: str, seen: Counter[str]) -> None:
        for step in range(len(SECONDS[0])):
            if not seen[f"{token} s{step} begin"] or not seen[f"{token} s{step} end"]:
                self.tally.lost.append(f"run {number}: step s{step} never ran")
            said = self.house.client.raw("GET", f"/runs/{number}/steps/{step}/output")[1]
            if said != f"{token} s{step} said\n".encode():
                self.tally.cut_output.append(f"run {number}: output of s{step} is {said[:80]!r}")

    def _why(self, number: int) -> str:
        try:
            return str(self.house.get(f"/runs/{number}")["run"]["message"])
        except Exception as error:  # the report goes on
            return str(error)


def play(root: Path, kinds: Sequence[str], kills: int, runs: int, seed: int) -> Tally:
    """The whole suite. root: an empty directory with a short name."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        lab = None
        if "ssh" in kinds:
            ssh = SshLab(root / "lab")
            stack.callback(ssh.close)
            lab = ssh.add("far", settings="MaxSessions 10\nMaxStartups 10:30:100")
        suite = Suite(root, kinds, runs, lab)
        stack.callback(shutil.rmtree, suite.spool, ignore_errors=True)
        stack.callback(suite.house.stop)
        if lab is not None:
            (root / "home/.ssh").mkdir(parents=True)
            shutil.copy(root / "lab/ssh_config", root / "home/.ssh/config")
            suite.house.environment = {"HOME": str(root / "home")}
        suite.house.start("main")
        number = 0
        while number < kills or (suite.tally.interrupted < kills * runs and number < 2 * kills):
            suite.top_up()
            suite.kill(number, chance)
            number += 1
        suite.settle()
        suite.judge()
        return suite.tally


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 of main with many runs in flight.")
    parser.add_argument("kills", nargs="?", type=int, default=KILLS)
    parser.add_argument("runs", nargs="?", type=int, default=RUNS)
    parser.add_argument("--hosts", default="local,ssh", help="kinds of hosts: local, ssh")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}, hosts {given.hosts}, {given.kills} kills, {given.runs} runs in flight")
    with tempfile.TemporaryDirectory(prefix="wk-crashes-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "lab").mkdir(mode=0o755)
        tally = play(Path(folder), given.hosts.split(","), given.kills, given.runs, given.seed)
    print("\n".join([*tally.lines(), *tally.faults[:40]]))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
