"""Bodies leave the log only as an entry says; whoever is killed in the middle loses nothing and does nothing twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_store import fresh_database, server  # noqa: F401
from tests.fixtures.empty_store import open_store
from tests.fixtures.log_keeping import Kept, archive, draft, lived_through, purge

from watchkeeper.adapters.log_stage import FileStage
from watchkeeper.core.actors import LOCAL, Actor
from watchkeeper.core.errors import Forbidden, Invalid, NotFound, Usage
from watchkeeper.core.log.chain_file import line_of
from watchkeeper.core.log.values import Draft
from watchkeeper.services.log.questions import catch_up
from watchkeeper.store import log_rows
from watchkeeper.store.log_schema import _SQLITE_TRIGGERS

PLACE = "docs/archive/operations-log-2022.jsonl"


def old(n: int, **more: Any) -> Draft:
    return draft(n, 3.0, **more)


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    url = fresh_database(request.getfixturevalue("server")) if request.param == "postgresql" else ""
    made = Kept(tmp_path, url)
    yield made
    made.close()


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Ten entries, 1 to 6 old; in a closed store."""
    made = Kept(tmp_path)
    made.append(*(old(n) for n in range(1, 7)), *(draft(n) for n in range(7, 11)))
    made.close()
    return tmp_path


# ---- what leaves -----------------------------------------------------------------------------------------------------


def test_old_entries_move_into_the_file_of_their_year_and_are_shown_from_there(kept: Kept) -> None:
    drafts = [
        old(1),
        old(2, severity="Medium"),
        old(3, severity="High"),
        draft(4),
        old(5, severity="odd"),
        draft(6, 5.0),
    ]
    kept.append(*drafts)
    planned = kept.keeping.planned()
    assert [(each.place, each.numbers) for each in planned] == [
        ("docs/archive/operations-log-2020.jsonl", (6,)), (PLACE, (1, 2)),
    ]  # fmt: skip
    assert kept.keeping.archive(LOCAL) == planned
    assert kept.keeping.archive(LOCAL) == []
    verified = kept.store.verify_log()
    assert (verified.ok, verified.entries, verified.archived, verified.checked) == (True, 8, 3, 3)
    shown = kept.drafts()
    assert [shown[number] for number in range(1, 7)] == drafts
    with kept.store.read() as session:
        assert session.entry(1).absence.place == PLACE
        assert session.entry(3).absence is None
    assert "entry 2" in (kept.root / "ops" / PLACE).with_suffix(".md").read_text()


def test_a_correction_is_kept_as_long_as_what_it_corrects(kept: Kept) -> None:
    kept.append(old(1), old(2, severity="High", corrects=1), old(3, severity="High"), old(4, corrects=3), old(5))
    assert [each.numbers for each in kept.keeping.planned()] == [(5,)]


def test_held_entries_stay_until_the_hold_ends(kept: Kept) -> None:
    kept.append(*(old(n, tags=("court",) if n == 2 else ()) for n in range(1, 5)))
    by_number = kept.keeping.hold(LOCAL, "case 12", entries="1,4")
    kept.keeping.hold(LOCAL, "case 13", query="tag:court")
    assert [each.numbers for each in kept.keeping.planned()] == [(3,)]
    with pytest.raises(Forbidden, match="case 13"):
        kept.keeping.purge(LOCAL, 2, "why")
    kept.keeping.release(LOCAL, by_number.entry)
    with pytest.raises(Usage, match="ended before"):
        kept.keeping.release(LOCAL, by_number.entry)
    assert [each.numbers for each in kept.keeping.planned()] == [(1, 3, 4)]
    assert [each.released_by is None for each in kept.keeping.holds()] == [False, True]


def test_a_purge_takes_the_files_of_its_entry_and_leaves_those_that_others_have_too(kept: Kept) -> None:
    names = ("mine.txt", "also-of-2.txt", "also-of-archived.txt")
    files = kept.store.write(lambda session: [session.keep_file(name, name.encode()) for name in names])
    kept.append(
        draft(1, attachments=tuple(files)), draft(2, attachments=(files[1],)), draft(3, 2.0, attachments=(files[2],))
    )
    catch_up(kept.store)
    kept.keeping.archive(LOCAL)
    kept.keeping.purge(LOCAL, 1, "held a key")
    with kept.store.read() as session:
        assert session.entry(3).absence is not None, "it is in the archive"
        assert [session.kept_file(each) for each in files[1:]] == [name.encode() for name in names[1:]]
        with pytest.raises(NotFound, match="not in the store"):
            session.kept_file(files[0])


