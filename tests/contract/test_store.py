"""The contract of StorePort and Session, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import postgresql_server

from watchkeeper.core.changes import Change
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Invalid, Locked, NotFound
from watchkeeper.core.incidents.values import Ending, Event, FailingCheck, Incident, Status
from watchkeeper.core.log.values import Draft
from watchkeeper.core.notifications import Attempt, Message, Notification
from watchkeeper.core.runs.values import Approval, Evidence, Grant, Plan, PlanStep, Run, RunState, RunStep, StepState
from watchkeeper.store.writer import Store

NOW = 1_763_000_000.25


@pytest.fixture(scope="session")
def server(requires) -> Iterator[str]:
    requires("postgresql")
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = ""
    if request.param == "postgresql":
        url = fresh_database(request.getfixturevalue("server"))
    opened = open_store(tmp_path / "state", url)
    yield opened
    opened.close()


def fresh_database(server: str) -> str:
    import psycopg

    name = f"wk_{random.getrandbits(48):x}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def incident(service: str = "shop", **more) -> Incident:
    held = FailingCheck("shop/web", State.CRIT, "status 502, expected 200", "abc", NOW, NOW + 1, 2)
    other = FailingCheck("shop/disk@app1", State.WARN, "free 3 %", "def", NOW, NOW, 3, 1, NOW + 9, "edited meanwhile")
    return replace(Incident(0, service, None, Status.OPEN, "P1", "shop: web is CRIT", NOW, (held, other)), **more)


def run(**more) -> Run:
    steps = (
        PlanStep(0, "look", "diagnose", "Look", "ps aux", "bash", "read", "app1"),
        PlanStep(1, "restart", "fix", "Restart é", "systemctl restart shop\n", "bash", "change", "app1",
                 environment={"A": "b c"}, missing=("X",), approve="always", line=12),
    )  # fmt: skip
    plan = Plan("runbooks/web-down.md", "d1", "shop", steps, "d2")
    made = tuple(RunStep(0, step.index, step, StepState.PLANNED) for step in steps)
    return replace(Run(0, 7, "shop/web-down", plan, "auto", RunState.READY, "watchkeeper", NOW, made), **more)


def notification(key: str, **more) -> Notification:
    message = Message(key, "opened", "shop: web is CRIT", "Look at it.\nNow.", "http://127.0.0.1/1", 7, "P1")
    return replace(Notification(0, message, ("phone", "mail"), 0, 0, NOW, NOW), **more)


def test_cursors_and_settings_start_empty_and_keep_the_last_value(store: Store) -> None:
    def work(session):
        before = (session.cursor("flips"), session.setting("automation"))
        for value in (1, 5_000_000_000):
            session.set_cursor("flips", value)
        for value in ("off", "on"):
            session.set_setting("automation", value)
        return before

    assert store.write(work) == (0, None)
    with store.read() as session:
        assert session.cursor("flips") == 5_000_000_000
        assert session.setting("automation") == "on"


def test_an_incident_comes_back_as_it_was_kept(store: Store) -> None:
    first = store.write(lambda session: session.add_incident(incident()))
    full = replace(
        first, host="app1", status=Status.CLOSED, closed_at=NOW + 60, ending=Ending.FIXED, acknowledged_at=NOW + 2,
        acknowledged_by="ana", escalated_at=NOW + 3, escalated_why="budget", reopened=2, recurring=True,
        diagnosed_at=NOW + 4, fix_started_at=NOW + 5, last_change_at=NOW + 6, why_not_acted="no grant", entry=9,
    )  # fmt: skip
    assert first.id == 1
    with store.read() as session:
        assert session.incident(1) == first
    store.write(lambda session: session.save_incident(full))
    with store.read() as session:
        kept = session.incident(1)
    assert kept == full
    assert type(kept.ending) is Ending and type(kept.checks[0].state) is State and type(kept.checks) is tuple


def test_incidents_are_listed_newest_first_by_status_and_page(store: Store) -> None:
    def work(session):
        return [
            session.add_incident(incident(f"s{n}", status=Status.CLOSED if n % 2 else Status.OPEN)) for n in range(6)
        ]

    made = store.write(work)
    with store.read() as session:
        assert [found.id for found in session.incidents()] == [6, 5, 4, 3, 2, 1]
        assert session.incidents(Status.OPEN) == [made[4], made[2], made[0]]
        assert [found.id for found in session.incidents(Status.CLOSED, limit=2)] == [6, 4]
        assert [found.id for found in session.incidents(limit=2, before=4)] == [3, 2]


def test_last_closed_looks_at_the_closing_time_and_the_service(store: Store) -> None:
    def work(session):
        for closed_at in (NOW + 5, NOW + 9, NOW + 7):
            session.add_incident(incident(status=Status.CLOSED, closed_at=closed_at))
        session.add_incident(incident("mail", status=Status.CLOSED, closed_at=NOW + 99))
        session.add_incident(incident())

    store.write(work)
    with store.read() as session:
        assert session.last_closed("shop", NOW).id == 2
        assert session.last_closed("shop", NOW + 9).id == 2
        assert session.last_closed("shop", NOW + 9.5) is None
        assert session.last_closed("none", 0) is None


def test_events_are_oldest_first_and_can_be_followed(store: Store) -> None:
    event = Event(0, 3, NOW, "proof", "watchkeeper", "web: 2 of 2", State.OK, {"n": 2, "p": 1.5, "ok": True, "x": None})

    def work(session):
        session.add_event(replace(event, incident=4))
        return [session.add_event(replace(event, at=NOW + n)) for n in range(4)]

    made = store.write(work)
    with store.read() as session:
        assert session.events(3) == made
        assert session.events(3, after=made[1].id) == made[2:]
        assert session.events(3, limit=2) == made[:2]
        assert type(session.events(3)[0].detail["ok"]) is bool


def test_a_run_comes_back_with_its_steps(store: Store) -> None:
    made = store.write(lambda session: session.add_run(run()))
    assert [step.run for step in made.steps] == [made.id] * 2
    changed = replace(made, state=RunState.PARKED, parked_why="waits for a person", segment=2, grant=4, entry=5)
    store.write(lambda session: session.save_run(changed))
    with store.read() as session:
        assert session.run(made.id) == changed
        assert session.runs() == [changed]


def test_runs_are_found_by_state_incident_and_page(store: Store) -> None:
    def work(session):
        session.add_run(run())
        session.add_run(run(incident=8, state=RunState.PARKED))
        session.add_run(run(incident=None, state=RunState.DONE, steps=()))

    store.write(work)
    with store.read() as session:
        assert [found.id for found in session.runs()] == [3, 2, 1]
        assert [found.id for found in session.runs((RunState.READY, RunState.DONE))] == [3, 1]
        assert [found.id for found in session.runs(incident=8)] == [2]
        assert [found.id for found in session.runs(before=3, limit=1)] == [2]
        assert [len(found.steps) for found in session.runs()] == [0, 2, 2]


def test_a_run_is_claimed_once_and_each_claim_raises_the_fence(store: Store) -> None:
    store.write(lambda session: session.add_run(run()))
    claims: list[Run | None] = []
    threads = [
        threading.Thread(target=lambda: claims.append(store.write(lambda session: session.claim_run(1, NOW + 1))))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [claim for claim in claims if claim]
    assert len(won) == 1
    assert (won[0].state, won[0].fence, won[0].started_at) == (RunState.RUNNING, 1, NOW + 1)
    store.write(lambda session: session.save_run(replace(won[0], state=RunState.READY)))
    again = store.write(lambda session: session.claim_run(1, NOW + 2))
    assert (again.fence, again.started_at) == (2, NOW + 1)


def test_a_step_is_saved_only_under_the_current_fence(store: Store) -> None:
    made = store.write(lambda session: session.add_run(run()))
    claimed = store.write(lambda session: session.claim_run(made.id, NOW))
    evidence = Evidence(1, 0, NOW, NOW + 1, 12, "aa", True, "cut")
    done = replace(claimed.steps[1], state=StepState.DONE, exit_code=0, attempt=1, evidence=evidence, message="é\x00")
    assert store.write(lambda session: session.save_step(done, claimed.fence)) is True
    assert store.write(lambda session: session.save_step(replace(done, exit_code=9), claimed.fence - 1)) is False
    with store.read() as session:
        kept = session.run(made.id).steps
    assert kept == (claimed.steps[0], replace(done, message="é\N{REPLACEMENT CHARACTER}"))
    with pytest.raises(NotFound, match="no step 9"):
        store.write(lambda session: session.save_step(replace(done, index=9), claimed.fence))


def test_approvals_by_run_and_pending(store: Store) -> None:
    def work(session):
        return [session.add_approval(Approval(0, n, 1, "b", NOW, NOW + 9)) for n in (1, 1, 2)]

    first, second, third = store.write(work)
    decided = replace(second, decided="approved", decided_at=NOW + 1, decided_by="ana")
    store.write(lambda session: session.save_approval(decided))
    with store.read() as session:
        assert session.approvals() == [third, decided, first]
        assert session.approvals(run=1, pending=True) == [first]


def test_grants_come_back_with_their_hosts(store: Store) -> None:
    grant = Grant(0, "shop/web", "d1", ("app1", "app2"), False, "ana", NOW, NOW + 9)
    made = [store.write(lambda session: session.add_grant(grant)) for _ in range(2)]
    revoked = replace(made[0], revoked_at=NOW + 1, revoked_by="ben", destroy=True)
    store.write(lambda session: session.save_grant(revoked))
    with store.read() as session:
        assert session.grants() == [made[1], revoked]


def test_a_message_key_is_in_the_outbox_once(store: Store) -> None:
    first = store.write(lambda session: session.add_notification(notification("k1")))
    other = replace(notification("k1"), channels=("pager",))
    assert store.write(lambda session: session.add_notification(other)) == first
    with store.read() as session:
        assert session.notifications() == [first]


def test_the_outbox_gives_what_is_due_and_records_attempts(store: Store) -> None:
    def work(session):
        return [session.add_notification(notification(f"k{n}", created_at=NOW - n, due_at=NOW + n)) for n in range(4)]

    made = store.write(work)
    tried = replace(made[1], tries=1, last_error="refused", due_at=NOW + 50)
    sent = replace(made[0], delivered_at=NOW + 1, delivered_by="phone")
    attempt = Attempt(made[1].id, "phone", NOW, False, "refused", 0.5)
    store.write(lambda session: session.save_notification(tried, attempt))
    store.write(lambda session: session.save_notification(sent))
    with store.read() as session:
        assert session.due_notifications(NOW + 3) == [made[3], made[2]]
        assert session.due_notifications(NOW + 3, limit=1) == [made[3]]
        assert session.notifications(undelivered=True) == [made[3], made[2], tried]
        assert session.notifications(incident=8) == []
        assert session.attempts(made[1].id) == [attempt]


def test_changes_of_a_time_span(store: Store) -> None:
    def work(session):
        return [
            session.add_change(Change(0, NOW + n, "commit", f"c{n}", "ana", "shop", "app1", "x", n == 1))
            for n in range(4)
        ]

    made = store.write(work)
    with store.read() as session:
        assert session.changes(NOW + 1, NOW + 2) == [made[2], made[1]]
        assert session.changes(0, NOW + 9, limit=1) == [made[3]]


@pytest.mark.parametrize("ask", [
    lambda session: session.incident(5), lambda session: session.run(5), lambda session: session.entry(5),
    lambda session: session.claim_run(5, NOW),
])  # fmt: skip
def test_what_is_not_there_is_named(store: Store, ask) -> None:
    with pytest.raises(NotFound, match="5"):
        store.write(ask)


def test_saving_what_is_not_there_is_refused(store: Store) -> None:
    for work in (
        lambda session: session.save_incident(incident(id=5)),
        lambda session: session.save_run(run(id=5)),
        lambda session: session.save_approval(Approval(5, 1, 1, "b", NOW, NOW)),
        lambda session: session.save_grant(Grant(5, "r", "d", (), False, "ana", NOW, NOW)),
        lambda session: session.save_notification(notification("k", id=5)),
    ):
        with pytest.raises(NotFound, match="5"):
            store.write(work)


def test_text_that_no_database_takes_does_not_lose_the_row(store: Store) -> None:
    odd = "name-\udcff-\x00-\N{GRINNING FACE}"
    event = Event(0, 1, NOW, "note", odd, odd, None, {"file": odd})
    store.write(lambda session: session.add_event(event))
    with store.read() as session:
        kept = session.events(1)[0]
    assert kept.text == kept.detail["file"] == "name-\ufffd-\ufffd-\N{GRINNING FACE}"


def test_a_work_that_raises_is_undone_alone_and_raises_here(store: Store) -> None:
    gate = threading.Event()
    outcomes: dict[int, object] = {}

    def write(n: int) -> None:
        def work(session):
            made = session.add_change(Change(0, NOW, "log", str(n), "ana"))
            if n % 3 == 0:
                raise ValueError(f"bad {n}")
            if n % 3 == 1:
                from watchkeeper.store import models

                models.Setting.objects.using(session._using).create(
                    name="once", value="x"
                )  # the second one fails in SQL
            return made.title

        try:
            outcomes[n] = store.write(work)
        except Exception as error:
            outcomes[n] = type(error).__name__

    threads = [threading.Thread(target=lambda: store.write(lambda session: gate.wait(10)))]
    threads += [threading.Thread(target=write, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)  # all 24 wait behind the first, so they become one group
    before = store.revision
    gate.set()
    for thread in threads:
        thread.join()
    assert all(outcomes[n] == "ValueError" for n in range(0, 24, 3))
    assert sorted(map(str, (outcomes[n] for n in range(1, 24, 3))))[-7:] == ["IntegrityError"] * 7
    assert all(outcomes[n] == str(n) for n in range(2, 24, 3))
    assert store.revision - before == 2  # the waiting one, and one commit for the whole group
    with store.read() as session:
        assert len(session.changes(0, NOW + 1)) == 9


def test_eight_threads_write_and_read_without_a_lock_error(store: Store) -> None:
    failures: list[BaseException] = []

    def busy(n: int) -> None:
        try:
            for turn in range(20):
                made = store.write(lambda session: session.add_incident(incident(f"s{n}")))
                store.write(
                    lambda session, made=made, turn=turn: session.append_entry(Draft(NOW, "note", f"{n}.{turn}", "ana"))
                )
                with store.read() as session:
                    assert session.incident(made.id) == made
        except BaseException as error:
            failures.append(error)
        finally:
            store.release()

    threads = [threading.Thread(target=busy, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as session:
        assert session.entry_count() == 160
        assert len(session.incidents(limit=500)) == 160
    assert store.verify_log().ok


def test_a_read_session_sees_one_state_and_cannot_write(store: Store) -> None:
    store.write(lambda session: session.add_incident(incident()))
    with store.read() as session:
        assert len(session.incidents()) == 1
        store.write(lambda session: session.add_incident(incident()))
        assert len(session.incidents()) == 1
    with store.read() as session:
        assert len(session.incidents()) == 2
    from django.db import DatabaseError

    with pytest.raises(DatabaseError, match=r"read-?\s?only"), store.read() as session:
        session.add_incident(incident())
    with store.read() as session:  # the reader still works
        assert len(session.incidents()) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Store]:
    """A store on SQLite that can grow by a few pages only, which fails like a full disk."""
    opened = open_store(tmp_path / "state")
    opened.write(lambda session: limit_pages(session, 8))
    yield opened
    opened.close()


def limit_pages(session, more: int) -> None:
    from django.db import connections

    with connections[session._using].cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages + more}")


def big(session) -> None:
    session.append_entry(Draft(NOW, "note", "x" * 500_000, "ana"))


def swallow(session) -> str:
    from contextlib import suppress

    with suppress(Exception):
        big(session)
    return "looks fine"


@pytest.mark.parametrize("works", [[big], [swallow], [big, None, None], [None, big, None], [None, None, swallow]])
def test_a_full_disk_is_never_reported_as_kept(small_disk: Store, works: list) -> None:
    gate = threading.Event()
    outcomes: dict[int, object] = {}

    def write(n: int, work) -> None:
        try:
            outcomes[n] = small_disk.write(
                work or (lambda session: session.add_change(Change(0, NOW, "log", str(n), "ana")).title)
            )
        except Exception as error:
            outcomes[n] = error

    threads = [threading.Thread(target=lambda: small_disk.write(lambda session: session.cursor("x") or gate.wait(10)))]
    threads += [threading.Thread(target=write, args=(n, work)) for n, work in enumerate(works)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)  # one after the other into the queue, behind the first
    gate.set()
    for thread in threads:
        thread.join()
    with small_disk.read() as session:
        kept = {change.title for change in session.changes(0, NOW + 1)}
        assert session.entry_count() == 0
    assert {str(n) for n, outcome in outcomes.items() if outcome == str(n)} == kept
    assert "looks fine" not in outcomes.values()
    assert any("disk" in str(outcome) for outcome in outcomes.values())
    small_disk.write(lambda session: limit_pages(session, 1000))
    small_disk.write(big)  # it goes on once there is room
    assert small_disk.verify_log().entries == 1


def test_a_work_that_goes_on_over_a_failed_statement_is_kept_whole_or_not_at_all(store: Store) -> None:
    from contextlib import suppress

    from django.db import DatabaseError, connections

    def work(session):
        session.add_change(Change(0, NOW, "log", "before", "ana"))
        with suppress(DatabaseError), connections[session._using].cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    outcome: object = "kept"
    try:
        store.write(work)
    except Exception as error:
        outcome = error
    with store.read() as session:
        assert len(session.changes(0, NOW)) == (1 if outcome == "kept" else 0)
    assert store.write(lambda session: session.add_change(Change(0, NOW, "log", "after", "ana"))).title == "after"


def test_a_work_cannot_call_the_writer_again(store: Store) -> None:
    with pytest.raises(RuntimeError, match="use the session"):
        store.write(lambda session: store.write(lambda inner: None))


def test_the_revision_grows_with_commits_only(store: Store) -> None:
    start = store.revision
    with pytest.raises(ZeroDivisionError):
        store.write(lambda session: 1 / 0)
    assert store.revision == start
    store.write(lambda session: session.set_cursor("x", 1))
    assert store.revision == start + 1


def test_a_closed_store_says_so_and_opens_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.write(lambda session: session.add_incident(incident()))
    revision = store.revision
    store.close()
    store.close()
    with pytest.raises(Locked, match="closed"):
        store.write(lambda session: None)
    again = Store.open(tmp_path)
    with again.read() as session:
        assert session.incident(1).service == "shop"
    assert again.revision >= revision
    again.close()


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert store.write(lambda session: session.add_incident(incident())).id == 1
    store.close()
    with closing(sqlite3.connect(tmp_path / "main.db", isolation_level=None)) as raw:
        raw.execute("DELETE FROM incident")
    store = Store.open(tmp_path)
    assert store.write(lambda session: session.add_incident(incident())).id == 2
    store.close()


def test_files_are_private_and_durable(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    store = Store.open(state)
    store.write(lambda session: session.set_cursor("x", 1))
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for name in ("main.db", "main.db-wal"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600, name
    store.close()


def test_an_upgrade_keeps_a_copy_of_the_store_as_it_was(tmp_path: Path) -> None:
    from django.core.management import call_command

    from watchkeeper.store import backups, opening

    Store.open(tmp_path / "other").close()  # Django is set up
    state = tmp_path / "state"
    state.mkdir()
    writing, _ = opening.aliases(state)
    call_command("migrate", "store", "0001", database=writing, verbosity=0)
    with closing(sqlite3.connect(state / "main.db", isolation_level=None)) as raw:
        raw.execute("INSERT INTO setting VALUES ('kept', 'yes')")
    store = Store.open(state)
    assert store.write(lambda session: session.append_entry(Draft(NOW, "note", "t", "ana"))).number == 1
    store.close()
    (kept,) = backups.find(state / backups.BEFORE_UPGRADE)
    copy = Path(kept.path) / "main.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("SELECT value FROM setting").fetchall() == [("yes",)]
        assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'chain'").fetchone() == (0,)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "main.db", isolation_level=None)) as raw:
        raw.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('store', '0999_future', '2030-01-01')")
    with pytest.raises(Invalid, match=r"newer watchkeeper.*0999_future"):
        Store.open(tmp_path)


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "main.db").write_bytes(content)
    with pytest.raises(Invalid, match=r"main\.db"):
        Store.open(tmp_path)


WRITER = """
import sys, threading
from watchkeeper.core.changes import Change
from watchkeeper.core.log.values import Draft
from watchkeeper.store.writer import Store

