"""The operations log as it is kept: append-only tables, and tampering that `verify` names."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from tests.contract.test_store import fresh_database, server  # noqa: F401
from tests.fixtures.empty_store import open_store

from watchkeeper.core.errors import Invalid
from watchkeeper.core.log.chain import GENESIS
from watchkeeper.core.log.values import Draft
from watchkeeper.store.log_schema import _SQLITE_TRIGGERS
from watchkeeper.store.writer import Store

NOW = 1_763_000_000.123456


def draft(n: int, **more) -> Draft:
    sections = (("Change", f'text of {n}\nwith é, "quotes" and \\ back'), ("Follow-up Actions", ""))
    values = {"at": NOW + n, "type": "Incident", "title": f"entry {n}", "actor": "ana", "sections": sections,
              "facts": {"incident": n, "duration_s": 1.5, "own": True, "host": None}} | more  # fmt: skip
    return Draft(**values)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A store with ten entries, closed."""
    store = open_store(tmp_path)
    store.write(lambda session: [session.append_entry(draft(n)) for n in range(1, 11)])
    store.close()
    return tmp_path


def raw(state: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(state / "main.db", isolation_level=None))


def tampered(state: Path, *statements: str | tuple[str, tuple]):
    """Verification after raw SQL by somebody who took the triggers away and put them back."""
    with raw(state) as connection:
        for name in _SQLITE_TRIGGERS:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(*(statement if isinstance(statement, tuple) else (statement,)))
        for text in _SQLITE_TRIGGERS.values():
            connection.execute(text)
    store = open_store(state)
    try:
        return store.verify_log()
    finally:
        store.close()


def test_entries_come_back_as_they_were_drafted(state: Path) -> None:
    store = open_store(state)
    with store.read() as session:
        assert session.entry_count() == 10
        entries = session.entries()
        assert [entry.number for entry in entries] == list(range(10, 0, -1))
        assert [entry.draft for entry in entries] == [draft(n) for n in range(10, 0, -1)]
        assert session.entry(1).previous == GENESIS
        assert all(newer.previous == older.hash for newer, older in pairwise(entries))
        assert [entry.number for entry in session.entries(limit=2, before=5)] == [4, 3]
    verified = store.verify_log()
    assert (verified.ok, verified.entries, verified.first_bad, verified.head) == (True, 10, None, entries[0].hash)
    assert entries[0].hash in verified.sentence
    store.close()


@pytest.mark.parametrize(("text", "found"), [
    ("entry 3", [3]), ("TEXT OF 7", [7]), ("with É", list(range(10, 0, -1))),
    ('"quotes" and \\', list(range(10, 0, -1))),
    ("severity", []), ("50%", []), ("nothing", []), ("of 1\nwith", [1]),
])  # fmt: skip
def test_entries_are_found_by_their_text_not_by_field_names(state: Path, text: str, found: list[int]) -> None:
    store = open_store(state)
    with store.read() as session:
        assert [entry.number for entry in session.entries(text=text)] == found
    store.close()