def test_a_purged_text_is_nowhere_and_the_chain_holds(kept: Kept) -> None:
    secret = "hunter-two"
    kept.append(old(1, title=f"the key is {secret}"), draft(2, title=f"and {secret} again"), draft(3))
    kept.keeping.archive(LOCAL)
    for number in (1, 2):
        kept.keeping.purge(LOCAL, number, "held a key")
        with pytest.raises(Usage, match="purged before"):
            kept.keeping.purge(LOCAL, number, "again")
    kept.store.erase_deleted()
    verified = kept.store.verify_log()
    assert (verified.ok, verified.archived, verified.purged) == (True, 0, 2)
    assert "2 bodies purged" in verified.sentence
    assert secret not in str(kept.drafts())
    for path in kept.root.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    with pytest.raises(Forbidden, match="what was done with the log itself"):
        kept.keeping.purge(LOCAL, 4, "hide the archive")


def test_who_may(kept: Kept) -> None:
    kept.append(old(1))
    for role in ("viewer", "operator", "approver"):
        person = Actor("person", "bo", role)
        with pytest.raises(Forbidden):
            kept.keeping.archive(person)
        with pytest.raises(Forbidden):
            kept.keeping.purge(person, 1, "why")
    with pytest.raises(Forbidden):
        kept.keeping.hold(Actor("agent", "agent"), "mine", entries="1")
    with pytest.raises(Invalid, match="log_act"):
        kept.append(draft(2, facts={"log_act": "purged", "numbers": "1"}))


def test_a_file_of_the_team_and_one_of_another_chain_are_left_alone(tmp_path: Path) -> None:
    made, other = Kept(tmp_path / "a"), Kept(tmp_path / "b")
    for each in (made, other):
        each.append(old(1, title=str(each.root)))
    folder = tmp_path / "a/ops/docs/archive"
    folder.mkdir(parents=True)
    (folder / "operations-log-2022.md").write_text("# Ours, by hand\n")
    other.keeping.archive(LOCAL)
    stranger = (tmp_path / "b/ops" / PLACE).read_bytes()
    (folder / "operations-log-2022-2.jsonl").write_bytes(stranger)
    assert [each.place for each in made.keeping.archive(LOCAL)] == ["docs/archive/operations-log-2022-3.jsonl"]
    assert (folder / "operations-log-2022.md").read_text() == "# Ours, by hand\n"
    assert (folder / "operations-log-2022-2.jsonl").read_bytes() == stranger
    assert made.store.verify_log().checked == 1
    made.close()
    other.close()


@pytest.mark.parametrize("statement", [
    "DELETE FROM body WHERE number = 2", "DELETE FROM body", "DELETE FROM log_absence", "UPDATE log_absence SET entry = 2",
    "INSERT INTO log_absence VALUES (2, 'purged', 2, '', '', 1, 'eve')",
    "INSERT INTO log_absence VALUES (3, 'purged', 3, '', '', 1, 'eve')",
    "INSERT INTO log_absence VALUES (9, 'purged', 3, '', '', 1, 'eve')",
    "INSERT INTO log_absence VALUES (2, 'lost', 3, '', '', 1, 'eve')",
    "INSERT INTO body VALUES (1, 'other')", "INSERT INTO body VALUES (9, 'other')",
])  # fmt: skip
def test_triggers_refuse_what_no_entry_named(kept: Kept, statement: str) -> None:
    kept.append(old(1), draft(2))
    kept.keeping.archive(LOCAL)
    from django.db import DatabaseError, connections, transaction

    with (
        pytest.raises(DatabaseError, match=r"append-only|duplicate|UNIQUE"),
        transaction.atomic(using=kept.store.reading),
        connections[kept.store.reading].cursor() as cursor,
    ):
        if connections[kept.store.reading].vendor == "sqlite":
            cursor.execute("PRAGMA query_only = 0")
        else:
            cursor.execute("SET TRANSACTION READ WRITE")
        cursor.execute(statement)
    assert kept.store.verify_log().ok


