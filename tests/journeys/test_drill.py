"""The whole product at work: every real break, unattended, on several fleets at once, through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.adapters.sample.breaks import SCENARIOS
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import fleet_pids
from watchkeeper.faces.cli.demo_watch import watch_pids

FIELDS = {
    "scenario", "expected", "outcome", "detected_s", "diagnosed_s", "fix_started_s", "verified_s", "total_s",
    "incident", "entry", "evidence", "works", "why",
}  # fmt: skip
WITHOUT_DIAGNOSIS = {"host-down"}
"""No runbook answers for a host."""


def wk(directory: Path, *words: str, timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(directory), *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_OPS")}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, dict[str, Any]]]]:
    """All scenarios, played once: (directory, results by name)."""
    directory = tmp_path_factory.mktemp("drill") / "d"
    try:
        done = wk(directory, "--drill", "all", "--json", "--port", "0", timeout=420)
    finally:
        wk(directory, "--stop", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    yield directory, {each["scenario"]: each for each in json.loads(done.stdout)["scenarios"]}


@pytest.fixture
def scenarios(drilled: tuple[Path, dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Those that could be played on this machine."""
    return {name: each for name, each in drilled[1].items() if each["outcome"] != "skipped"}


pytestmark = [pytest.mark.timeout(460), pytest.mark.xdist_group("drill")]


def test_all_are_as_expected_and_only_what_this_machine_lacks_is_skipped(
    drilled: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    assert list(drilled[1]) == list(SCENARIOS)
    for name, each in drilled[1].items():
        assert set(each) == FIELDS
        assert each["expected"] == SCENARIOS[name].expected
        assert each["why"] == SCENARIOS[name].missing()
        assert each["outcome"] == ("skipped" if each["why"] else each["expected"]), name


def test_each_has_its_incident_its_entry_and_its_diagnosis(scenarios: dict[str, dict[str, Any]]) -> None:
    for name, each in scenarios.items():
        assert each["incident"] and each["entry"], f"{name}: an incident and its entry in the log"
        if name not in WITHOUT_DIAGNOSIS:
            assert each["evidence"] >= 2, f"{name}: the diagnosis is on the incident"
            assert each["detected_s"] <= each["diagnosed_s"]


def test_orders_go_through_where_they_should_and_nowhere_else(scenarios: dict[str, dict[str, Any]]) -> None:
    assert {name: each["works"] for name, each in scenarios.items()} == {
        name: SCENARIOS[name].works for name in scenarios
    }


def test_what_was_closed_was_fixed_and_proven_in_this_order(scenarios: dict[str, dict[str, Any]]) -> None:
    for name, each in scenarios.items():
        if each["expected"] == "closed":
            assert each["diagnosed_s"] <= each["fix_started_s"] < each["verified_s"] <= each["total_s"], name


def test_where_nothing_may_be_changed_nothing_was(scenarios: dict[str, dict[str, Any]]) -> None:
    for name in ("certificate", "certificate-expired", "idle-workers", "unknown-500", "host-down"):
        assert scenarios[name]["fix_started_s"] is None, name


def test_no_process_is_left(drilled: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    first = Places.of(drilled[0])
    for places in (first, *first.siblings()):
        assert watch_pids(places) == [] and fleet_pids(places) == []
