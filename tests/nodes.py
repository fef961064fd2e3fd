"""Several nodes on one PostgreSQL: each a real watch and main with a state directory of its own, over one ops repo."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from tests.house import House

from watchkeeper.core.errors import NoAnswer
from watchkeeper.faces.cli.client import Client

COUNTING = """# Count

**Solution:**

```bash
echo "$$ $(date +%s.%N)" >> {counter}/one
sleep {sleep_s}
```

```bash
echo "$$ $(date +%s.%N)" >> {counter}/two
sleep {sleep_s}
```
"""
STEPS = ("one", "two")
DECLARED_DEAD = 75


class Node(House):
    """One `wk up` over the ops repo of a House that itself is never started. copy: it has a checkout of its own."""

    def __init__(self, first: House, name: str, url: str, copy: bool = False) -> None:
        self.root, self.ops, self.flags, self.url = first.root / name, first.ops, first.flags, url
        self.root.mkdir()
        self.state = self.root / "state"
        if copy:
            self.ops = self.root / "ops"
            shutil.copytree(first.ops, self.ops)
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {"DATABASE_URL": url, **first.environment}
        self.port = "0"
        self.client = self.admin = Client(str(self.state / "main.sock"), timeout_s=20, token="")

    @property
    def id(self) -> str:
        """Its name in the node table."""
        return (self.state / "node.id").read_text().strip()

    def send(self, number: signal.Signals) -> None:
        """A signal to both of its programs."""
        for program in self.programs.values():
            program.send_signal(number)

    def end(self) -> None:
        """In order, also when it is frozen."""
        for program in self.programs.values():
            if program.poll() is None:
                program.send_signal(signal.SIGCONT)
        self.stop()

    def log(self, name: str = "main") -> str:
        """What a program said."""
        return (self.root / f"{name}.log").read_text()

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Rows of the shared database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def until(holds: Callable[[], object], limit_s: float, what: str) -> float:
    """Seconds until it was true."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > limit_s:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


# ---- runs whose every step leaves a line where it ran ---------------------------------------------------------------


def prepare_runs(house: House, count: int, sleep_s: float) -> None:
    """`count` services with a host, a runbook of two changing steps, and a folder for their lines each."""
    hosts = "".join(f"  h{number}: {{local: true}}\n" for number in range(count))
    house.write("hosts.yaml", f"hosts:\n  app1: {{local: true}}\n{hosts}")
    for number in range(count):
        house.write(f"services/run{number}.yaml", f"service: run{number}\nhosts: [h{number}]\n")
        counter = house.root / "lines" / str(number)
        counter.mkdir(parents=True)
        house.write(f"runbooks/run{number}.md", COUNTING.format(counter=counter, sleep_s=sleep_s))


def start_run(node: Node, number: int) -> int:
    """Start run `number` by hand at a node; the id of the run. A lost answer is looked up, so none is started twice."""
    newest = "SELECT coalesce(max(id), 0) FROM run WHERE plan LIKE %s"
    of_this = f'%"runbooks/run{number}.md"%'
    ((before,),) = node.ask(newest, of_this)
    while True:
        try:
            return int(node.post("/runs", runbook=f"run{number}.md", service=f"run{number}")["run"]["id"])
        except NoAnswer:
            time.sleep(1.0)
            ((now,),) = node.ask(newest, of_this)
            if now != before:
                return int(str(now))


def lines(house: House, number: int) -> tuple[int, ...]:
    """How often each of its steps really ran until now."""
    folder = house.root / "lines" / str(number)
    return tuple(len((folder / step).read_text().splitlines()) if (folder / step).exists() else 0 for step in STEPS)


# ---- deaths ---------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What many deaths did. took_over_s: from a death until every run it had was at work elsewhere."""

    runs: int = 0
    interrupted: int = 0
    deaths: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    took_over_s: list[float] = field(default_factory=list)


def die(house: House, victim: Node, survivor: Node, kind: str, runs: int, tally: Tally, chance: random.Random) -> None:
    """Start runs at both nodes, let one die in their middle (``kill`` or ``freeze``), and see what becomes of them."""
    before = [lines(house, number) for number in range(runs)]
    ids = [start_run((victim, survivor)[number % 2], number) for number in range(runs)]
    mine = "SELECT id, fence FROM run WHERE state = 'running' AND node = %s"
    until(lambda: victim.ask(mine, victim.id), 30, "the victim has runs at work")
    time.sleep(chance.uniform(0.0, 2.5))
    held = dict(victim.ask(mine, victim.id))
    if kind == "kill":
        victim.kill(*victim.programs)
    else:
        victim.send(signal.SIGSTOP)
    waiting = "SELECT count(*) FROM run WHERE id = ANY(%s) AND node = %s AND state = 'running'"
    ready = "SELECT count(*) FROM run WHERE id = ANY(%s) AND state = 'ready' AND fence > 0"

    def gone_on() -> bool:
        return not (victim.ask(waiting, list(held), victim.id)[0][0] or victim.ask(ready, list(held))[0][0])

    tally.took_over_s.append(until(gone_on, 30, f"the runs {sorted(held)} go on"))
    if kind == "freeze":
        time.sleep(chance.uniform(0.0, 2.0))
        victim.send(signal.SIGCONT)
        assert victim.programs["main"].wait(30) == DECLARED_DEAD
        victim.kill("watch")
    victim.start("watch", "main")
    over = "SELECT count(*) FROM run WHERE id = ANY(%s) AND state IN ('ready', 'running')"
    try:
        until(lambda: not victim.ask(over, ids)[0][0], 120, "every run ends")
    except AssertionError:
        tally.stuck += [f"run {number}" for (number,) in victim.ask(over.replace("count(*)", "id"), ids)]
    tally.deaths, tally.runs, tally.interrupted = tally.deaths + 1, tally.runs + runs, tally.interrupted + len(held)
    for number in range(runs):
        for step, was, now in zip(STEPS, before[number], lines(house, number), strict=True):
            (tally.twice if now > was + 1 else tally.lost if now == was else []).append(f"run {ids[number]} {step}")
    for number, state, message in victim.ask(
        "SELECT id, state, message || parked_why FROM run WHERE id = ANY(%s) AND state <> 'done'", ids
    ):
        tally.stuck.append(f"run {number} is {state}: {message}")
