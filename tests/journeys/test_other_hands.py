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


def told(incident: dict[str, Any], kind: str) -> bool:
    """Whether a message of that kind reached somebody."""
    return any(each["message"]["kind"] == kind and each["delivered_at"] for each in incident["notifications"])


def no_answer_twice(incident: dict[str, Any]) -> bool:
    """A dead worker shows as stuck jobs too: two answers may run, one after the other, but none of them twice."""
    answers = [run["response"] for run in tried(incident)]
    return 1 <= len(answers) == len(set(answers))


def escalated(incident: dict[str, Any]) -> bool:
    return bool(incident["escalated_at"]) and was_told(incident)


def test_a_frozen_worker_is_found_and_started_again(places: Places, since: float) -> None:
    os.kill(int(program(places, "worker")["pid"]), signal.SIGSTOP)
    incident = wait_for(places, "worker", since, closed, 40)
    assert incident["ending"] == "fixed"
    assert outside.works(places.ports())


@pytest.mark.needs("chromium")
def test_a_new_user_sees_it_break_and_heal_on_the_page(places: Places, since: float) -> None:
    from playwright.sync_api import sync_playwright

    link = client_of(places).post("/links")["link"]["url"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page, heard = browser.new_page(), list[str]()
        page.on("console", lambda message: heard.append(message.text))
        page.goto(link)
        page.get_by_text("Nobody has an account here yet").wait_for()
        sentence = page.locator("#now")
        assert "CRIT" not in sentence.inner_text()
        os.kill(int(program(places, "worker")["pid"]), signal.SIGKILL)
        page.locator("#now", has_text="worker").locator("text=CRIT").first.wait_for(timeout=30_000)
        page.locator("#open a", has_text="worker").first.click(timeout=30_000)
        page.get_by_text("fixed and proven").first.wait_for(timeout=60_000)
        page.get_by_role("link", name="Bridge", exact=True).first.click()
        page.locator("#now", has_text="checks are OK").wait_for(timeout=60_000)
        browser.close()
    assert heard == []
    assert wait_for(places, "worker", since, closed, 40)["ending"] == "fixed"


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
        if step["plan"]["id"] == "restart" and step["started_at"]
    ]
    assert len(changing) == 1 and changing[0]["state"] == "done"
    assert generation(places) == before + 1, "each start of the worker is one generation"


def test_a_second_demo_says_that_one_runs(places: Places) -> None:
    done = subprocess.run(demo(places.directory), capture_output=True, text=True, timeout=60)
    assert done.returncode == 5 and "--stop" in done.stderr


def output_of(places: Places, incident: dict[str, Any], step: int) -> str:
    """What a step of the incident's newest run printed, as it was kept."""
    _headers, output = client_of(places).raw("GET", f"/runs/{incident['runs'][0]['id']}/steps/{step}/output")
    return output.decode()


def test_a_hung_shop_and_a_dead_worker_at_once_are_both_fixed(places: Places, since: float) -> None:
    os.kill(int(program(places, "shop")["pid"]), signal.SIGSTOP)
    os.kill(int(program(places, "worker")["pid"]), signal.SIGKILL)
    for service in ("shop", "worker"):
        incident = wait_for(places, service, since, closed, 45)
        assert incident["ending"] == "fixed" and no_answer_twice(incident)
    assert outside.works(places.ports())


def test_a_locked_database_is_one_incident_of_the_database_and_nothing_is_restarted(
    places: Places, since: float
) -> None:
    before = [program(places, name)["pid"] for name in ("shop", "worker")]
    with sqlite3.connect(places.database, timeout=10, isolation_level=None) as holder:
        holder.execute("begin exclusive")
        incident = wait_for(places, "shop-db", since, escalated, 20)
        time.sleep(4.0)  # by now shop and worker fail as well
        assert [program(places, name)["pid"] for name in ("shop", "worker")] == before
        for service in ("shop", "worker"):
            number = Drill(places).newest(service, since)
            assert number is None or not tried(Drill(places).look(number)), "held, or asked: never restarted"
        assert "database is locked" in output_of(places, incident, 0)
        assert f"process {os.getpid()}:" in output_of(places, incident, 1), "the diagnosis names who holds it"
        holder.execute("rollback")
    holder.close()
    incident = wait_for(places, "shop-db", since, closed, 20)
    assert incident["ending"] == "recovered_by_itself"
    assert outside.works(places.ports())


def test_a_frozen_stock_database_is_ended_before_its_lock_goes_and_a_new_one_starts(
    places: Places, since: float
) -> None:
    before = int(program(places, "stock")["pid"])
    os.kill(before, signal.SIGSTOP)
    incident = wait_for(places, "stock", since, closed, 45)
    assert incident["ending"] == "fixed"
    assert int(program(places, "stock")["pid"]) != before and not command_line(before)
    assert outside.works(places.ports())


