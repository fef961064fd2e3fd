"""Stock database, forgotten report, full folder and full memory of the sample fleet: each tool and what it must not do."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sample import eventually, running_fleet

from watchkeeper.adapters.sample import breaks, outside
from watchkeeper.adapters.sample.breaks.database import reports
from watchkeeper.adapters.sample.breaks.scenario import Aftermath
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import control, program

WEEKS_AGO = 15 * 86_400


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """A fleet of its own for this module."""
    with running_fleet(tmp_path_factory.mktemp("storage")) as found:
        yield found


@pytest.fixture(autouse=True)
def well(places: Places) -> Iterator[None]:
    """Every test begins and leaves a fleet that is put right."""
    yield
    breaks.heal(places)


def tool(places: Places, *words: str) -> tuple[int, str]:
    """(exit code, output) of one of the desk's tools."""
    command = [str(places.fleet / "bin" / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout.strip()


def judged(places: Places, name: str) -> str:
    return breaks.SCENARIOS[name].judge(Aftermath(places, time.time(), {}, (), ()))


def sheet(places: Places, send_in_s: float | None = None, year: int = 2031) -> Path:
    """A new sheet, made by the shop."""
    body: dict[str, object] = {"year": year, "send_in_s": send_in_s}
    status, answer = outside.request(places.ports()["shop"], "POST", "/exports", body)
    assert status == 201, answer
    return places.exports / str(answer["export"])


def aged(path: Path) -> Path:
    os.utime(path, (time.time() - WEEKS_AGO,) * 2)
    return path


@pytest.mark.parametrize("name", ["database-down", "database-locked", "disk-full"])
def test_a_break_stops_the_orders_and_healing_heals(places: Places, name: str) -> None:
    breaks.SCENARIOS[name].break_it(places)
    assert not outside.works(places.ports(), within_s=1.5)
    breaks.heal(places)
    assert outside.works(places.ports())


def test_a_database_whose_journal_was_deleted_is_put_right(places: Places) -> None:
    places.database.with_name("shop.db-wal").unlink()
    assert not eventually(lambda: tool(places, "queue-depth")[0] == 0, 1.0)
    breaks.heal(places)
    assert outside.works(places.ports()) and tool(places, "queue-depth")[0] == 0


# ---- the stock database ------------------------------------------------------------------------------------------


def test_after_a_kill_a_plain_start_of_the_stock_database_is_refused(places: Places) -> None:
    breaks.SCENARIOS["database-down"].break_it(places)
    assert control(places, "start", "stock")[0] != 0
    assert "stock.lock is there" in (places.fleet / "log" / "stock.log").read_text()
    assert tool(places, "stock-health")[0] == 1
    assert "which is gone" in tool(places, "stock-lock")[1]
    assert tool(places, "stock-lock", "--clear")[0] == 0
    assert control(places, "start", "stock")[0] == 0
    assert judged(places, "database-down") == "" and outside.works(places.ports())


def test_the_lock_of_a_server_at_work_is_never_cleared(places: Places) -> None:
    code, said = tool(places, "stock-lock", "--clear")
    assert (code, places.stock_lock.exists()) == (1, True) and "at work" in said
    os.kill(int(program(places, "stock")["pid"]), signal.SIGSTOP)
    code, said = tool(places, "stock-lock", "--clear")
    assert (code, places.stock_lock.exists()) == (1, True), "a frozen server would go on when it wakes up"


def test_a_lock_whose_process_number_was_taken_by_another_program_is_cleared(places: Places) -> None:
    control(places, "stop", "stock")
    assert not places.stock_lock.exists(), "an orderly end takes its lock away"
    places.stock_lock.write_text(f"{os.getpid()}\n")
    assert "which is gone" in tool(places, "stock-lock")[1]
    places.stock_lock.write_text("somebody\n")
    assert tool(places, "stock-lock", "--clear")[0] == 1 and places.stock_lock.exists()


def test_bookings_survive_a_kill_and_a_torn_last_line(places: Places) -> None:
    def count() -> int:
        sys.path.insert(0, str(places.fleet / "programs"))
        try:
            import stockroom

            return int(stockroom.ask(f"127.0.0.1:{places.ports()['stock']}", {"count": "tide table"})["count"])
        finally:
            sys.path.remove(str(places.fleet / "programs"))

    control(places, "stop", "load")
    before = count()
    assert outside.works(places.ports())
    assert count() == before + 2
    breaks.SCENARIOS["database-down"].break_it(places)
    with (places.fleet / "stock" / "stock.journal").open("a") as journal:
        journal.write('{"tide ta')
    breaks.heal(places)
    assert count() >= before + 2 and control(places, "start", "load")[0] == 0


# ---- the forgotten report ----------------------------------------------------------------------------------------


def test_the_report_is_found_as_the_holder_and_ended(places: Places) -> None:
    breaks.SCENARIOS["database-locked"].break_it(places)
    (pid,) = reports(places)
    assert tool(places, "database-locked") == (1, "no order can be written: database is locked")
    assert f"process {pid} holds the write lock" in tool(places, "lock-holder")[1]
    assert tool(places, "end-report") == (0, f"the report of process {pid} was ended")
    assert judged(places, "database-locked") == ""
    assert tool(places, "database-locked")[0] == 0 and outside.works(places.ports())


def test_who_holds_the_lock_and_is_no_report_is_never_ended(places: Places) -> None:
    script = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10);"
        "c.execute('begin immediate'); print('locked', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(places.database), str(places.fleet / "programs" / "report.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "locked\n"
            code, said = tool(places, "end-report")
            assert code == 1 and f"process {holder.pid} is no report" in said
            assert holder.poll() is None
        finally:
            holder.kill()


def test_nothing_is_ended_while_the_lock_changes_hands(places: Places) -> None:
    code, said = tool(places, "end-report")
    assert code == 0 and "nothing was ended" in said
    assert outside.answers(places.ports())


# ---- the full folder ---------------------------------------------------------------------------------------------


def test_at_its_budget_the_shop_refuses_orders_and_says_why(places: Places) -> None:
    breaks.SCENARIOS["disk-full"].break_it(places)
    status, answer = outside.request(places.ports()["shop"], "POST", "/orders", outside.ORDER)
    assert status == 503 and "has reached its budget" in str(answer["error"])
    status, answer = outside.request(places.ports()["shop"], "POST", "/exports", {"year": 2031})
    assert status == 507
    assert "old sheets are still there" in judged(places, "disk-full")
    assert tool(places, "old-exports")[0] == 0
    assert "old sheets are still there" in judged(places, "disk-full"), "without --remove it only looks"
    assert tool(places, "old-exports", "--remove")[0] == 0
    assert judged(places, "disk-full") == "" and outside.works(places.ports())


def test_only_old_files_of_ours_that_no_unfinished_job_names_are_removed(places: Places) -> None:
    gone, young = aged(sheet(places)), sheet(places)
    queued, claimed, failed, done = (aged(sheet(places, send_in_s=86_400.0)) for _ in range(4))
    foreign, link = places.exports / "notes.txt", places.exports / "sheet-1.csv"
    foreign.write_text("of Bram")
    aged(foreign)
    link.symlink_to(places.database)
    states = {claimed: "claimed", failed: "failed", done: "done"}
    with sqlite3.connect(places.database, timeout=10) as database:
        for path, state in states.items():
            database.execute(
                "update job set state = ?, lease_until = 9e9, claimed_by = 'worker-1' where file = ?",
                (state, path.name),
            )
    database.close()
    try:
        tool(places, "old-exports", "--remove")
        there = {path for path in (gone, young, queued, claimed, failed, done, foreign) if path.exists()}
        assert there == {young, queued, claimed, failed, foreign}
        assert link.is_symlink() and places.database.exists()
    finally:
        foreign.unlink(missing_ok=True)
        link.unlink(missing_ok=True)


def test_the_judge_sees_a_sheet_that_was_deleted_although_a_job_names_it(places: Places) -> None:
    breaks.SCENARIOS["disk-full"].break_it(places)
    for path in places.exports.glob("sheet-*.csv"):  # what `find -mtime +7 -delete` would have done
        if time.time() - path.stat().st_mtime > 7 * 86_400:
            path.unlink()
    assert outside.works(places.ports()), "orders go through"
    assert "had to stay and did not" in judged(places, "disk-full")


def test_a_job_without_its_file_fails_and_is_not_called_done(places: Places) -> None:
    path = sheet(places, send_in_s=86_400.0)
    path.unlink()
    shop = places.ports()["shop"]
    assert outside.request(shop, "POST", f"/exports/{path.name}/send", {})[0] == 202
    assert eventually(lambda: outside.request(shop, "GET", f"/exports/{path.name}")[1].get("state") == "failed")
    assert outside.works(places.ports()), "the worker goes on"


def test_a_packing_list_goes_when_its_order_is_confirmed(places: Places) -> None:
    """Judged by the jobs that are done: a shop that an earlier test killed in mid-order leaves a list without a job."""

    def done() -> set[str]:
        database = sqlite3.connect(places.database, timeout=10.0)
        try:
            return {file for (file,) in database.execute("select file from job where state = 'done'") if file}
        finally:
            database.close()

    before = done()
    assert outside.works(places.ports())
    fresh = {name for name in done() - before if name.startswith("packing-")}
    assert fresh, "the confirmed order had a packing list"
    assert eventually(lambda: not any((places.exports / name).exists() for name in fresh))


# ---- the full memory ---------------------------------------------------------------------------------------------


def test_the_crawler_fills_the_memory_until_searches_are_refused_and_a_restart_helps(places: Places) -> None:
    before = float(tool(places, "memory", "docs")[1].split()[-1])
    breaks.SCENARIOS["memory-limit"].break_it(places)
    after = float(tool(places, "memory", "docs")[1].split()[-1])
    assert before < 60 and after > 75, "below and above the limits of docs/memory"
    code, said = tool(places, "search", "printer")
    assert code == 1 and said.startswith("503 no memory")
    assert judged(places, "memory-limit") == "the handbook answers a new search with 503"
    assert outside.answers(places.ports()), "its pages are still there"
    breaks.heal(places)
    assert judged(places, "memory-limit") == ""
    assert tool(places, "search", "printer") == (0, "200 2 places for printer, page 1")