@pytest.mark.parametrize("damage", [
    "DROP TRIGGER body_leaves ON body", "ALTER TABLE log_absence DISABLE TRIGGER log_absence_no_change",
    "CREATE OR REPLACE FUNCTION operations_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE TRIGGER eve BEFORE INSERT ON body FOR EACH ROW EXECUTE FUNCTION operations_log_refuse()",
])  # fmt: skip
def test_a_changed_trigger_or_function_is_noticed_on_postgresql(tmp_path: Path, server: str, damage: str) -> None:  # noqa: F811
    import psycopg

    url = fresh_database(server)
    open_store(tmp_path, url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(damage)
    with pytest.raises(Invalid, match="not protected"):
        open_store(tmp_path, url)


# ---- tampering -------------------------------------------------------------------------------------------------------

TABLES = {
    "chain": ("number", "previous", "at", "digest", "hash"),
    "body": ("number", "content"),
    "log_absence": ("number", "reason", "entry", "place", "digest", "at", "by"),
}


class Tampered:
    """The tables of a closed store in memory, without triggers, and a verification of them."""

    def __init__(self, root: Path, look: Callable[[Any], Any]) -> None:
        self._look = look
        self._kept = closing(sqlite3.connect(root / "state/main.db"))
        with self._kept as source:
            self.rows = {
                name: source.execute(f"SELECT {', '.join(map(repr_column, columns))} FROM {name}").fetchall()
                for name, columns in TABLES.items()
            }

    def verified(self, changed: dict[str, list[tuple[Any, ...]]]) -> Any:
        with closing(sqlite3.connect(":memory:")) as database:
            for name, columns in TABLES.items():
                database.execute(f"CREATE TABLE {name} ({', '.join(map(repr_column, columns))})")
                rows = changed.get(name, self.rows[name])
                database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' for _ in columns)})", rows)
            return log_rows.verify(
                lambda sql, values: database.execute(sql, values).fetchall(), "sqlite", "?", self._look
            )


def repr_column(name: str) -> str:
    return f'"{name}"'


@pytest.fixture
def tampered(tmp_path: Path) -> Tampered:
    """Archived, purged, archived and then purged, held: everything that rows can say."""
    made = Kept(tmp_path)
    made.append(*(old(n) for n in range(1, 6)), *(draft(n) for n in range(6, 10)))
    made.keeping.archive(LOCAL)
    made.keeping.purge(LOCAL, 2, "a secret")
    made.keeping.purge(LOCAL, 7, "a secret")
    made.keeping.hold(LOCAL, "case", entries="8")
    made.append(draft(14))
    made.close()
    return Tampered(tmp_path, made.archive.body)


def altered(value: Any, chance: random.Random) -> Any:
    """One bit of one byte is another."""
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(40))
    data = bytearray(value.encode() or b"\0")
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data).decode("utf-8", "surrogateescape") if _is_text(data) else bytes(data)


def _is_text(data: bytes | bytearray) -> bool:
    try:
        bytes(data).decode()
    except UnicodeDecodeError:
        return False
    return True


def test_any_single_byte_of_any_column_is_named(tampered: Tampered) -> None:
    chance = random.Random(11)
    assert tampered.verified({}).ok
    looked = 0
    for table, columns in TABLES.items():
        for index, row in enumerate(tampered.rows[table]):
            for place, column in enumerate(columns):
                for _ in range(3):
                    changed = list(tampered.rows[table])
                    changed[index] = (*row[:place], altered(row[place], chance), *row[place + 1 :])
                    found = tampered.verified({table: changed})
                    assert not found.ok, (table, column, row)
                    if (table, column) not in (("chain", "number"), ("body", "number"), ("log_absence", "number")):
                        assert found.first_bad == row[0], (table, column, row, found.sentence)
                    looked += 1
    assert looked > 300


def test_any_removed_row_and_any_swapped_pair_is_named(tampered: Tampered) -> None:
    for table, rows in tampered.rows.items():
        for index, row in enumerate(rows):
            if table == "chain" and index == len(rows) - 1:
                continue  # a cut tail leaves its body behind: named too, see below
            assert not tampered.verified({table: rows[:index] + rows[index + 1 :]}).ok, (table, row)
            for other in range(index + 1, len(rows)):
                swapped = list(rows)
                swapped[index] = (rows[other][0], *row[1:])
                swapped[other] = (row[0], *rows[other][1:])
                if swapped[index] != rows[index] and sorted(map(repr, swapped)) != sorted(map(repr, rows)):
                    assert not tampered.verified({table: swapped}).ok, (table, row, rows[other])
    assert not tampered.verified({"chain": tampered.rows["chain"][:-1]}).ok
    copied = [*tampered.rows["log_absence"], (9, *tampered.rows["log_absence"][0][1:])]
    without = [row for row in tampered.rows["body"] if row[0] != 9]
    found = tampered.verified({"log_absence": copied, "body": without})
    assert (found.ok, found.first_bad) == (False, 9)


