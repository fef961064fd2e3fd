"""The node table and the writer's fence on a real PostgreSQL, and what one machine keeps free of."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_engine import a_run, state_of
from tests.contract.test_store import fresh_database
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import postgresql_server

from watchkeeper.core.errors import Locked, Outcast, StoreAway
from watchkeeper.core.nodes import GONE_S, GRACE_S, Node
from watchkeeper.core.runs.values import RunState
from watchkeeper.store import nodes
from watchkeeper.store.nodes import NodeTable

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def server(requires: Callable[..., None]) -> Iterator[str]:
    requires("postgresql")
    with postgresql_server() as url:
        yield url


class Member:
    """A node without programs: a store and its table."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.store = open_store(folder / name, url)
        self.table = NodeTable(self.store, url, name, f"host-{name}", os.getpid(), "test")
        self.node = self.table.join()

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def grow_old(self, seconds: float) -> None:
        self.ask("UPDATE node SET seen_at = seen_at - %s WHERE id = %s", seconds, self.name)


@pytest.fixture
def two(server: str, tmp_path: Path) -> Iterator[tuple[Member, Member]]:
    url = fresh_database(server)
    members = Member(tmp_path, url, "a"), Member(tmp_path, url, "b")
    yield members
    for member in members:
        member.store.node = None
        member.table.leave()
        member.store.close()


def test_nodes_see_each_other(two: tuple[Member, Member]) -> None:
    first, _second = two
    seen = first.table.beat("r1")
    assert seen is not None
    assert [(node.id, node.number, node.epoch) for node in seen.nodes] == [("a", 1, 1), ("b", 2, 1)]
    assert seen.nodes[0].revision == "r1"
    assert 0 <= seen.nodes[1].age_s < 30


