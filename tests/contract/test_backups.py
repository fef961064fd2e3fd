"""Our own backup on real files: what is copied, what is checked, what stays, and what a restore must not do again."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_store import NOW, incident, run
from tests.fixtures.empty_store import open_store

from watchkeeper.core import backups as core
from watchkeeper.core.checks.values import Flip, State
from watchkeeper.core.errors import Forbidden, Invalid, NotFound, WatchkeeperError
from watchkeeper.core.log.values import Draft
from watchkeeper.core.runs.values import Approval, PlanStep, Run, RunState, RunStep, StepState
from watchkeeper.services.responses import AUTOMATION_OFF
from watchkeeper.store import backups, upgrading, versions
from watchkeeper.store.evidence import EvidenceStore
from watchkeeper.store.readings.reader import ReadingsReader
from watchkeeper.store.readings.writer import ReadingsWriter
from watchkeeper.store.restoring import restore

LATER = NOW + 3600.0


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory with something in each database, closed in order."""
    state = tmp_path / "state"
    with closing(open_store(state)) as store, closing(EvidenceStore(state / "evidence.db")) as evidence:
        store.write(lambda session: session.set_setting("installation", "abc123"))
        for number in range(3):
            store.write(lambda session, n=number: session.append_entry(Draft(NOW + n, "note", f"entry {n}", "ana")))
        store.write(lambda session: session.add_incident(incident()))
        evidence.append(1, 0, 1, b"kept output")
    with closing(ReadingsWriter(state / "readings.db")) as readings:
        readings.write([], [flip()], {})
    (state / "secret.key").write_text("k" * 48)
    return state


def flip() -> Flip:
    return Flip(0, "shop/web", "shop", None, NOW, State.OK, State.CRIT, "refused", {}, "r", "status != 200")


def entries(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "main.db")) as raw:
        return [json.loads(content)["title"] for (content,) in raw.execute("select content from body order by number")]


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- making --------------------------------------------------------------------------------------------------------


def test_a_backup_holds_everything_is_private_and_says_what_it_is(state: Path, tmp_path: Path) -> None:
    found = backups.make(state, tmp_path / "to", now=NOW)
    folder = Path(found.path)
    assert folder.name == "watchkeeper-20251113T021320Z"
    assert listing(folder) == ["evidence.db", "main.db", "manifest.json", "readings.db", "secret.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((tmp_path / "to").stat().st_mode) == 0o700
    manifest = found.manifest
    assert (manifest.entries, manifest.open_incidents, manifest.installation) == (3, 1, "abc123")
    assert manifest.versions == versions.known()
    assert backups.verify(folder) == manifest
    assert entries(folder) == ["entry 0", "entry 1", "entry 2"]
    assert [each.path for each in backups.find(tmp_path / "to")] == [found.path]


def test_while_it_is_written_to_every_backup_is_whole_and_no_writer_waits_in_vain(state: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with closing(open_store(state)) as store, closing(EvidenceStore(state / "evidence.db")) as evidence:
        written: list[int] = []

        def busy() -> None:
            while not stop.is_set():
                number = store.write(lambda session: session.append_entry(Draft(NOW, "note", "more", "ana"))).number
                evidence.append(number, 0, 1, b"x" * 5000)
                written.append(number)

        thread = threading.Thread(target=busy)
        thread.start()
        while not written:  # the first entries are the fixture's own, without evidence
            time.sleep(0.01)
        found = [backups.make(state, tmp_path / "to", now=NOW + n) for n in range(4)]
        stop.set()
        thread.join()
        assert store.verify_log().ok
    counts = [each.manifest.entries for each in found]
    assert counts == sorted(counts) and counts[-1] > counts[0] >= 3, "the load went on while the copies were made"
    for each in found:
        assert backups.verify(Path(each.path)).entries == each.manifest.entries
        with closing(sqlite3.connect(Path(each.path) / "evidence.db")) as raw:
            kept = raw.execute("select max(run) from chunk").fetchone()[0]
        assert kept >= each.manifest.entries - 1, "what main.db knows is in evidence.db: it is copied after it"


def test_a_backup_of_committed_work_that_a_killed_process_left_in_the_wal(state: Path, tmp_path: Path) -> None:
    raw = sqlite3.connect(state / "main.db", isolation_level=None)
    raw.execute("pragma wal_autocheckpoint = 0")
    raw.execute("insert into setting values ('late', 'yes')")
    folder = Path(backups.make(state, tmp_path / "to", now=NOW).path)
    with closing(sqlite3.connect(folder / "main.db")) as copy:
        assert copy.execute("select value from setting where name = 'late'").fetchone() == ("yes",)
    raw.close()


def test_keep_removes_only_the_oldest_of_this_installation(state: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    other = Path(backups.make(state, to, now=NOW - 100).path)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"installation": "another"}))
    (to / "watchkeeper-20200101T000000Z").mkdir()  # has no manifest: not ours to remove
    (to / "notes.txt").write_text("mine")
    for second in range(5):
        backups.make(state, to, now=NOW + second, keep=3)
    assert [each.manifest.made_at - NOW for each in backups.find(to)] == [4, 3, 2, -100]
    assert {"notes.txt", "watchkeeper-20200101T000000Z", other.name} <= set(listing(to))


