"""Node deaths: two `wk up` on one PostgreSQL, one of them dies again and again in the middle of runs.

python bench/nodes.py [deaths] [runs]      50 deaths of 20 runs each: SIGKILL and SIGSTOP (then SIGCONT) in turn

Each run has two changing steps on a host of its own, and each step leaves a line where it really ran. Printed: how long
until the runs of a dead node were at work on the other one, and how many steps ran twice, were lost or got stuck.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.fixtures.postgresql import postgresql_server  # noqa: E402
from tests.house import House  # noqa: E402
from tests.nodes import Node, Tally, die, prepare_runs  # noqa: E402


def main(deaths: int, runs: int, seed: int) -> int:
    """Exit code 1 when a step ran twice, was lost or got stuck, or when the other node took longer than 10 s."""
    chance, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(prefix="wk-nodes-") as folder, postgresql_server() as url:
        house = House(Path(folder))
        prepare_runs(house, runs, sleep_s=1.0)
        nodes = [Node(house, name, url) for name in ("a", "b")]
        try:
            for node in nodes:
                node.start("watch", "main")
            for number in range(deaths):
                victim, survivor = (nodes[number % 4 // 2], nodes[1 - number % 4 // 2])
                kind = ("kill", "freeze")[number % 2]
                die(house, victim, survivor, kind, runs, tally, chance)
                print(
                    f"{time.strftime('%H:%M:%S')} death {number + 1:3} {kind:6} of {victim.root.name}:"
                    f" its runs went on after {tally.took_over_s[-1]:.1f} s;"
                    f" {len(tally.twice)} twice, {len(tally.lost)} lost, {len(tally.stuck)} stuck so far",
                    flush=True,
                )
        finally:
            for node in nodes:
                node.end()
            if tally.twice or tally.lost or tally.stuck or tally.deaths < deaths:
                for node in nodes:
                    print(f"--- {node.root.name}\n{node.log()[-6000:]}")
    took = sorted(tally.took_over_s)
    print(f"deaths                    {tally.deaths}")
    print(f"runs in flight            {tally.runs}, of which at work on the dead node {tally.interrupted}")
    print(f"goes on after, s          median {statistics.median(took):.1f}, longest {took[-1]:.1f}  (bar: 10)")
    print(f"steps that ran twice      {len(tally.twice)}  {tally.twice[:5]}")
    print(f"steps that were lost      {len(tally.lost)}  {tally.lost[:5]}")
    print(f"runs that got stuck       {len(tally.stuck)}  {tally.stuck[:5]}")
    return int(bool(tally.twice or tally.lost or tally.stuck) or took[-1] > 10.0)


if __name__ == "__main__":
    asked = [int(each) for each in sys.argv[1:3]] + [50, 20][len(sys.argv[1:3]) :]
    sys.exit(main(*asked, seed=int(sys.argv[3]) if len(sys.argv) > 3 else 1))