def test_search_goes_on_past_a_page_of_near_misses(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write(lambda session: [session.append_entry(draft(n, facts={"title": n})) for n in range(1, 2102)])
    with store.read() as session:
        assert [entry.number for entry in session.entries(text="entry 1", limit=3, before=12)] == [11, 10, 1]
        assert [entry.number for entry in session.entries(text="entry 42", limit=500)][-1] == 42
    store.close()


@pytest.mark.parametrize("statement", [
    "UPDATE chain SET at = at", "DELETE FROM chain", "DELETE FROM chain WHERE number = 10",
    "UPDATE body SET content = ''",
    "DELETE FROM body WHERE number = 1",
    "INSERT OR REPLACE INTO chain SELECT number, previous, at, digest, 'x' FROM chain WHERE number = 10",
    "INSERT OR REPLACE INTO chain SELECT 11, previous, at, digest, 'x' FROM chain WHERE number = 10",
    "INSERT OR REPLACE INTO chain SELECT 12, hash, at, digest, 'x' FROM chain WHERE number = 10",
    "INSERT OR REPLACE INTO body VALUES (10, 'other')",
    "REPLACE INTO body SELECT number, 'x' FROM body",
])  # fmt: skip
def test_triggers_refuse_every_change_of_what_is_kept(state: Path, statement: str) -> None:
    with raw(state) as connection:
        before = connection.execute("SELECT * FROM chain JOIN body USING (number)").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        assert connection.execute("SELECT * FROM chain JOIN body USING (number)").fetchall() == before


@pytest.mark.parametrize("statement", [
    "UPDATE chain SET at = at", "DELETE FROM chain", "TRUNCATE chain", "UPDATE body SET content = ''",
    "DELETE FROM body", "TRUNCATE body", "INSERT INTO chain SELECT 7, hash, at, digest, 'x' FROM chain",
])  # fmt: skip
def test_triggers_refuse_on_postgresql_too(tmp_path: Path, server: str, statement: str) -> None:  # noqa: F811
    import psycopg

    url = fresh_database(server)
    store = open_store(tmp_path, url)
    store.write(lambda session: session.append_entry(draft(1)))
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(statement)
    assert store.verify_log().entries == 1
    store.close()


def test_two_stores_on_postgresql_append_to_one_chain(tmp_path: Path, server: str) -> None:  # noqa: F811
    import threading

    url = fresh_database(server)
    stores = [open_store(tmp_path / str(n), url) for n in range(2)]

    def append_forty(store: Store) -> None:
        for n in range(40):
            store.write(lambda session, n=n: session.append_entry(draft(n)))

    threads = [threading.Thread(target=append_forty, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verified = stores[0].verify_log()
    assert (verified.ok, verified.entries) == (True, 80)
    for store in stores:
        store.close()


@pytest.mark.parametrize("name", sorted(_SQLITE_TRIGGERS))
def test_a_missing_trigger_is_noticed_at_open(state: Path, name: str) -> None:
    with raw(state) as connection:
        connection.execute(f"DROP TRIGGER {name}")
    with pytest.raises(Invalid, match=f"not protected: {name}"):
        open_store(state)


def test_a_hollow_trigger_is_noticed_at_open(state: Path) -> None:
    with raw(state) as connection:
        connection.execute("DROP TRIGGER chain_no_update")
        connection.execute(
            "CREATE TRIGGER chain_no_update BEFORE UPDATE ON chain WHEN 0 BEGIN SELECT RAISE(ABORT, ''); END"
        )
    with pytest.raises(Invalid, match="chain_no_update"):
        open_store(state)


def test_a_migration_that_remakes_the_table_is_noticed_at_open(state: Path) -> None:
    with raw(state) as connection:  # what Django does on SQLite when a column changes
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute("CREATE TABLE new__chain AS SELECT * FROM chain")
        connection.execute("DROP TABLE chain")
        connection.execute("ALTER TABLE new__chain RENAME TO chain")
    with pytest.raises(Invalid, match="chain_follows, chain_no_delete, chain_no_update"):
        open_store(state)


def test_any_single_changed_byte_is_named(state: Path) -> None:
    chance = random.Random(7)
    with raw(state) as connection:
        rows = {
            (table, column, number): bytes(value)
            for table, column in (("chain", "previous"), ("chain", "digest"), ("chain", "hash"), ("body", "content"))
            for number, value in connection.execute(f"SELECT number, CAST({column} AS BLOB) FROM {table}")
        }
    for place in chance.sample(sorted(rows), 24):
        table, column, number = place
        value = bytearray(rows[place])
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
        update = f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE number = ?"
        found = tampered(state, (update, (bytes(value), number)))
        assert (found.ok, found.first_bad, found.entries) == (False, number, number - 1), place
        assert f"Entry {number} " in found.sentence
        assert tampered(state, (update, (rows[place], number))).ok  # put back: whole again


@pytest.mark.parametrize(("statements", "first_bad"), [
    (["UPDATE chain SET at = at + 1 WHERE number = 4"], 4),
    (["UPDATE chain SET at = CAST(at AS REAL) + 0.5 WHERE number = 4"], 4),
    (["DELETE FROM chain WHERE number = 4"], 4),
    (["DELETE FROM body WHERE number = 4"], 4),
    (["DELETE FROM chain WHERE number = 1", "DELETE FROM body WHERE number = 1"], 1),
    (["DELETE FROM chain WHERE number = 4", "DELETE FROM body WHERE number = 4",
      "UPDATE chain SET number = number - 1 WHERE number > 4",
      "UPDATE body SET number = number - 1 WHERE number > 4"], 4),
    (["UPDATE chain SET number = -3 WHERE number = 3", "UPDATE chain SET number = 3 WHERE number = 6",
      "UPDATE chain SET number = 6 WHERE number = -3"], 3),
    (["UPDATE body SET number = -3 WHERE number = 3", "UPDATE body SET number = 3 WHERE number = 6",
      "UPDATE body SET number = 6 WHERE number = -3"], 3),
    (["INSERT INTO chain SELECT -5, 'p', at, digest, 'h' FROM chain WHERE number = 5"], -5),
    (["INSERT INTO chain SELECT 11, 'p', at, digest, 'h' FROM chain WHERE number = 5",
      "INSERT INTO body SELECT 11, content FROM body WHERE number = 5"], 11),
    (["DELETE FROM chain WHERE number = 10"], 10),
])  # fmt: skip
def test_removed_swapped_moved_and_added_rows_are_named(state: Path, statements: list[str], first_bad: int) -> None:
    found = tampered(state, *statements)
    assert (found.ok, found.first_bad) == (False, first_bad)


def test_a_cut_tail_is_a_whole_chain_with_another_head(state: Path) -> None:
    store = open_store(state)
    head = store.verify_log().head
    store.close()
    found = tampered(state, "DELETE FROM chain WHERE number = 10", "DELETE FROM body WHERE number = 10")
    assert (found.ok, found.entries) == (True, 9)
    assert found.head != head


def test_a_rewritten_entry_breaks_the_next_one(state: Path) -> None:
    """Somebody who recomputes digest and hash of an entry is found at the entry after it."""
    from watchkeeper.core.log.chain import chained, microseconds

    with raw(state) as connection:
        (previous,) = connection.execute("SELECT previous FROM chain WHERE number = 4").fetchone()
    entry, body = chained(draft(4, title="something else"), 4, previous)
    found = tampered(
        state,
        ("UPDATE body SET content = ? WHERE number = 4", (body.decode(),)),
        ("UPDATE chain SET at = ?, digest = ?, hash = ? WHERE number = 4",
         (microseconds(entry.draft.at), entry.digest, entry.hash)),
    )  # fmt: skip
    assert (found.ok, found.first_bad) == (False, 5)


def test_an_altered_body_is_not_shown_as_if_it_were_one(state: Path) -> None:
    tampered(state, "UPDATE body SET content = 'null' WHERE number = 4")
    store = open_store(state)
    with store.read() as session, pytest.raises(Invalid, match=r"Entry 4.*cannot be read"):
        session.entry(4)
    store.close()