def test_what_a_killed_backup_left_is_removed_by_the_next(state: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    here = socket.gethostname()
    for name in (f"{here}.4194999", f"elsewhere.{os.getpid()}", f"{here}.{os.getpid()}"):
        (to / f".watchkeeper-20251113T021320Z.{name}.partial").mkdir(parents=True)
    backups.make(state, to, now=time.time())
    left = [path.name.removesuffix(".partial") for path in to.glob(".watchkeeper-*.partial")]
    assert sorted(name.rpartition("Z.")[2] for name in left) == sorted(
        [f"elsewhere.{os.getpid()}", f"{here}.{os.getpid()}"]
    )


def test_two_in_one_second_have_names_of_their_own(state: Path, tmp_path: Path) -> None:
    names = [Path(backups.make(state, tmp_path / "to", now=NOW).path).name for _ in range(3)]
    assert names == [f"watchkeeper-20251113T021320Z{end}" for end in ("", "-2", "-3")]
    assert all(core.is_name(name) for name in names)


def test_places_that_would_not_help_are_refused(state: Path, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="inside the state directory"):
        backups.make(state, state / "copies", now=NOW)
    with pytest.raises(NotFound, match="no main store"):
        backups.make(tmp_path, tmp_path / "to", now=NOW)
    (tmp_path / "file").write_text("")
    with pytest.raises(WatchkeeperError, match="could not be made"):
        backups.make(state, tmp_path / "file", now=NOW)
    assert not (tmp_path / "to").exists()


def test_a_store_that_is_damaged_makes_no_backup_and_removes_none(state: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    good = backups.make(state, to, now=NOW, keep=1)
    with closing(sqlite3.connect(state / "main.db", isolation_level=None)) as raw:
        raw.execute("drop trigger body_no_update")
        raw.execute("update body set content = replace(content, 'entry 1', 'entry I') where number = 2")
    with pytest.raises(Invalid, match="Entry 2 was altered"):
        backups.make(state, to, now=LATER, keep=1)
    assert listing(to) == [Path(good.path).name]


@pytest.mark.parametrize("name", ["main.db", "evidence.db", "secret.key", "manifest.json"])
def test_a_backup_that_was_changed_is_found_before_it_is_used(state: Path, tmp_path: Path, name: str) -> None:
    folder = Path(backups.make(state, tmp_path / "to", now=NOW).path)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (folder / name).write_bytes(data)
    with pytest.raises(Invalid, match=name.partition(".")[0]):
        backups.verify(folder)
    with pytest.raises(Invalid):
        restore(folder, tmp_path / "elsewhere", now=LATER)
    assert not (tmp_path / "elsewhere").exists()


def test_a_manifest_cannot_name_files_elsewhere(state: Path, tmp_path: Path) -> None:
    folder = Path(backups.make(state, tmp_path / "to", now=NOW).path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../../escaped"] = [1, "0" * 64]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Invalid, match="damaged"):
        backups.verify(folder)


# ---- restoring -----------------------------------------------------------------------------------------------------


def test_a_restore_elsewhere_loses_nothing_and_its_chain_goes_on(state: Path, tmp_path: Path) -> None:
    backups.make(state, tmp_path / "to", now=NOW)
    target = tmp_path / "other"
    target.mkdir(mode=0o700)
    done = restore(tmp_path / "to", target, now=LATER)
    assert (done.entries, done.aside) == (4, "")
    assert listing(target) == ["evidence.db", "main.db", "readings.db", "secret.key"]
    assert entries(target)[3] == "Restored from the backup of 2025-11-13 02:13:20 UTC"
    with closing(open_store(target)) as store, closing(EvidenceStore(target / "evidence.db")) as evidence:
        assert store.verify_log().ok
        assert store.write(lambda session: session.append_entry(Draft(NOW, "note", "goes on", "ana"))).number == 5
        with store.read() as session:
            assert session.incident(1).service == "shop"
            assert "restored from its backup" in (session.setting(AUTOMATION_OFF) or "")
        assert evidence.read(1, 0, 1) == b"kept output"
    assert ReadingsReader(target / "readings.db").newest_flip() == 1


def test_a_state_that_holds_something_is_kept_unless_told_and_then_moved_aside(state: Path, tmp_path: Path) -> None:
    backups.make(state, tmp_path / "to", now=NOW)
    with closing(open_store(state)) as store:
        store.write(lambda session: session.append_entry(Draft(NOW, "note", "after the backup", "ana")))
    with pytest.raises(Forbidden, match="already holds main"):
        restore(tmp_path / "to", state, now=LATER)
    assert entries(state)[-1] == "after the backup"
    done = restore(tmp_path / "to", state, now=LATER, replace_old=True)
    assert "after the backup" not in entries(state)
    assert entries(Path(done.aside))[-1] == "after the backup"
    assert not [path for path in state.iterdir() if path.name.startswith(".restoring")]


def test_a_restore_that_was_cut_short_is_not_taken_for_a_state(state: Path, tmp_path: Path) -> None:
    backups.make(state, tmp_path / "to", now=NOW)
    (state / versions.RESTORING).touch()
    with pytest.raises(Invalid, match="did not end"):
        versions.assert_usable(state)
    restore(tmp_path / "to", state, now=LATER)
    versions.assert_usable(state)


def test_after_a_restore_no_number_is_given_a_second_time(state: Path, tmp_path: Path) -> None:
    backups.make(state, tmp_path / "to", now=NOW)
    with closing(open_store(state)) as store:
        lost = store.write(lambda session: session.add_run(run())).id
    restore(tmp_path / "to", state, now=NOW + 3 * 86400.0, replace_old=True)
    with closing(open_store(state)) as store:
        assert lost == 1
        assert store.write(lambda session: session.add_run(run())).id == 4001, "there was no run in the backup at all"
        assert store.write(lambda session: session.add_incident(incident())).id == 5001


def step(index: int, state: StepState, **more: object) -> RunStep:
    plan = PlanStep(index, f"fix-{index}", "fix", "t", "touch x", "bash", "change", "app1")
    changes = {name: more.pop(name) for name in list(more) if name in ("risk", "idempotent")}
    return RunStep(0, index, replace(plan, **changes), state, **more)  # type: ignore[arg-type]


def with_steps(state: RunState, mode: str, *steps: RunStep) -> Run:
    found = run(state=state, mode=mode, ended_at=None)
    plan = replace(found.plan, steps=tuple(each.plan for each in steps))
    return replace(found, plan=plan, steps=steps)


def test_what_was_open_asks_and_what_was_at_work_is_asked_for_not_sent(state: Path, tmp_path: Path) -> None:
    sent = {"sent": True, "boot": "boot-1", "attempt": 1}
    open_runs = [
        with_steps(RunState.RUNNING, "auto", step(0, StepState.RUNNING, **sent), step(1, StepState.PLANNED)),
        with_steps(RunState.RUNNING, "manual", step(0, StepState.RUNNING, attempt=1, decided_by="ana")),
        with_steps(RunState.RUNNING, "auto", step(0, StepState.RUNNING, idempotent=True, **sent)),
        with_steps(RunState.READY, "propose", step(0, StepState.WAITS, decided_by="ana")),
        with_steps(RunState.PARKED, "propose", step(0, StepState.WAITS)),
        with_steps(RunState.PROVEN, "auto", step(0, StepState.DONE, decided_by="ana")),
    ]
    with closing(open_store(state)) as store:
        numbers = [store.write(lambda session, r=each: session.add_run(r)).id for each in open_runs]
        store.write(lambda session: session.add_approval(Approval(0, numbers[4], 0, "binds", NOW, LATER)))
    backups.make(state, tmp_path / "to", now=NOW)
    done = restore(tmp_path / "to", tmp_path / "other", now=LATER) if (tmp_path / "other").mkdir() is None else None
    assert done is not None and done.open_runs == 5
    with closing(open_store(tmp_path / "other")) as store, store.read() as session:
        at_work, unsure, idempotent, approved, parked, ended = (session.run(number) for number in numbers)
        assert session.approvals(pending=True)[0].run == numbers[4]
    assert (at_work.mode, at_work.steps[0].state, at_work.steps[0].boot) == ("propose", StepState.RUNNING, "boot-1")
    assert [(each.mode, each.steps[0].state, each.steps[0].decided_by) for each in (unsure, idempotent, approved)] == [
        ("propose", StepState.INTERRUPTED, ""),
        ("propose", StepState.INTERRUPTED, ""),
        ("propose", StepState.WAITS, ""),
    ]
    assert "may have partly run" in unsure.steps[0].message
    assert (parked.state, parked.steps[0].state) == (RunState.PARKED, StepState.WAITS)
    assert (ended.mode, ended.steps[0].decided_by) == ("auto", "ana"), "what has ended stays as it ended"
    assert len(done.asks) == 5


# ---- versions ------------------------------------------------------------------------------------------------------


def newer(state: Path, name: str) -> None:
    with closing(sqlite3.connect(state / name, isolation_level=None)) as raw:
        if name == "main.db":
            raw.execute(
                "insert into django_migrations (app, name, applied) values ('store', '0999_future', '2030-01-01')"
            )
        else:
            raw.execute("pragma user_version = 99")


@pytest.mark.parametrize("name", ["main.db", "evidence.db", "readings.db"])
def test_a_file_of_a_newer_program_is_refused_in_one_sentence_and_left_alone(
    state: Path, tmp_path: Path, name: str
) -> None:
    newer(state, name)
    before = {path.name: path.read_bytes() for path in state.iterdir() if path.suffix == ".db"}
    with pytest.raises(Invalid, match="written by a newer watchkeeper") as told:
        versions.assert_usable(state)
    assert told.value.sentence.count(". ") == 0 and "restore self" in told.value.hint
    openers = {
        "main.db": lambda: open_store(state),
        "evidence.db": lambda: EvidenceStore(state / name),
        "readings.db": lambda: ReadingsWriter(state / name),
    }
    with pytest.raises(Invalid, match="newer watchkeeper"):
        openers[name]()
    assert {path.name: path.read_bytes() for path in state.iterdir() if path.suffix == ".db"} == before
    backups.make(state, tmp_path / "to", now=NOW)
    (tmp_path / "other").mkdir()
    with pytest.raises(Invalid, match="newer watchkeeper"):
        restore(tmp_path / "to", tmp_path / "other", now=LATER)


def test_what_is_pending_is_named_and_kept_once_before_it_is_changed(state: Path) -> None:
    assert versions.pending(state) == []
    with closing(sqlite3.connect(state / "evidence.db", isolation_level=None)) as raw:
        raw.execute("pragma user_version = 0")  # as it was before versions were counted
    assert versions.pending(state) == ["evidence.db 1"]
    with closing(EvidenceStore(state / "evidence.db")) as evidence:
        assert evidence.read(1, 0, 1) == b"kept output"
    assert versions.pending(state) == []
    (kept,) = backups.find(state / backups.BEFORE_UPGRADE)
    assert kept.manifest.versions.evidence == 0 and kept.manifest.upgrade == str(versions.known())
    assert backups.verify(Path(kept.path)).entries == 3


def test_a_program_on_the_disk_that_is_newer_than_the_state_is_told(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer_tree = tmp_path / "migrations"
    newer_tree.mkdir()
    for name in (*versions.known_changes(), "0900_shift"):
        (newer_tree / f"{name}.py").touch()
    monkeypatch.setattr(versions, "MIGRATIONS", newer_tree)
    assert backups.StateBackups(state, lambda: NOW).pending() == ["main.db 0900_shift"]
    assert versions.pending(tmp_path / "new") == [], "a state that is new has nothing to change"


def test_no_schema_change_without_its_backup(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(state / "evidence.db", isolation_level=None)) as raw:
        raw.execute("pragma user_version = 0")
    (state / backups.BEFORE_UPGRADE).write_text("in the way")
    with pytest.raises(Invalid, match="The upgrade was not begun"), upgrading.upgrading(state):
        raise AssertionError("the block was entered")
    with pytest.raises(Invalid, match="Until then start the older program"):
        EvidenceStore(state / "evidence.db")
    assert versions.number_in(state / "evidence.db") == 0
