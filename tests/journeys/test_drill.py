"""The whole product at work: six real breaks, unattended, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import fleet_pids
from watchkeeper.faces.cli.demo_watch import watch_pids

FIELDS = {
    "scenario", "expected", "outcome", "detected_s", "diagnosed_s", "fix_started_s", "verified_s", "total_s",
    "incident", "entry", "evidence", "works",
}  # fmt: skip
CLOSED = ("worker-down", "web-down", "stuck-queue")
ESCALATED = ("bad-config", "crash-loop", "certificate")


def wk(directory: Path, *words: str, timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(directory), *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_OPS")}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)


@pytest.mark.timeout(300)
def test_six_of_six_as_expected_and_nothing_is_left(short_path: Path) -> None:
    directory = short_path / "d"
    try:
        done = wk(directory, "--drill", "all", "--json", "--port", "0", timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
        scenarios = {each["scenario"]: each for each in json.loads(done.stdout)["scenarios"]}
    finally:
        wk(directory, "--stop", timeout=60)
    assert list(scenarios) == [*CLOSED, *ESCALATED]
    for name, each in scenarios.items():
        assert set(each) == FIELDS
        assert each["outcome"] == each["expected"] == ("closed" if name in CLOSED else "escalated")
        assert each["incident"] and each["entry"], f"{name}: an incident and its entry in the log"
        assert each["evidence"] >= 2, f"{name}: the diagnosis is on the incident"
        assert each["detected_s"] <= each["diagnosed_s"] <= each["detected_s"] + 5.0
        assert each["works"] == (name in CLOSED or name == "certificate")
    for name in CLOSED:
        each = scenarios[name]
        assert each["diagnosed_s"] <= each["fix_started_s"] < each["verified_s"] <= each["total_s"]
    assert scenarios["certificate"]["fix_started_s"] is None
    assert scenarios["worker-down"]["verified_s"] < 20.0  # the bar of 8 s is measured in bench/, on a quiet machine
    places = Places.of(directory)
    assert watch_pids(places) == [] and fleet_pids(places) == []
