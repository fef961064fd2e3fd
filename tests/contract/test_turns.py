"""One changing run per host, whoever asks: threads of one node, two nodes on one store, and a node that died."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_store import fresh_database, run, server, store
from tests.fixtures.empty_store import open_store

from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.services.turns import HostTurns
from watchkeeper.store.writer import Store

__all__ = ["server", "store"]


def running(store: Store, **more: object) -> Run:
    return store.write(lambda session: session.add_run(run(state=RunState.RUNNING, **more)))


@pytest.fixture(params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[HostTurns]]:
    """Two nodes: on SQLite two holders of one store, on PostgreSQL two stores of one database."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            stores = [open_store(tmp_path / "a")] * 2
        else:
            url = fresh_database(request.getfixturevalue("server"))
            stores = [open_store(tmp_path / name, url) for name in ("a", "b")]
        for each in dict.fromkeys(stores):
            stack.callback(each.close)
        yield [HostTurns(each, time.time) for each in stores]


def test_never_two_at_once_on_one_host(nodes: list[HostTurns]) -> None:
    """Each caller raises a counter with a pause in between: a lost count is two at once."""
    inside, most, done, guard = 0, 0, 0, threading.Lock()
    runs = [running(nodes[0]._store) for _ in range(6)]

    def change(turns: HostTurns, mine: Run) -> None:
        nonlocal inside, most, done
        for _ in range(3):
            with turns.take("app1", 60.0, mine, mine.plan.steps[1]) as turn:
                assert turn, turn.refusal
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.01)
                with guard:
                    inside -= 1
                    done += 1

    threads = [threading.Thread(target=change, args=(nodes[n % 2], mine)) for n, mine in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 18)


def test_the_other_node_is_refused_by_name_and_another_host_is_free(nodes: list[HostTurns]) -> None:
    first, second = running(nodes[0]._store, actor="ada"), running(nodes[0]._store)
    with nodes[0].take("app1", 5.0, first, first.plan.steps[1]) as mine:
        assert mine and mine.lease is not None and mine.lease.fencing == 1
        with nodes[1].take("app1", 0.0, second, second.plan.steps[1]) as other:
            assert not other
            assert other.refusal.startswith(
                f"Run {first.id} (ada, step restart of runbooks/web-down.md) is changing app1"
            )
        with nodes[1].take("app2", 0.0, second, second.plan.steps[1]) as free:
            assert free


def test_a_node_that_died_keeps_others_off_until_the_same_run_goes_on_elsewhere(nodes: list[HostTurns]) -> None:
    dead, other = running(nodes[0]._store), running(nodes[0]._store)
    stack = ExitStack()  # never left: the node is gone in the middle of its step
    assert stack.enter_context(nodes[0].take("app1", 0.0, dead, dead.plan.steps[1]))
    with nodes[1].take("app1", 0.0, other, other.plan.steps[1]) as turn:
        assert not turn
    with nodes[1].take("app1", 0.0, dead, dead.plan.steps[1]) as again:
        assert again and again.lease is not None and again.lease.fencing == 1
    stack.pop_all()


def test_what_an_ended_run_left_behind_is_taken_at_once(nodes: list[HostTurns]) -> None:
    dead, other = running(nodes[0]._store), running(nodes[0]._store)
    stack = ExitStack()
    assert stack.enter_context(nodes[0].take("app1", 0.0, dead, dead.plan.steps[1]))
    nodes[0]._store.write(lambda session: session.save_run(replace(dead, state=RunState.FAILED)))
    with nodes[1].take("app1", 0.0, other, other.plan.steps[1]) as turn:
        assert turn and turn.lease is not None and turn.lease.fencing == 2
    stack.pop_all()


def test_two_steps_in_a_row_of_one_run_cost_one_write(store: Store) -> None:
    turns, mine = HostTurns(store, time.time), running(store)
    before = store.revision
    for _ in range(5):
        with turns.take("app1", 0.0, mine, mine.plan.steps[1]) as turn:
            assert turn
    assert store.revision - before == 1


def test_a_lease_is_renewed_while_its_step_needs_longer(store: Store) -> None:
    turns, mine = HostTurns(store, time.time), running(store)
    step = replace(mine.plan.steps[1], timeout_s=-59.6)  # lasts 0.4 s with what is added to it
    other = running(store)
    with turns.take("app1", 0.0, mine, step) as turn:
        assert turn and turn.lease is not None
        time.sleep(1.0)
        with HostTurns(store, time.time).take("app1", 0.0, other, step) as refused:
            assert not refused
