"""The sample fleet alone, seen from outside: it works, each break really breaks it, healing heals, stopping stops."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.sample import eventually, running_fleet

from watchkeeper.adapters.sample import breaks, fleet, outside
from watchkeeper.adapters.sample.breaks import partner
from watchkeeper.adapters.sample.certificate import days_left
from watchkeeper.adapters.sample.mounts import mount_small
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import fleet_pids, program, supervisor_pid


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """A fleet of its own for this module."""
    with running_fleet(tmp_path_factory.mktemp("fleet")) as found:
        yield found


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


@pytest.mark.parametrize(
    "name",
    [
        "worker-down",
        "web-down",
        "stuck-queue",
        "bad-config",
        "crash-loop",
        "idle-workers",
        "permission-denied",
        "inodes",
    ],
)
def test_a_break_breaks_it_for_real_and_healing_heals(places: Places, name: str) -> None:
    if why := breaks.SCENARIOS[name].missing():
        pytest.skip(why)
    before = time.time()
    at = breaks.SCENARIOS[name].break_it(places)
    assert before <= at <= time.time()
    assert not outside.works(places.ports(), within_s=1.5)
    breaks.heal(places)
    assert outside.works(places.ports())
    assert outside.answers(places.ports())


def test_worker_down_is_not_put_right_by_the_supervisor(places: Places) -> None:
    breaks.SCENARIOS["worker-down"].break_it(places)
    assert eventually(lambda: program(places, "worker")["statename"] == "EXITED")
    time.sleep(1.0)
    assert program(places, "worker")["statename"] == "EXITED"
    breaks.heal(places)


def test_stuck_queue_holds_started_and_never_started_jobs_and_a_restart_does_not_help(places: Places) -> None:
    breaks.SCENARIOS["stuck-queue"].break_it(places)
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
    breaks.SCENARIOS["bad-config"].break_it(places)
    control = str(places.fleet / "bin" / "supervisorctl")
    done = subprocess.run([control, "restart", "shop"], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "spawn error" in done.stdout
    assert "ORDER_LIMIT=5OO" in (places.fleet / "log" / "shop.log").read_text()
    breaks.heal(places)


def test_crash_loop_kills_every_new_worker_before_it_is_ready(places: Places) -> None:
    breaks.SCENARIOS["crash-loop"].break_it(places)
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
    breaks.SCENARIOS["certificate"].break_it(places)
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
    breaks.SCENARIOS["certificate"].break_it(own)
    fleet.start(own)
    try:
        assert (days_left(own.certificate) or 0) > 60
    finally:
        fleet.stop(own)


# ---- what must be escalated --------------------------------------------------------------------------------------


def aftermath(places: Places, outputs: str = "", steps: tuple[str, ...] = (), **more: Any) -> breaks.Aftermath:
    """The end of a scenario with one incident, in whose run these steps were started."""
    ran = [{"plan": {"id": step}, "started_at": "2026-11-19T16:02:00Z"} for step in steps]
    incident = {"id": 1, "runs": [{"fix_started_at": "2026-11-19T16:02:00Z" if steps else None, "steps": ran}], **more}
    return breaks.Aftermath(places, 0.0, incident, (incident,), (), outputs)


def test_without_permission_the_worker_names_the_folder_and_keeps_its_orders(places: Places) -> None:
    scenario = breaks.SCENARIOS["permission-denied"]
    scenario.break_it(places)
    port = places.ports()["worker"]
    assert eventually(lambda: outside.request(port, "GET", "/health")[0] == 503)
    why = str(outside.request(port, "GET", "/health")[1]["why"])
    assert "Permission denied" in why and str(places.labels) in why
    assert "Permission denied" in tool(places, "labels-writable")
    assert scenario.judge(aftermath(places, why)) == ""
    assert "restarted" in scenario.judge(aftermath(places, why, steps=("restart",)))
    assert "does not show" in scenario.judge(aftermath(places, "nothing"))
    breaks.heal(places)
    assert tool(places, "labels-writable") == "labels can be printed"
    with sqlite3.connect(places.database, timeout=10) as database:
        failed = database.execute("select count(*) from job where state = 'failed'").fetchone()[0]
    assert failed == 0, "every order that waited was confirmed"


def test_jobs_that_nobody_takes_are_missed_when_one_is_touched_or_gone(places: Places) -> None:
    scenario = breaks.SCENARIOS["idle-workers"]
    scenario.break_it(places)

    def waiting() -> list[int]:
        with sqlite3.connect(places.database, timeout=10) as database:
            return [row[0] for row in database.execute("select id from job where state = 'released' order by id")]

    assert eventually(lambda: len(waiting()) >= 4)
    said = tool(places, "waiting")
    assert scenario.judge(aftermath(places, said)) == ""
    assert "a changing step ran" in scenario.judge(aftermath(places, said, steps=("rescue",)))
    with sqlite3.connect(places.database, timeout=10) as database:
        database.execute("update job set state = 'failed' where id = ?", (waiting()[1],))
    assert "were touched" in scenario.judge(aftermath(places, said))
    with sqlite3.connect(places.database, timeout=10) as database:
        database.execute("delete from job where state = 'failed'")
    assert "are gone" in scenario.judge(aftermath(places, said))
    breaks.heal(places)
    assert eventually(lambda: not waiting())


def test_a_restart_makes_the_rate_limit_worse_and_is_seen(places: Places) -> None:
    scenario = breaks.SCENARIOS["rate-limited"]
    scenario.break_it(places)
    port = places.ports()["tides"]
    assert eventually(lambda: outside.request(port, "GET", "/health")[0] == 503)
    said = tool(places, "ask-partner", "--strict")
    assert "HTTP 429" in said and "Retry-After: " in said
    assert scenario.judge(aftermath(places, said)) == ""
    before = partner.usage(places)
    time.sleep(1.2)
    assert partner.usage(places)["shut_out_s"] < before["shut_out_s"], "waiting helps"
    subprocess.run([str(places.fleet / "bin" / "supervisorctl"), "restart", "tides"], capture_output=True, timeout=30)
    assert eventually(lambda: partner.usage(places)["logins"] == before["logins"] + 1)
    assert partner.usage(places)["shut_out_s"] > before["shut_out_s"] - 1.0, "a login begins the time again"
    assert "logged in" in scenario.judge(aftermath(places, said))
    breaks.heal(places)
    assert partner.usage(places)["shut_out_s"] == 0


def test_the_list_of_the_tablet_fails_and_orders_go_on(places: Places) -> None:
    shop = places.ports()["shop"]
    assert outside.request(shop, "GET", "/orders")[0] == 200
    breaks.SCENARIOS["unknown-500"].break_it(places)
    assert outside.request(shop, "GET", "/orders")[0] == 500
    assert outside.request(shop, "GET", "/health")[0] == 200 and outside.works(places.ports())
    assert "KeyError" in (places.fleet / "log" / "shop.log").read_text()
    breaks.heal(places)
    assert outside.request(shop, "GET", "/orders")[0] == 200


def test_a_machine_that_is_off_takes_nothing_of_the_desk_with_it(places: Places) -> None:
    scenario = breaks.SCENARIOS["host-down"]
    scenario.break_it(places)
    assert eventually(lambda: not outside.listens(places.ports()["quay"]))
    assert outside.works(places.ports()) and not outside.ill(places.ports())
    checks = [{"check": f"{name}/x@quay2"} for name in ("barrier", "boards", "weighbridge")]
    page = {"kind": "opened"}
    good = replace(aftermath(places, checks=checks, service="", host="quay2"), pages=(page,))
    assert scenario.judge(good) == ""
    assert "2 pages" in scenario.judge(replace(good, pages=(page, page)))
    assert "2 incidents" in scenario.judge(replace(good, incidents=(*good.incidents, *good.incidents)))
    breaks.heal(places)
    assert outside.listens(places.ports()["quay"])


def test_what_comes_back_must_be_the_same_incident(places: Places) -> None:
    judge = breaks.SCENARIOS["recurring"].judge
    good = aftermath(places, service="worker", reopened=1, recurring=True)
    assert judge(good) == ""
    assert "a new incident" in judge(aftermath(places, service="worker", reopened=0, recurring=False))
    assert "beside it" in judge(replace(good, incidents=(*good.incidents, {"id": 2, "service": "worker"})))


def test_a_fleet_that_is_stopped_leaves_no_mount(short_path: Path) -> None:
    if why := breaks.SCENARIOS["inodes"].missing():
        pytest.skip(why)
    own = Places.of(short_path / "d")
    fleet.make(own)
    mount_small(own.labels, 6)
    assert os.path.ismount(own.labels)
    fleet.stop(own)
    assert not os.path.ismount(own.labels)
