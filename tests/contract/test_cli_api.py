"""The command line against the real API: over the socket of a running daemon, and in-process without one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.core.errors import Locked
from watchkeeper.faces.cli import client

RUNBOOK = """\
# Marker missing

## Diagnosis

```bash {"name":"look"}
ls -l "$MARKER_DIR" || echo nothing there
```

## Resolution

```bash {"name":"mark"}
echo first line; sleep 0.5; echo "made by a run" | tee -a PLACE/marker
```
"""
SERVICE = """\
service: marker
hosts: [here]
checks:
  - name: there
    command: test -e PLACE/marker
    every: 1s
    crit: exit_code != 0
respond:
  - to: [there]
    runbook: runbooks/marker.md
    mode: propose
"""


@dataclass
class House:
    """An ops repo and a way to run `wk` on it."""

    ops: Path
    environment: dict[str, str]

    def wk(self, *words: str, code: int = 0, given: str | None = None) -> str:
        """Standard output of `wk WORDS`; the exit code has to be `code`."""
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(self.ops), *words],
            capture_output=True, text=True, timeout=90, env=self.environment, check=False, input=given,
        )  # fmt: skip
        assert done.returncode == code, f"wk {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        self.said = done.stderr
        return done.stdout

    def data(self, *words: str, code: int = 0) -> Any:
        """The one JSON object of `wk WORDS --json`."""
        return json.loads(self.wk(*words, "--json", code=code))


def make_house(place: Path) -> House:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WATCHKEEPER")}
    house = House(place / "ops", {**environment, "TZ": "UTC"})
    subprocess.run(
        [sys.executable, "-m", "watchkeeper.faces.cli.program", "init", str(house.ops)], check=True, capture_output=True
    )
    (house.ops / "services" / "example.yaml").unlink()
    (house.ops / "runbooks" / "disk-full.md").unlink()
    (house.ops / "services" / "marker.yaml").write_text(SERVICE.replace("PLACE", str(place)))
    (house.ops / "runbooks" / "marker.md").write_text(
        RUNBOOK.replace("PLACE", str(place)).replace("$MARKER_DIR", str(place))
    )
    return house


@pytest.fixture(scope="module")
def daemon() -> Iterator[House]:
    place = Path(tempfile.mkdtemp(prefix="wk-cli-"))
    house = make_house(place)
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(house.ops), "up"]
    with open(place / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=house.environment)
    try:
        wait_until(lambda: (house.ops / ".watchkeeper" / "main.sock").exists() or process.poll() is not None, 60)
        assert process.poll() is None, (place / "log").read_text()
        yield house
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def alone(tmp_path: Path) -> House:
    """No daemon: the same API in the process of each command."""
    return make_house(tmp_path)


def wait_until(met: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.2)


# against a running daemon, in the order of a story


def test_the_service_fails_and_the_incident_is_seen(daemon: House) -> None:
    wait_until(lambda: bool(daemon.data("incidents")["incidents"]))
    incident = daemon.data("incidents")["incidents"][0]
    assert incident["service"] == "marker" and incident["opened_at"].endswith("Z")
    page = daemon.wk("incidents", "show", str(incident["id"]))
    assert "marker/there" in page and "Timeline" in page
    assert "marker" in daemon.wk("status", code=status_code(daemon))


def status_code(house: House) -> int:
    """1 while a check is CRIT, as `--json` tells it."""
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(house.ops), "--json", "status"],
        capture_output=True, text=True, timeout=60, env=house.environment, check=False,
    )  # fmt: skip
    states = [
        check["state"] for service in json.loads(done.stdout)["status"]["services"] for check in service["checks"]
    ]
    return int("CRIT" in states)


def test_a_dry_run_starts_nothing(daemon: House) -> None:
    before = daemon.data("runs")["runs"]
    text = daemon.wk("run", "runbooks/marker.md", "--service", "marker", "--dry-run")
    assert "echo first line; sleep 0.5;" in text and "changes on here" in text
    planned = daemon.data("run", "marker.md", "--service", "marker", "--dry-run")["run"]
    assert planned["id"] == 0 and len(planned["steps"]) == 2
    assert daemon.data("runs")["runs"] == before


def test_a_run_asks_shows_its_output_and_proves(daemon: House) -> None:
    daemon.wk("run", "runbooks/marker.md", "--service", "marker", code=2)
    assert "first line" in daemon.said and "--yes" in daemon.said
    out = daemon.wk("run", "runbooks/marker.md", "--service", "marker", "--yes")
    assert "  | first line\n  | made by a run\n" in out and "Proven" in out
    assert (daemon.ops.parent / "marker").read_text() == "made by a run\n"
    newest = daemon.data("runs")["runs"][0]
    assert newest["state"] == "proven"
    assert "made by a run" in daemon.wk("runs", "show", str(newest["id"]), "--output", "1")
    wait_until(lambda: not daemon.data("incidents")["incidents"])
    assert daemon.wk("incidents").startswith("No open incident. The one check is OK.")


def test_the_log_has_it_and_holds(daemon: House) -> None:
    wait_until(lambda: bool(daemon.data("log")["entries"]))
    number = daemon.data("log")["entries"][0]["number"]
    assert "chain " in daemon.wk("log", "show", str(number))
    added = daemon.data("log", "add", "Raised the limit", "--section", "Reason=queue grew")["entry"]
    assert added["title"] == "Raised the limit" and "queue grew" in daemon.wk("log", "show", str(added["number"]))
    assert daemon.data("log", "verify")["verification"]["ok"] is True
    assert "Raised the limit" in daemon.wk("log", "export")
    assert daemon.data("log", "list", "--text", "Raised the")["entries"][0]["number"] == added["number"]


def test_grants_and_the_kill_switch(daemon: House) -> None:
    assert daemon.wk("grant") == "No grant. Every change waits for a person.\n"
    daemon.wk("grant", "add", "marker/runbooks/marker.md", code=2)
    assert "made by a run" in daemon.said, "what it would run is shown before it is asked"
    granted = daemon.data("grant", "add", "marker/runbooks/marker.md", "--days", "7", "--yes")["grant"]
    assert "marker/runbooks/marker.md" in daemon.wk("grant", "list")
    assert daemon.data("automation", "report")["automation"]["report"]["grants"] == 1
    daemon.wk("grant", "revoke", str(granted["id"]))
    assert daemon.data("grant")["grants"][0]["revoked_at"]
    daemon.wk("automation", "off", "moving", "the", "database")
    assert "Automation is off (moving the database" in daemon.wk("automation")
    daemon.wk("automation", "on")


def test_the_rest_answers(daemon: House) -> None:
    assert "runbooks/marker.md" in daemon.wk("runbook")
    assert {"name", "state", "sentence", "next"} <= set(daemon.data("doctor", code=doctor_code(daemon))["doctor"][0])
    assert daemon.wk("open").startswith("http://127.0.0.1:")
    assert daemon.data("check", "marker")["checks"][0]["state"] == "OK"
    for words, code in (
        (["incidents", "show", "9999"], 4), (["runs", "show", "9999"], 4), (["log", "show", "9999"], 4),
        (["run", "absent.md", "--yes"], 4), (["run", "marker.md", "--service", "nosuch", "--yes"], 4),
        (["ping", "marker/there"], 4), (["grant", "add", "nosuch/x.md", "--yes"], 4), (["runs", "approve", "1"], 4),
        (["up"], 5),
    ):  # fmt: skip
        daemon.wk(*words, code=code)
        assert daemon.said.startswith("wk: ") and len(daemon.said.splitlines()) <= 2


def doctor_code(house: House) -> int:
    """This ops repo has no channel, which the doctor calls CRIT."""
    return 1


# without a daemon


def test_without_a_daemon_the_same_api_answers_in_process(alone: House) -> None:
    text = alone.wk("status", code=1)
    assert "watch" in text.lower()
    assert alone.data("runs")["runs"] == []
    entry = alone.data("log", "add", "Written without a daemon")["entry"]
    assert alone.data("log")["entries"][0]["number"] == entry["number"]
    assert alone.data("log", "verify")["verification"]["ok"] is True
    alone.wk("open", code=6)
    assert "wk up" in alone.said
    assert (alone.ops / ".watchkeeper").stat().st_mode & 0o077 == 0


def test_a_state_that_is_held_by_a_mute_process_is_said(alone: House, monkeypatch: pytest.MonkeyPatch) -> None:
    state = alone.ops / ".watchkeeper"
    state.mkdir(mode=0o700)
    monkeypatch.setattr(client, "STARTING_S", 0.5)
    with open(state / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Locked, match="does not answer on"):
            client.connect(str(alone.ops), str(state))


def test_lint_and_schema_need_no_daemon(alone: House) -> None:
    assert alone.data("lint")["mistakes"] is not None
    (alone.ops / "services" / "marker.yaml").write_text("service: marker\nchekcs: []\n")
    mistakes = alone.data("lint", "--quiet", code=1)["mistakes"]
    assert mistakes[0]["file"] == "services/marker.yaml" and mistakes[0]["line"] == 2
    assert "services/marker.yaml:2:1: error: found" in alone.wk("lint", code=1)
    assert "Did you mean 'checks'?" in alone.wk("lint", code=1)
    alone.wk("check", code=2)
    assert "services/marker.yaml:2" in alone.said
    assert set(alone.data("schema")["schemas"]) >= {"watchkeeper", "service", "hosts"}
    assert not (alone.ops / ".watchkeeper").exists()
