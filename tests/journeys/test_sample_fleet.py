"""The sample fleet alone, seen from outside: it works, each break really breaks it, healing heals, stopping stops."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchkeeper.adapters.sample import breaks, fleet, outside
from watchkeeper.adapters.sample.certificate import days_left
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import fleet_pids, program, supervisor_pid


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """A fleet of its own for this module."""
    found = Places.of(tmp_path_factory.mktemp("fleet"))
    assert fleet.start(found)
    try:
        assert fleet.wait_until_well(found)
        yield found
    finally:
        fleet.stop(found)


def eventually(question: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return False


def tool(places: Places, *words: str) -> str:
    """What one of the desk's tools says."""
    done = subprocess.run(
        [str(places.fleet / "bin" / words[0]), *words[1:]], capture_output=True, text=True, timeout=20
    )
    return done.stdout.strip()


def test_an_order_goes_through_and_load_comes_by_itself(places: Places) -> None:
    assert outside.works(places.ports())
    with sqlite3.connect(places.database) as database:
        count = "select count(*) from orders where customer != 'the drill'"
        before = database.execute(count).fetchone()[0]
        assert eventually(lambda: database.execute(count).fetchone()[0] > before)
    assert eventually((places.fleet / "log" / "requests.jsonl").exists)


def test_starting_twice_changes_nothing(places: Places) -> None:
    pid = supervisor_pid(places)
    assert fleet.start(places) is False
    assert supervisor_pid(places) == pid


def test_the_ops_repo_is_committed(places: Places) -> None:
    status = subprocess.run(["git", "status", "--porcelain"], cwd=places.ops, capture_output=True, text=True)
    assert (status.returncode, status.stdout) == (0, "")


@pytest.mark.parametrize("name", ["worker-down", "web-down", "stuck-queue", "bad-config", "crash-loop"])
def test_a_break_breaks_it_for_real_and_healing_heals(places: Places, name: str) -> None:
    before = time.time()
    at = breaks.SCENARIOS[name].break_it(places)
    assert before <= at <= time.time()
    assert not outside.works(places.ports(), within_s=1.5)
    breaks.heal(places)
    assert outside.works(places.ports())
    assert outside.answers(places.ports())


def test_worker_down_is_not_put_right_by_the_supervisor(places: Places) -> None:
    breaks.worker_down(places)
    assert eventually(lambda: program(places, "worker")["statename"] == "EXITED")
    time.sleep(1.0)
    assert program(places, "worker")["statename"] == "EXITED"
    breaks.heal(places)


def test_stuck_queue_holds_started_and_never_started_jobs_and_a_restart_does_not_help(places: Places) -> None:
    breaks.stuck_queue(places)
    assert eventually(lambda: tool(places, "stuck-jobs", "--count") == "4")
    text = tool(places, "stuck-jobs")
    assert text.count("started, not finished") == 1 and text.count("never started") == 3
    subprocess.run([str(places.fleet / "bin" / "supervisorctl"), "restart", "worker"], capture_output=True, timeout=30)
    assert not outside.works(places.ports(), within_s=1.5)
    assert "never started" in tool(places, "rescue-jobs")
    assert tool(places, "stuck-jobs", "--count") == "4"
    assert tool(places, "rescue-jobs", "--execute").endswith("4 jobs rescued")
    assert tool(places, "rescue-jobs", "--execute") == "0 jobs rescued"
    assert fleet.wait_until_well(places)


def test_rescue_takes_nothing_from_a_worker_that_only_sleeps(places: Places) -> None:
    with sqlite3.connect(places.database, timeout=10) as database:
        pid = int(program(places, "worker")["pid"])
        os.kill(pid, signal.SIGSTOP)
        try:
            database.execute(
                "insert into job (order_id, created_at, state, claimed_by, generation, lease_until)"
                " select 1, 0, 'claimed', name, generation, 1.0 from worker where name = 'worker-1'"
            )
            database.commit()
            assert tool(places, "rescue-jobs", "--execute") == "0 jobs rescued"
        finally:
            os.kill(pid, signal.SIGCONT)
            database.execute("delete from job where created_at = 0")
            database.commit()