store = Store.open(sys.argv[1])
out = sys.stdout
lock = threading.Lock()

def busy(thread):
    for n in range(1_000_000):
        def work(session):
            session.add_change(Change(0, 1.0, "log", f"{thread}.{n}", "child"))
            return session.append_entry(Draft(1.0, "note", f"{thread}.{n}", "child")).number
        number = store.write(work)
        with lock:
            out.write(f"{thread}.{n} {number}\\n")
            out.flush()

for thread in range(4):
    threading.Thread(target=busy, args=(thread,)).start()
"""


@pytest.mark.parametrize("lines", [1, 25, 120])
def test_after_kill_9_everything_acknowledged_is_there(tmp_path: Path, lines: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "src"})
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.read().splitlines(keepends=True)
    child.wait()
    acknowledged = dict(line.split() for line in told if line.endswith("\n"))
    assert len(acknowledged) >= lines
    store = Store.open(tmp_path)
    verified = store.verify_log()
    with store.read() as session:
        entries = {entry.draft.title: entry.number for entry in session.entries(limit=1_000_000)}
        changes = {change.title for change in session.changes(0, 2, limit=1_000_000)}
    store.close()
    assert {title: int(number) for title, number in acknowledged.items()}.items() <= entries.items()
    assert changes == set(entries)  # both of a work, or neither
    assert verified.ok and verified.entries == len(entries)
