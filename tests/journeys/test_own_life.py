"""Watchkeeper's own life: backups while it works, upgrade in place with parked and running runs, restore, heartbeat."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.house import House

import watchkeeper
from watchkeeper.faces.cli.client import Client
from watchkeeper.store import backups, versions

PARKED = [f"p{number:02d}" for number in range(20)]
EXPAND = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", {before!r}),)
    operations = (
        migrations.AddField("run", "tide", models.TextField(null=True)),
        migrations.CreateModel(
            "Tide", [("id", models.BigAutoField(primary_key=True)), ("who", models.TextField())], {{"db_table": "tide"}}
        ),
    )
"""


class Outside(http.server.BaseHTTPRequestHandler):
    """Whoever watches the watcher: counts the signs of life, and refuses them while `answer` says so."""

    heard: list[str] = []
    answer = 200

    def do_GET(self) -> None:
        self.heard.append(self.path)
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def outside() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/key-of-the-heartbeat"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, outside: str) -> Iterator[House]:
    """Twenty services that ask before they act, one that acts slowly by itself, one that is quick."""
    house = House(tmp_path_factory.mktemp("own"), every="2s")
    counter = house.root / "counter"
    for name in PARKED:
        house.service(name, mode="propose", fix=f"echo {name} >> {counter}; touch {house.flags / name}")
    house.service("slow", fix=f"echo slow >> {counter}; sleep 20; touch {house.flags / 'slow'}")
    (house.root / "heartbeat-url").write_text(outside)
    house.write("secrets.yaml", f"secrets: {{life: {{file: {house.root}/heartbeat-url}}}}\n")
    with (house.ops / "watchkeeper.yaml").open("a") as file:
        file.write("heartbeat: {url: secret:life, every: 10s}\n")
        file.write(f"backup: {{to: {house.root}/backups, every: 10s, keep: 2}}\n")
    yield house
    house.stop()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next version of the program: the same source with one expanding change in each of the three schemas."""
    tree = tmp_path_factory.mktemp("newer") / "src"
    package = Path(watchkeeper.__file__).parent
    shutil.copytree(package, tree / "watchkeeper", ignore=shutil.ignore_patterns("__pycache__"))
    store = tree / "watchkeeper/store"
    (store / "migrations/0900_tide.py").write_text(EXPAND.format(before=versions.known_changes()[-1]))
    models = store / "models/runs.py"
    column = "    entry = models.BigIntegerField(null=True)\n"
    assert models.read_text().count(column) == 1
    models.write_text(models.read_text().replace(column, column + "    tide = models.TextField(null=True)\n"))
    for path, change in (
        (store / "evidence_schema.py", "alter table chunk add column kept_at real;"),
        (store / "readings/schema.py", "alter table flip add column seen_by text;"),
    ):
        known = int(path.read_text().partition("\nVERSION = ")[2].split()[0])
        path.write_text(f"{path.read_text()}\nVERSION = {known + 1}\nMIGRATIONS[{known}] = {change!r}\n")
    return tree


def wk(house: House, *words: str, tree: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"PYTHONPATH": str(tree)} if tree else {})
    command = house.command
    return subprocess.run([*command, *words], capture_output=True, text=True, timeout=100, env=environment)


def counted(house: House) -> dict[str, int]:
    path = house.root / "counter"
    words = path.read_text().split() if path.exists() else []
    return {word: words.count(word) for word in words}


def waiting(house: House) -> list[dict]:
    return house.get("/status")["status"]["waiting"]


def databases(state: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in state.glob("*.db")}


@pytest.mark.timeout(400)
def test_own_life(house: House, newer: Path) -> None:
    """One house through its life; each part begins where the one before it ended."""
    house.start()
    house.until(house.all_ok, 60, "every check is OK")
    house.grant("slow")
    house.break_(*PARKED)
    house.until(lambda: len(waiting(house)) == 20, 90, "twenty runs wait for approval")
    house.break_("slow")
    house.until(lambda: counted(house) == {"slow": 1}, 30, "the changing step runs")

    in_the_middle = _a_backup_in_the_middle_of_a_step(house)
    _the_outside_hears_it(house)
    _upgraded_in_place_everything_goes_on(house, newer)
    _the_older_program_refuses_and_changes_nothing(house, newer)
    _back_on_the_older_program_nothing_runs_twice(house)
    _restored_elsewhere_the_step_is_found_again(house, in_the_middle)


def _a_backup_in_the_middle_of_a_step(house: House) -> Path:
    done = wk(house, "--json", "backup", "self", "--to", str(house.root / "mine"))
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["backups"]
    assert (found["open_incidents"], found["open_runs"]) == (21, 21)
    with versions.reading(Path(found["path"]) / "main.db") as main:
        (command,) = main.execute("select plan from run_step where state = 'running'").fetchall()
    assert "echo slow" in command[0], "it was made while the step ran"
    assert wk(house, "backup", "verify", str(house.root / "mine")).returncode == 0
    damaged = Path(shutil.copytree(found["path"], house.root / "damaged"))
    with (damaged / "readings.db").open("ab") as file:
        file.write(b"x")
    said = wk(house, "backup", "verify", str(damaged))
    assert said.returncode == 1 and "readings.db" in said.stderr, said.stderr
    return Path(found["path"])


def _the_outside_hears_it(house: House) -> None:
    house.until(lambda: "/key-of-the-heartbeat" in Outside.heard, 30, "the heartbeat arrives")
    scheduled = house.until(lambda: backups.find(house.root / "backups"), 60, "the schedule makes a backup")
    assert backups.verify(Path(scheduled[0].path)).open_runs >= 20
    status = house.get("/status")["status"]
    assert status["own"] == []
    findings = {each["name"]: each for each in house.get("/doctor")["doctor"]}
    assert {findings[name]["state"] for name in ("health", "heartbeat", "versions")} == {"OK"}
    assert "nothing pending" in findings["versions"]["sentence"]
    assert (
        findings["own backup"]["state"] == "WARN" and "on the disk of the state" in findings["own backup"]["sentence"]
    )
    logs = "".join(path.read_text() for path in house.root.glob("*.log"))
    assert "key-of-the-heartbeat" not in logs + json.dumps([status, findings])


def _upgraded_in_place_everything_goes_on(house: House, newer: Path) -> None:
    before = versions.versions_in(house.state)
    house.stop()
    assert counted(house) == {"slow": 1}
    house.environment = {"PYTHONPATH": str(newer)}
    house.start()
    assert house.closed("slow", 60)["ending"] == "fixed"
    assert counted(house) == {"slow": 1}
    steps = waiting(house)
    assert len({each["run"] for each in steps}) == 20
    for each in steps:
        house.post(f"/runs/{each['run']}/approve", step=each["step"], binds=each["binds"])
    house.until(lambda: not house.get("/status")["status"]["incidents"], 120, "all incidents are closed")
    assert counted(house) == dict.fromkeys(["slow", *PARKED], 1)
    assert house.get("/log/verify")["verification"]["ok"]
    with versions.reading(house.state / "main.db") as main, versions.reading(house.state / "readings.db") as readings:
        main.execute("select tide from run")
        readings.execute("select seen_by from flip")
    now = versions.versions_in(house.state)
    assert (now.main, now.evidence, now.readings) == ("0900_tide", before.evidence + 1, before.readings + 1)
    kept = backups.find(house.state / backups.BEFORE_UPGRADE)
    assert [each.manifest.versions for each in kept] == [before], "one backup for both programs, from before any change"
    assert backups.verify(Path(kept[0].path)).open_runs == 21


def _the_older_program_refuses_and_changes_nothing(house: House, newer: Path) -> None:
    house.stop()
    before = databases(house.state)
    for program in ("main", "watch"):
        words = ["--ops", str(house.ops), "--state", str(house.state)]
        command = [sys.executable, "-m", f"watchkeeper.programs.{program}", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        (line,) = [each for each in done.stderr.splitlines() if "newer watchkeeper" in each]
        assert "0900_tide" in line and "Traceback" not in done.stderr
    up = wk(house, "up")
    assert up.returncode == 2 and "0900_tide" in up.stderr
    assert databases(house.state) == before


def _back_on_the_older_program_nothing_runs_twice(house: House) -> None:
    """The backup from before the upgrade knows nothing of the approvals after it; the spool of the host does."""
    kept = str(house.state / backups.BEFORE_UPGRADE)
    refused = wk(house, "restore", "self", kept)
    assert refused.returncode == 3 and "already holds main.db" in refused.stderr
    done = wk(house, "restore", "self", kept, "--replace")
    assert done.returncode == 0, done.stderr
    house.break_("p00")
    house.environment = {}
    house.start()
    assert house.get("/automation")["automation"]["on"] is False
    held = house.until(lambda: [each for each in waiting(house) if "p00" in each["text"]], 30, "the run waits again")
    house.post(f"/runs/{held[0]['run']}/approve", step=held[0]["step"], binds=held[0]["binds"])

    def settled() -> dict | None:
        run = house.get(f"/runs/{held[0]['run']}")["run"]
        return run if run["state"] not in ("ready", "running", "parked") else None

    run = house.until(settled, 60, "the run went on")
    fix = next(step for step in run["steps"] if step["plan"]["phase"] == "fix")
    assert (fix["state"], fix["exit_code"]) == ("done", 0), "the claim of the first time was found"
    assert counted(house)["p00"] == 1, "and the command was not sent again"
    assert wk(house, "log", "verify").returncode == 0
    assert "Restored from the backup" in wk(house, "log", "list").stdout
    running = wk(house, "restore", "self", kept, "--replace")
    assert running.returncode == 5 and "in use by process" in running.stderr
    house.stop()


def _restored_elsewhere_the_step_is_found_again(house: House, backup: Path) -> None:
    """Another state directory, as on another machine that reaches the same host: the step at work is picked up."""
    (house.flags / "slow").unlink()
    house.state = house.root / "elsewhere"
    house.client = Client(str(house.state / "main.sock"), timeout_s=20)
    done = wk(house, "restore", "self", str(backup))
    assert done.returncode == 0, done.stderr
    assert "asks before it changes anything" in done.stdout
    house.start()

    def slow() -> dict | None:
        (run,) = house.incident("slow")["runs"]  # type: ignore[index]
        return run if run["steps"][1]["state"] == "done" else None

    run = house.until(slow, 60, "the step is asked for in the spool")
    assert run["steps"][1]["exit_code"] == 0 and counted(house)["slow"] == 1
    with closing(sqlite3.connect(house.state / "main.db")) as raw:
        assert raw.execute("select count(*) from incident").fetchone()[0] >= 21
    assert house.get("/log/verify")["verification"]["ok"]
    house.post("/log", title="Moved to another machine")
    titles = [entry["title"] for entry in house.get("/log")["entries"] if entry["type"] != "Incident"]
    assert titles[0] == "Moved to another machine" and titles[-1].startswith("Restored from the backup of")


@pytest.mark.timeout(300)
def test_a_watcher_that_is_not_well_says_so_and_falls_silent(house: House) -> None:
    """Follows on the house of the test above: the watch is frozen, then the outside refuses."""
    house.until(lambda: house.get("/health")["health"]["ok"], 30, "all is well")
    house.kill("watch")
    house.until(lambda: _withheld(house), 60, "the heartbeat is withheld")
    status, _headers, body = house.client.transport.request("GET", "/api/v1/health")
    assert status == 503 and "watch is not running" in json.loads(body)["health"]["faults"][0]
    heard = len(Outside.heard)
    house.start("watch")
    house.until(lambda: len(Outside.heard) > heard, 60, "the heartbeat comes back")
    Outside.answer = 500
    house.until(lambda: _not_taken(house), 60, "the refusal is shown")
    Outside.answer = 200
    shown = wk(house, "doctor").stdout
    assert "answered 500" in shown and "key-of-the-heartbeat" not in shown
    house.until(lambda: not house.get("/status")["status"]["own"], 60, "all is well again")


def _withheld(house: House) -> bool:
    told = house.get("/status")["status"]["own"]
    return any(each.startswith("No heartbeat is sent") and "watch is not running" in each for each in told)


def _not_taken(house: House) -> bool:
    return any("answered 500" in each for each in house.get("/status")["status"]["own"])