def test_a_folder_full_of_young_sheets_is_left_alone_and_a_person_is_told(places: Places, since: float) -> None:
    foreign = places.exports / "notes-of-bram.txt"
    foreign.write_bytes(b"x" * 2_000_000)
    os.utime(foreign, (0, 0))
    try:
        incident = wait_for(places, "exports", since, escalated, 40)
        assert incident["status"] == "open" and len(foreign.read_bytes()) == 2_000_000
        assert "not one of ours, stays" in output_of(places, incident, 1)
    finally:
        foreign.unlink()
    assert wait_for(places, "exports", since, closed, 25)["ending"] == "recovered_by_itself"
    assert outside.works(places.ports())


def test_a_full_log_folder_is_emptied_only_after_an_approval_and_then_proven(places: Places, since: float) -> None:
    full = places.fleet / "log" / "requests.jsonl.1"
    full.write_bytes(b"x" * 20_500_000)
    incident = wait_for(places, "shop", since, lambda found: bool(found["runs"]) and _waits(found), 25)
    assert full.exists()
    wait_for(places, "shop", since, lambda found: told(found, "approval"), 10)
    client_of(places).post(f"/runs/{incident['runs'][0]['id']}/approve", {})
    incident = wait_for(places, "shop", since, closed, 30)
    assert incident["ending"] == "fixed" and not full.exists()


def _waits(incident: dict[str, Any]) -> bool:
    return bool(incident["runs"][0]["state"] == "parked")


def test_a_foreign_file_in_the_data_folder_is_never_deleted_and_a_person_is_told(places: Places, since: float) -> None:
    foreign = places.database.parent / "copy-of-bram.db"
    foreign.write_bytes(b"x" * 60_000_000)
    try:
        incident = wait_for(places, "shop-db", since, escalated, 25)
        assert incident["status"] == "open" and not tried(incident)
        assert "copy-of-bram.db" in output_of(places, incident, 0)
        assert foreign.exists()
    finally:
        foreign.unlink()
    assert wait_for(places, "shop-db", since, closed, 25)["ending"] == "recovered_by_itself"


def test_an_edited_configuration_is_the_first_suspect_and_stays_as_it_is(places: Places, since: float) -> None:
    text = places.settings_file.read_text()
    places.settings_file.write_text(text.replace("CURRENCY=EUR", "CURRENCY=euro"))
    os.kill(int(program(places, "shop")["pid"]), signal.SIGKILL)
    incident = wait_for(places, "shop", since, escalated, 40)
    assert "euro" in places.settings_file.read_text(), "nobody asked watchkeeper to edit it"
    suspect = incident["suspects"][0]["change"]
    assert suspect["kind"] == "configuration" and "shop.env" in suspect["title"]
    assert "restart" in incident["escalated_why"] and "spawn error" in incident["escalated_why"]
    breaks.heal(places)
    assert wait_for(places, "shop", since, closed, 25)["ending"] == "recovered_by_itself"


def test_a_deleted_program_cannot_be_started_and_a_person_reads_why(places: Places, since: float) -> None:
    code = places.fleet / "programs" / "shop.py"
    kept = code.read_bytes()
    code.unlink()
    try:
        os.kill(int(program(places, "shop")["pid"]), signal.SIGKILL)
        incident = wait_for(places, "shop", since, escalated, 60)
        assert incident["status"] == "open"
        assert "last-words" in [step["plan"]["id"] for step in incident["runs"][0]["steps"]]
        assert not outside.works(places.ports(), within_s=1.0)
    finally:
        code.write_bytes(kept)
    breaks.heal(places)
    assert wait_for(places, "shop", since, closed, 25)["ending"] == "recovered_by_itself"


def test_a_frozen_main_goes_on_where_it_stood(places: Places, since: float) -> None:
    before = generation(places)
    (main,) = (pid for pid in watch_pids(places) if "watchkeeper.programs.main" in command_line(pid))
    os.kill(int(program(places, "worker")["pid"]), signal.SIGKILL)
    wait_for(places, "worker", since, lambda incident: bool(incident["runs"]), 20)
    os.kill(main, signal.SIGSTOP)
    try:
        time.sleep(6.0)
    finally:
        os.kill(main, signal.SIGCONT)
    incident = wait_for(places, "worker", since, closed, 45)
    assert incident["ending"] == "fixed" and no_answer_twice(incident)
    assert generation(places) == before + 1
    assert outside.works(places.ports())


def test_killed_in_the_middle_of_the_stuck_queue_nothing_is_rescued_twice(places: Places, since: float) -> None:
    breaks.SCENARIOS["stuck-queue"].break_it(places)
    wait_for(places, "worker", since, lambda incident: bool(incident["runs"]), 25)
    for pid in watch_pids(places):
        if "watchkeeper.programs.main" in command_line(pid):
            os.kill(pid, signal.SIGKILL)
    wait_for(places, "worker", since, closed, 60)
    # ends on one host within a minute are told together, so another test's end may hold this one back (`group_within`)
    incident = wait_for(places, "worker", since, lambda found: closed(found) and told(found, "closed"), 90)
    rescues = [
        step
        for run in incident["runs"]
        for step in run["steps"]
        if step["plan"]["id"] == "rescue" and step["started_at"]
    ]
    assert incident["ending"] == "fixed" and len(rescues) == 1 and rescues[0]["attempt"] == 1
    assert told(incident, "opened"), "the page was sent"
    assert outside.works(places.ports())
