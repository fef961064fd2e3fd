"""kill -9 of watch, main and both, at bad moments: the run goes on, nothing is done twice, the flip and the page stay."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    counter = tmp_path / "counter"
    house.service("slow", fix=f"echo ran >> {counter}; sleep 2.5; touch {house.flags / 'slow'}")
    yield house
    house.stop()


def started(house: House) -> None:
    house.start()
    house.until(house.all_ok, 20, "every check is OK")
    house.grant("slow")


def counted(house: House) -> list[str]:
    path = house.root / "counter"
    return path.read_text().split() if path.exists() else []


def in_the_middle_of_the_step(house: House) -> None:
    house.break_("slow")
    house.until(lambda: counted(house), 15, "the changing step runs")


@pytest.mark.parametrize("victims", [("main",), ("watch",), ("watch", "main")])
def test_killed_in_the_middle_of_a_changing_step(house: House, victims: tuple[str, ...]) -> None:
    started(house)
    in_the_middle_of_the_step(house)
    house.kill(*victims)
    house.start(*victims)
    incident = house.closed("slow", 30)
    assert counted(house) == ["ran"]
    assert incident["ending"] == "fixed"
    assert [run["state"] for run in incident["runs"]] == ["proven"]
    entries = house.get("/log")["entries"]
    assert [entry["facts"].get("incident") for entry in entries] == [incident["id"]]
    house.until(
        lambda: _keys(house) >= {f"incident-{incident['id']}.0-opened", f"incident-{incident['id']}.0-closed"},
        10,
        "told",
    )


def test_a_watch_that_is_away_after_the_fix_is_no_failed_fix(house: House) -> None:
    """Longer than `prove_within` nobody looks: unknown is a state, and the fix is not done a second time."""
    started(house)
    in_the_middle_of_the_step(house)
    house.kill("watch")
    run = house.until(lambda: _verifying(house), 20, "the fix is done and waits for its proof")
    time.sleep(6)
    assert house.get(f"/runs/{run}")["run"]["state"] == "verifying"
    house.start("watch")
    incident = house.closed("slow", 30)
    assert (incident["ending"], counted(house)) == ("fixed", ["ran"])


def _verifying(house: House) -> int:
    return next((run["id"] for run in house.get("/runs")["runs"] if run["state"] == "verifying"), 0)


def _keys(house: House) -> set[str]:
    return {json.loads(page)["key"] for page in house.pages()}


def test_main_is_away_during_the_flip_and_nothing_is_lost(house: House) -> None:
    started(house)
    house.kill("main")
    house.break_("slow")
    time.sleep(3)
    house.start("main")
    incident = house.closed("slow", 30)
    assert counted(house) == ["ran"]
    flips = [event for event in incident["timeline"] if event["kind"] == "flip"]
    assert len({event["detail"]["seq"] for event in flips}) == len(flips)


def test_the_time_the_watch_was_away_is_unknown(house: House) -> None:
    started(house)
    house.kill("watch")
    time.sleep(7)
    status = house.get("/status")["status"]
    assert status["watch"]["running"] is False
    assert status["sentence"].startswith("Nobody is watching")
    house.start("watch")
    gaps = house.until(lambda: _gaps(house), 20, "the gap is kept")
    assert len(gaps) == 1
    assert gaps[0][1] - gaps[0][0] >= 6
    house.until(house.all_ok, 20, "it watches again")


def _gaps(house: House) -> list[tuple[float, float]]:
    with sqlite3.connect(house.state / "readings.db") as readings:
        return list(readings.execute("select start_at, end_at from gap"))


def test_killed_again_and_again_the_step_still_runs_once(house: House) -> None:
    started(house)
    in_the_middle_of_the_step(house)
    for _ in range(3):
        house.kill("main")
        house.start("main")
    house.closed("slow", 30)
    assert counted(house) == ["ran"]


def test_a_second_main_on_the_same_state_is_refused(house: House) -> None:
    started(house)
    command = [
        sys.executable,
        "-m",
        "watchkeeper.programs.main",
        "--ops",
        str(house.ops),
        "--state",
        str(house.state),
        "--port",
        "0",
    ]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert second.returncode == 5
    assert "is in use by process" in second.stderr