def test_an_altered_archive_is_named(closed: Path) -> None:
    made = Kept(closed)
    made.keeping.archive(LOCAL)
    path = closed / "ops" / PLACE
    whole = path.read_bytes()
    for change, said in (
        (whole.replace(b"text of 3", b"text of 4"), "where its text was altered"),
        (b"".join(line for line in whole.splitlines(True) if b'"number":3,' not in line), "it is not in that file"),
        (whole.replace(b'{"number":3,', b'{"number":3,,'), "cannot be read"),
    ):
        path.write_bytes(change)
        found = made.store.verify_log()
        assert (found.ok, found.first_bad) == (False, 3)
        assert said in found.sentence
    path.unlink()
    found = made.store.verify_log()
    assert (found.ok, found.archived, found.checked) == (True, 6, 0)
    with made.store.read() as session:
        assert "not in the ops repo" in session.entry(3).draft.sections[0][1]
    made.close()


@pytest.mark.parametrize("name", sorted(_SQLITE_TRIGGERS))
def test_a_dropped_trigger_is_noticed_at_open(closed: Path, name: str) -> None:
    with closing(sqlite3.connect(closed / "state/main.db")) as database:
        database.execute(f"DROP TRIGGER {name}")
    with pytest.raises(Invalid, match=f"not protected: {name}"):
        open_store(closed / "state")


def test_a_trigger_too_many_and_a_table_made_anew_are_noticed(closed: Path) -> None:
    with closing(sqlite3.connect(closed / "state/main.db", isolation_level=None)) as database:
        database.execute("CREATE TRIGGER eve BEFORE INSERT ON body BEGIN SELECT RAISE(IGNORE); END")
        with pytest.raises(Invalid, match="not protected: eve"):
            open_store(closed / "state")
        database.execute("DROP TRIGGER eve")
        database.execute("PRAGMA legacy_alter_table = ON")
        database.execute("CREATE TABLE new__log_absence AS SELECT * FROM log_absence")  # what Django does
        database.execute("DROP TABLE log_absence")
        database.execute("ALTER TABLE new__log_absence RENAME TO log_absence")
    with pytest.raises(Invalid, match="log_absence_follows, log_absence_no_delete, log_absence_no_update"):
        open_store(closed / "state")


# ---- killed in the middle --------------------------------------------------------------------------------------------


def holds_together(root: Path, before: dict[int, Draft]) -> Kept:
    """After a kill: the start repairs, nothing is lost, nothing is twice, file and table agree."""
    kept = Kept(root)
    kept.keeping.repair()
    found = kept.store.verify_log()
    assert found.ok, found.sentence
    assert found.archived == found.checked
    with kept.store.read() as session:
        absences = session.log_absences()
    purged = {each.number for each in absences if each.reason == "purged"}
    shown = kept.drafts()
    assert all(shown[number] == each for number, each in before.items() if number not in purged)
    assert not (root / "state/archive.unfinished").exists()
    assert not [path for path in (root / "ops").rglob(".*") if path.is_file()]
    path = root / "ops" / PLACE
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    assert [each["number"] for each in lines] == sorted({each.number for each in absences if each.reason == "archived"})
    assert {each["number"] for each in lines if each["body"] is None} == purged & {each["number"] for each in lines}
    markdown = path.with_suffix(".md").read_text() if lines else ""
    for each in lines:
        assert markdown.count(f" - entry {each['number']}\n") == (each["number"] not in purged)
    return kept


