"""Faults by other hands than the drill's, on a demo that runs: they end the same way, and nobody is told twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.adapters.sample import breaks, outside
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import command_line, fleet_pids, program
from watchkeeper.faces.cli.demo_watch import client_of, watch_pids
from watchkeeper.faces.cli.drill import Drill, tried, was_told


def demo(directory: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(directory), *words]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """`wk demo` in the foreground, as a person starts it; at the end stopped from another terminal."""
    directory = tmp_path_factory.mktemp("demo") / "d"
    found = Places.of(directory)
    with subprocess.Popen(
        demo(directory, "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            greeting = []
            for line in process.stdout:
                greeting.append(line)
                if "Ctrl-C ends" in line:
                    break
            assert "/enter?key=" in "".join(greeting), "".join(greeting)
            yield found
        finally:
            subprocess.run(demo(directory, "--stop"), capture_output=True, timeout=90)
    assert process.returncode == 0
    assert watch_pids(found) == [] and fleet_pids(found) == []


@pytest.fixture
def since(places: Places) -> float:
    """All is well now; the time from which a test's incident counts."""
    Drill(places, say=lambda _: None).put_right()
    client_of(places, "drill").post("/drill/boundary")
    return time.time()


def wait_for(
    places: Places, service: str, since: float, until: Callable[[dict[str, Any]], bool], seconds: float
) -> dict[str, Any]:
    """The newest incident of that service once `until` holds for it."""
    drill = Drill(places, say=lambda _: None)
    deadline = time.monotonic() + seconds
    seen: dict[str, Any] = {}
    while time.monotonic() < deadline:
        number = drill.newest(service, since)
        if number is not None:
            seen = drill.look(number)
            if until(seen):
                return seen
        time.sleep(0.1)
    pytest.fail(f"{service}: it did not come to that within {seconds:g} s: {seen}")


def generation(places: Places) -> int:
    """How often the worker was started."""
    with sqlite3.connect(places.database, timeout=10) as database:
        return int(database.execute("select generation from worker where name = 'worker-1'").fetchone()[0])


def closed(incident: dict[str, Any]) -> bool:
    return incident["status"] == "closed"


def escalated(incident: dict[str, Any]) -> bool:
    return bool(incident["escalated_at"]) and was_told(incident)


def test_a_frozen_worker_is_found_and_started_again(places: Places, since: float) -> None:
    os.kill(int(program(places, "worker")["pid"]), signal.SIGSTOP)
    incident = wait_for(places, "worker", since, closed, 40)
    assert incident["ending"] == "fixed"
    assert outside.works(places.ports())


def test_without_the_supervisors_socket_the_fix_fails_and_a_person_is_told(places: Places, since: float) -> None:
    pid = int(program(places, "worker")["pid"])
    places.supervisor_socket.unlink()
    os.kill(pid, signal.SIGKILL)
    incident = wait_for(places, "worker", since, escalated, 40)
    assert incident["status"] == "open" and len(tried(incident)) == 1
    breaks.heal(places)
    assert outside.works(places.ports())


def test_kill_of_both_programs_in_mid_run_loses_nothing_and_does_nothing_twice(places: Places, since: float) -> None:
    before = generation(places)
    os.kill(int(program(places, "worker")["pid"]), signal.SIGKILL)
    wait_for(places, "worker", since, lambda incident: bool(incident["runs"]), 20)
    for pid in watch_pids(places):
        if "watchkeeper.programs.supervisor" not in command_line(pid):
            os.kill(pid, signal.SIGKILL)
    incident = wait_for(places, "worker", since, closed, 60)
    assert outside.works(places.ports())
    changing = [
        step
        for run in incident["runs"]
        for step in run["steps"]
        if step["plan"]["phase"] == "fix" and step["started_at"]
    ]
    assert len(changing) == 1 and changing[0]["state"] == "done"
    assert generation(places) == before + 1, "each start of the worker is one generation"


def test_a_second_demo_says_that_one_runs(places: Places) -> None:
    done = subprocess.run(demo(places.directory), capture_output=True, text=True, timeout=60)
    assert done.returncode == 5 and "--stop" in done.stderr
