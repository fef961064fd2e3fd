"""The sample's container on a real Docker API: made of this machine's own files, killed, started again, taken away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.containers import ContainerLab

from watchkeeper.adapters.sample import breaks, containers, fleet
from watchkeeper.adapters.sample.places import Places

pytestmark = pytest.mark.needs("podman", "root")


@pytest.fixture
def docker(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerLab]:
    """A Docker API that programs find by DOCKER_HOST."""
    lab = ContainerLab(short_path / "p")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{lab.socket}")
    containers._trial.cache_clear()
    try:
        yield lab
    finally:
        containers._trial.cache_clear()
        lab.close()


@pytest.mark.timeout(180)
def test_the_drill_closes_a_killed_container_and_leaves_none(docker: ContainerLab, short_path: Path) -> None:
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "demo", "--dir", str(short_path / "d"),
               "--port", "0", "--drill", "container-down", "--json"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
    (played,) = json.loads(done.stdout)["scenarios"]
    assert played["outcome"] == "closed" and played["works"] and played["evidence"] >= 2
    assert docker.call("ps", "-a", "--format", "{{.Names}}") == ""
    assert docker.call("images", "-a", "--quiet") == ""


def test_a_fleet_tells_of_its_container_only_while_there_is_one(
    docker: ContainerLab, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Places.of(short_path / "d")
    service = own.ops / "services" / "cranes.yaml"
    assert containers.missing() == ""
    try:
        fleet.start(own)
        assert fleet.wait_until_well(own)
        assert containers.works(own) and containers.name_of(own) in service.read_text()
        tool = str(own.fleet / "bin" / "cranes")
        said = subprocess.run([tool, "logs"], capture_output=True, text=True, timeout=20)
        assert said.returncode == 0 and "cranes: open on port" in said.stdout
        breaks.SCENARIOS["container-down"].break_it(own)
        said = subprocess.run([tool, "status"], capture_output=True, text=True, timeout=20)
        assert said.returncode == 1 and "exit code 137" in said.stdout
        docker.call("rm", "-f", containers.name_of(own))
        breaks.heal(own)
        assert containers.works(own), "one that was removed is made anew"
        fleet.stop(own)
        assert docker.call("ps", "-a", "--format", "{{.Names}}") == ""
        monkeypatch.setenv("DOCKER_HOST", f"unix://{short_path}/nothing.sock")
        fleet.start(own)
        assert not service.exists() and not containers.works(own)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=own.ops, capture_output=True, text=True)
        assert (status.returncode, status.stdout) == (0, "")
    finally:
        fleet.stop(own)


@pytest.mark.skipif(os.path.exists("/var/run/docker.sock"), reason="this machine has a Docker API of its own")
def test_without_an_api_the_scenario_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    containers._trial.cache_clear()
    try:
        assert containers.missing().startswith("There is no Docker API on this machine")
    finally:
        containers._trial.cache_clear()