@pytest.mark.parametrize("act", [archive, purge(2, 8)], ids=["archive", "purge"])
def test_killed_at_any_step_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, act: Callable[[Kept, Any], None]
) -> None:
    made = Kept(tmp_path / "before")
    made.append(*(old(n) for n in range(1, 7)), *(draft(n) for n in range(7, 10)))
    if act is not archive:
        made.keeping.archive(LOCAL)
    before = made.drafts()
    made.close()
    for step in range(60):
        root = tmp_path / str(step)
        shutil.copytree(tmp_path / "before", root)
        ended = lived_through(root, step, act)
        kept = holds_together(root, before)
        kept.keeping.archive(LOCAL)
        assert kept.keeping.planned() == []
        with kept.store.read() as session:
            assert len([each for each in session.log_absences() if each.reason == "archived"]) == 6
        assert kept.store.verify_log().ok
        kept.close()
        if ended:
            assert step > 5
            return
    pytest.fail("the act has more steps than were tried")


def test_killed_while_a_chain_is_taken_over_leaves_all_or_nothing(closed: Path, tmp_path: Path) -> None:
    source = Kept(closed)
    source.keeping.archive(LOCAL)
    with source.store.read() as session:
        absences = {each.number: each for each in session.log_absences()}
    text = "".join(f"{line}\n" for line in source.chain_file(source.store, None).page())
    head = source.store.verify_log().head
    assert len(absences) == 6
    source.close()

    def act(kept: Kept, store: Any) -> None:
        import hashlib

        files = kept.chain_file(store, FileStage(kept.root / "state"))
        files.receive(LOCAL, 0, text)
        files.take_over(LOCAL, hashlib.sha256(text.encode()).hexdigest())

    Kept(tmp_path / "empty").close()
    for step in range(30):
        root = tmp_path / f"to-{step}"
        shutil.copytree(tmp_path / "empty", root)
        ended = lived_through(root, step, act)
        kept = Kept(root)
        found = kept.store.verify_log()
        assert (found.ok, found.entries) in ((True, 0), (True, 11))
        if not found.entries:
            act(kept, kept.store)
            found = kept.store.verify_log()
        assert (found.ok, found.head, found.checked) == (True, head, 6)
        assert "".join(f"{line}\n" for line in kept.chain_file(kept.store, None).page()) == text
        kept.close()
        if ended:
            return
    pytest.fail("the act has more steps than were tried")


def _appending(root: Path, url: str, who: str, told: int) -> None:
    """A process that appends until it is killed, and says each number after its commit."""
    store = open_store(root / who, url) if url else open_store(root)
    n = 0
    while True:
        n += 1
        entry = store.write(lambda session, n=n: session.append_entry(draft(n, title=f"{who} {n}")))
        os.write(told, f"{entry.number} {who} {n}\n".encode())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_append_and_are_killed_and_the_chain_is_one(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_database(request.getfixturevalue("server")) if kind == "postgresql" else ""
    open_store(tmp_path, url).close()
    reads, told = os.pipe()
    chance = random.Random(3)
    for round_ in range(3):
        children = []
        for who in (f"a{round_}", f"b{round_}"):
            child = os.fork()
            if child == 0:
                try:
                    os.close(reads)
                    _appending(tmp_path, url, who, told)
                finally:
                    os._exit(1)
            children.append(child)
        time.sleep(0.8 + chance.random() * 0.4)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    os.close(told)
    with os.fdopen(reads) as file:
        acknowledged = [line.split(" ", 1) for line in file.read().splitlines()]
    store = open_store(tmp_path, url)
    found = store.verify_log()
    assert found.ok, found.sentence
    assert found.entries >= len(acknowledged) > 0
    with store.read() as session:
        kept = {entry.number: entry.draft.title for entry in session.entries(limit=100_000)}
    assert all(kept[int(number)] == title for number, title in acknowledged)
    assert len({title for _, title in acknowledged}) == len(acknowledged)
    assert sorted(kept) == list(range(1, found.entries + 1))
    store.close()


def test_a_stranger_chain_is_refused(tmp_path: Path) -> None:
    made = Kept(tmp_path)
    made.append(draft(1))
    with made.store.read() as session:
        line = line_of(session.log_links()[0])
    made.close()
    empty = Kept(tmp_path / "empty")
    files = empty.chain_file(empty.store, FileStage(empty.root / "state"))
    from django.db import DatabaseError

    for text in (
        line.replace("text of 1", "text of 2"),
        line.replace('"number":1', '"number":2'),
        "{}",
        "\x00",
        line[:50],
    ):
        import hashlib

        files.receive(LOCAL, 0, text)
        with pytest.raises((Invalid, DatabaseError)):
            files.take_over(LOCAL, hashlib.sha256(text.encode()).hexdigest())
        assert empty.store.verify_log().entries == 0
    empty.close()