def test_one_state_directory_is_one_node(
    two: tuple[Member, Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "LOCK_S", 0.5)
    copied = NodeTable(two[0].store, two[0].url, "a", "elsewhere", 1, "test")
    with pytest.raises(Locked, match=r"on host-a as process .* delete its file node\.id"):
        copied.join()


def test_only_a_silent_node_is_taken_over_from_and_only_once(two: tuple[Member, Member]) -> None:
    first, second = two
    number = a_run(first.store)
    first.store.write(lambda session: session.claim_run(number, NOW))
    first.table.beat("")
    assert second.table.take_over(first.node) is None
    first.grow_old(GONE_S + 1)
    assert second.table.take_over(first.node) is None  # its connection lives, so it may only be slow
    first.grow_old(GRACE_S)
    assert second.table.take_over(first.node) == [number]
    assert second.table.take_over(first.node) is None
    with second.store.read() as session:
        run = session.run(number)
    assert (run.state, run.segment) == (RunState.READY, 2)


def test_a_node_whose_connection_is_gone_is_not_waited_for(two: tuple[Member, Member]) -> None:
    first, second = two
    first.table._own.close()  # type: ignore[union-attr]
    first.grow_old(GONE_S + 1)
    assert second.table.take_over(first.node) == []


def test_a_node_that_was_declared_dead_writes_nothing_any_more(two: tuple[Member, Member]) -> None:
    first, second = two
    number = a_run(second.store)
    claimed = first.store.write(lambda session: session.claim_run(number, NOW))
    assert claimed is not None
    first.grow_old(GRACE_S + 1)
    assert second.table.take_over(first.node) == [number]
    with pytest.raises(Outcast, match="declared it dead"):
        first.store.write(lambda session: session.save_run(replace(claimed, state=RunState.FAILED)))
    assert state_of(second.store, number) is RunState.READY
    assert first.table.beat("") is None


def test_a_restart_goes_on_with_what_the_last_life_left(two: tuple[Member, Member]) -> None:
    first, _second = two
    number = a_run(first.store)
    first.store.write(lambda session: session.claim_run(number, NOW))
    first.table._own.close()  # type: ignore[union-attr]
    again = first.table.join()
    assert (again.epoch, again.number) == (2, 3)  # a new epoch, and it goes to the end of the line of leaders
    assert state_of(first.store, number) is RunState.READY


def test_runs_of_nobody_are_adopted(two: tuple[Member, Member]) -> None:
    first, second = two
    lost, kept = a_run(first.store, RunState.RUNNING), a_run(first.store)
    first.store.write(lambda session: session.claim_run(kept, NOW))
    assert second.table.adopt() == [lost]
    assert state_of(first.store, kept) is RunState.RUNNING


def test_all_writers_take_turns(two: tuple[Member, Member]) -> None:
    """What a work reads stays true until its commit, whichever node it is on: no count is lost."""
    members = list(two)

    def count(member: Member) -> None:
        for _ in range(25):
            member.store.write(
                lambda session: session.set_setting("count", str(int(session.setting("count") or 0) + 1))
            )

    threads = [threading.Thread(target=count, args=(member,)) for member in members for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with members[0].store.read() as session:
        assert session.setting("count") == "100"


def test_a_work_goes_on_after_its_connection_was_ended(two: tuple[Member, Member]) -> None:
    first, _second = two
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE %s"
    tries: list[int] = []

    def work(session) -> None:  # type: ignore[no-untyped-def]
        session.set_setting("half", "way")
        if not tries:
            first.ask(ended, "%half%")
            first.ask("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
                      0x776B_0001)  # fmt: skip
        tries.append(1)
        session.set_setting("whole", str(len(tries)))

    first.store.write(work)
    assert len(tries) == 2
    with first.store.read() as session:
        assert (session.setting("half"), session.setting("whole")) == ("way", "2")


def test_a_reader_whose_connection_was_ended_says_so_and_goes_on(two: tuple[Member, Member]) -> None:
    first, second = two
    second.store.write(lambda session: session.set_setting("kept", "yes"))
    readers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state LIKE %s"
    with pytest.raises(StoreAway, match="cannot be reached"), first.store.read() as session:
        assert session.setting("kept") == "yes"
        first.ask(readers, "idle in transaction%")
        session.setting("kept")
    first.ask(readers, "idle%")
    with first.store.read() as session:  # made anew, without a word
        assert session.setting("kept") == "yes"


def test_a_frozen_writer_does_not_hold_up_the_others(two: tuple[Member, Member]) -> None:
    """A node that stops inside a transaction has the turn of all writers; the server ends it after some seconds."""
    first, second = two
    inside, go_on = threading.Event(), threading.Event()

    def work(session) -> None:  # type: ignore[no-untyped-def]
        session.set_setting("frozen", "yes")
        inside.set()
        go_on.wait(60)
        go_on.set()

    frozen = threading.Thread(target=lambda: first.store.write(work))
    frozen.start()
    inside.wait(10)
    second.store.write(lambda session: session.set_setting("other", "yes"))  # refused after 20 s, if it were held up
    go_on.set()
    frozen.join(60)
    with second.store.read() as session:
        assert session.setting("frozen") == "yes"  # done again, whole


def test_the_inventory_in_force_and_questions_to_another_node(two: tuple[Member, Member]) -> None:
    first, second = two
    assert (second.table.revision(), second.table.inventory()) == ("", {})
    for number in range(nodes.REVISIONS_KEPT + 3):
        first.table.keep_inventory(f"r{number}", {"watchkeeper.yaml": b"team: T\n", "runbooks/\u00e9.md": b"\0\xff"})
    assert second.table.revision() == f"r{nodes.REVISIONS_KEPT + 2}"
    assert second.table.inventory() == {"watchkeeper.yaml": b"team: T\n", "runbooks/\u00e9.md": b"\0\xff"}
    assert first.ask("SELECT count(*) FROM ops_revision") == [(nodes.REVISIONS_KEPT,)]
    ask = first.table.want("b", ["shop/web"])
    assert first.table.wanted() == []
    assert second.table.wanted() == [ask]
    assert not first.table.is_done(ask)
    second.table.done(ask)
    assert first.table.is_done(ask)


def test_news_of_another_node_move_the_revision(two: tuple[Member, Member]) -> None:
    first, second = two
    first.table.wait(0.3, first.store.heard)
    before = first.store.revision
    second.store.write(lambda session: session.set_setting("news", "1"))
    first.table.wait(2.0, first.store.heard)
    assert first.store.revision > before


# ---- the engine is told nothing it need not know ----------------------------------------------------------------------


def test_dbos_gets_no_key_and_no_service(server: str) -> None:
    from watchkeeper.engine.distributed import configuration

    told = configuration("postgresql://watch@127.0.0.1/x", "a", "watchkeeper a 1")
    wrong = [name for name in told if name.startswith(("conductor", "otlp", "auto_upgrade")) or "key" in name]
    assert wrong == []
    assert "sharding" not in told and "enable_patching" not in told
    assert type(told["serializer"]).__name__ == "DBOSPortableJSONSerializer"  # else values would be pickled
    import importlib.util

    assert importlib.util.find_spec("dbos_enterprise") is None


ALONE = """
import sys
import watchkeeper.bootstrap.main, watchkeeper.bootstrap.watch, watchkeeper.programs.main
print([name for name in ("dbos", "psycopg", "sqlalchemy") if name in sys.modules])
"""
MISSING = """
import sys
sys.modules["dbos"] = None
from watchkeeper.bootstrap import nodes
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "dbos" else found(name)
try:
    nodes.assert_installed()
except Exception as error:
    print(error)
"""


def test_one_machine_loads_nothing_of_this() -> None:
    clean = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, env=clean)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_the_extra_one_sentence_says_how_to_install_it() -> None:
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True)
    assert "needs dbos, which a plain installation does not have" in done.stdout, done.stderr
    assert f"{sys.executable} -m pip install 'dbos>=3.4,<3.5'" in done.stdout


def test_a_node_has_a_name_for_people() -> None:
    assert Node("3f2c99", 1, 1, "app-a", 7, "0.1", 0.0, 0.0).name == "app-a (3f2c)"