def test_bad_config_stops_the_shop_and_a_restart_does_not_help(places: Places) -> None:
    breaks.bad_config(places)
    control = str(places.fleet / "bin" / "supervisorctl")
    done = subprocess.run([control, "restart", "shop"], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "spawn error" in done.stdout
    assert "ORDER_LIMIT=5OO" in (places.fleet / "log" / "shop.log").read_text()
    breaks.heal(places)


def test_crash_loop_kills_every_new_worker_before_it_is_ready(places: Places) -> None:
    breaks.crash_loop(places)
    for _ in range(2):
        subprocess.run(
            [str(places.fleet / "bin" / "supervisorctl"), "restart", "worker"], capture_output=True, timeout=30
        )
        seen = set()
        while program(places, "worker")["pid"]:
            seen.add(outside.request(places.ports()["worker"], "GET", "/health")[0])
            time.sleep(0.02)
        assert 200 not in seen
    breaks.heal(places)


def test_certificate_shows_five_days_without_a_restart_and_the_site_goes_on(places: Places) -> None:
    import ssl

    from cryptography import x509

    def shown_days() -> float:
        pem = ssl.get_server_certificate(("127.0.0.1", places.ports()["tls"]), timeout=5)
        end = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
        return (end - time.time()) / 86_400

    assert shown_days() > 60
    breaks.certificate(places)
    assert 4.9 < shown_days() < 5.1
    assert outside.works(places.ports())
    breaks.heal(places)
    assert shown_days() > 60


def test_a_locked_database_shows_in_the_shops_health(places: Places) -> None:
    database = sqlite3.connect(places.database, timeout=10, isolation_level=None)
    database.execute("begin immediate")
    try:
        assert eventually(lambda: outside.request(places.ports()["shop"], "GET", "/health", timeout_s=5)[0] == 503)
    finally:
        database.execute("rollback")
        database.close()
    assert eventually(lambda: outside.answers(places.ports()))


def test_the_fleet_outlives_a_dead_supervisor_start_and_stop_leave_nothing(short_path: Path) -> None:
    own = Places.of(short_path / "d")
    fleet.start(own)
    try:
        assert fleet.wait_until_well(own)
        pid = supervisor_pid(own)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: supervisor_pid(own) is None)
        assert fleet_pids(own), "its programs go on"
        assert fleet.start(own) is True
        assert fleet.wait_until_well(own)
        ports = own.ports()
    finally:
        fleet.stop(own)
    assert fleet_pids(own) == []
    assert outside.request(ports["shop"], "GET", "/health")[0] == 0
    assert fleet.stop(own) is False


def test_a_port_taken_meanwhile_is_replaced_everywhere(short_path: Path) -> None:
    import socket

    own = Places.of(short_path / "d")
    fleet.make(own)
    old = own.ports()["shop"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", old))
        other.listen()
        fleet.start(own)
        try:
            assert fleet.wait_until_well(own)
            new = own.ports()["shop"]
            assert new != old
            assert f"127.0.0.1:{new}/health" in (own.ops / "services" / "shop.yaml").read_text()
            assert f"127.0.0.1:{old}" not in (own.ops / "services" / "shop.yaml").read_text()
        finally:
            fleet.stop(own)


def test_a_young_certificate_is_kept_and_an_old_one_is_renewed_at_the_start(short_path: Path) -> None:
    own = Places.of(short_path / "d")
    fleet.make(own)
    before = own.certificate.read_bytes()
    fleet.make(own)
    assert own.certificate.read_bytes() == before
    breaks.certificate(own)
    fleet.start(own)
    try:
        assert (days_left(own.certificate) or 0) > 60
    finally:
        fleet.stop(own)
