"""The crash suite of `bench/crashes.py`, two kills of main with twenty runs in flight on local and ssh hosts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.crashes import play

SEED = int(os.environ.get("WK_CRASH_SEED", "4711"))


@pytest.mark.timeout(300)
def test_kill_9_with_twenty_runs_in_flight_runs_every_step_once(
    requires: Callable[..., None], short_path: Path
) -> None:
    requires("sshd", "root", "netns")
    short_path.chmod(0o755)
    (short_path / "lab").mkdir(mode=0o755)
    tally = play(short_path, ("local", "ssh"), kills=2, runs=20, seed=SEED)
    print("\n".join(tally.lines()))
    assert tally.faults == []
    assert tally.marked == 0, "nothing happened to the hosts, so no step may be in doubt"
    assert tally.interrupted >= 2 * 15, "the kills met too few runs in flight to prove anything"
    assert tally.steps == tally.runs * 6
