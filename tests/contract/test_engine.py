"""The engine contract: every engine executes a ready run once, goes on after a death, and hides no failure."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.engines import NOW, Work, distributed, embedded
from tests.contract.test_store import fresh_database
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import postgresql_server

from watchkeeper.core.runs.values import Plan, PlanStep, Run, RunState
from watchkeeper.services.ports import EnginePort, StorePort
from watchkeeper.services.responses import new_run
from watchkeeper.store.writer import Store

ENGINES = {"embedded": embedded, "distributed": distributed}
Make = Callable[[StorePort, Work], EnginePort]


@pytest.fixture(scope="module")
def server(requires: Callable[..., None]) -> Iterator[str]:
    requires("postgresql")
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=list(ENGINES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    return "" if kind == "embedded" else fresh_database(request.getfixturevalue("server"))


@pytest.fixture
def store(tmp_path: Path, url: str) -> Iterator[Store]:
    store = open_store(tmp_path / "state", url)
    yield store
    store.close()


@pytest.fixture
def make(kind: str, url: str) -> Make:
    return lambda store, work: ENGINES[kind](store, work, url)  # type: ignore[arg-type]


def a_run(store: StorePort, state: RunState = RunState.READY) -> int:
    step = PlanStep(0, "one", "fix", "One", "true", "bash", "change", "app1")
    run = replace(new_run(Plan("x.md", "d", "shop", (step,), "p"), "", "manual", "local", NOW), state=state)
    return store.write(lambda session: session.add_run(run)).id


def until(holds: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def state_of(store: StorePort, number: int) -> RunState:
    with store.read() as session:
        return session.run(number).state


def test_every_ready_run_is_executed_once(store: Store, make: Make) -> None:
    work = Work(store)
    engine = make(store, work)
    numbers = [a_run(store) for _ in range(12)]
    engine.start()
    for _ in range(20):
        engine.nudge()
    until(lambda: all(state_of(store, number) is RunState.DONE for number in numbers))
    engine.stop()
    assert sorted(work.executed) == numbers


def test_two_engines_on_one_store_execute_a_run_once(store: Store, make: Make, kind: str, url: str) -> None:
    work = Work(store)
    work.act = lambda run: time.sleep(0.05)
    engines = [make(store, work)]
    if kind == "embedded":
        engines.append(make(store, work))
    second = another_node(store, url) if kind == "distributed" else None
    for engine in engines:
        engine.start()
    numbers = [a_run(store) for _ in range(12)]
    for engine in engines:
        engine.nudge()
    until(lambda: all(state_of(store, number) is RunState.DONE for number in numbers))
    for engine in engines:
        engine.stop()
    told = [int(line) for line in second.communicate(timeout=30)[0].split()] if second else []
    assert sorted(work.executed + told) == numbers


def another_node(store: Store, url: str) -> subprocess.Popen[str]:
    """DBOS allows one engine per process, so the second one is a process as in life."""
    command = [sys.executable, "-m", "tests.fixtures.engine_node", str(store.state) + "-2", url]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_run_that_a_dead_process_left_running_goes_on(store: Store, make: Make) -> None:
    work = Work(store)
    left = a_run(store, RunState.RUNNING)
    parked = a_run(store, RunState.PARKED)
    engine = make(store, work)
    engine.start()
    until(lambda: state_of(store, left) is RunState.DONE)
    engine.stop()
    assert work.executed == [left]
    assert state_of(store, parked) is RunState.PARKED
    with store.read() as session:
        assert session.run(left).segment == 2


def test_a_fault_in_a_segment_ends_the_run_and_says_so(store: Store, make: Make) -> None:
    work = Work(store)

    def broken(run: Run) -> None:
        raise ZeroDivisionError("inside")

    work.act = broken
    number = a_run(store)
    engine = make(store, work)
    engine.start()
    until(lambda: bool(work.given_up))
    engine.stop()
    assert work.given_up == [(number, "fault of watchkeeper: ZeroDivisionError")]
    assert state_of(store, number) is RunState.FAILED


def test_stop_does_not_wait_for_ever_and_leaves_the_run_to_the_next_start(store: Store, make: Make) -> None:
    work = Work(store)
    let_go = threading.Event()
    work.act = lambda run: let_go.wait(20) and None
    number = a_run(store)
    engine = make(store, work)
    engine.start()
    until(lambda: engine.busy() == 1)
    began = time.monotonic()
    engine.stop(wait_s=0.3)
    assert time.monotonic() - began < 5
    assert state_of(store, number) is RunState.RUNNING
    let_go.set()
    until(lambda: engine.busy() == 0)


# ---- when the engine's tables and ours disagree, ours win (distributed only) ------------------------------------------


@pytest.fixture
def distributed_engine(store: Store, make: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Work, EnginePort]]:
    from watchkeeper.engine import distributed as engine_module

    monkeypatch.setattr(engine_module, "STUCK_S", 0.3)
    work = Work(store)
    engine = make(store, work)
    engine.start()
    yield work, engine
    engine.stop()


@pytest.mark.parametrize("kind", ["distributed"])
def test_a_run_whose_segment_is_over_in_the_engine_goes_on_under_its_next_number(
    store: Store, distributed_engine: tuple[Work, EnginePort]
) -> None:
    """As after a database that was put back, or a decision that was lost between our row and the engine."""
    work, engine = distributed_engine
    number = a_run(store)
    engine.nudge()
    until(lambda: state_of(store, number) is RunState.DONE)
    for state in (RunState.READY, RunState.RUNNING):
        with store.read() as session:
            segment = session.run(number).segment
        store.write(lambda session, state=state: session.save_run(replace(session.run(number), state=state)))
        engine.nudge()
        until(lambda: state_of(store, number) is RunState.DONE)
        with store.read() as session:
            assert session.run(number).segment == segment + 1
    assert work.executed == [number] * 3


@pytest.mark.parametrize("kind", ["distributed"])
def test_a_ready_run_that_the_engine_has_lost_is_handed_over_again(
    store: Store, distributed_engine: tuple[Work, EnginePort], url: str
) -> None:
    import psycopg

    work, engine = distributed_engine
    stopped = threading.Event()
    work.act = lambda run: stopped.wait(20) and None
    busy = [a_run(store) for _ in range(4)]  # every worker of this node
    engine.nudge()
    until(lambda: engine.busy() == 4)
    number = a_run(store)
    with psycopg.connect(url, autocommit=True) as connection:
        enqueued = "SELECT count(*) FROM dbos.workflow_status WHERE workflow_uuid = %s"
        engine.nudge()
        until(lambda: connection.execute(enqueued, (f"{number}:1",)).fetchall() == [(1,)])
        connection.execute("DELETE FROM dbos.workflow_status WHERE workflow_uuid = %s", (f"{number}:1",))
    stopped.set()
    until(lambda: all(state_of(store, each) is RunState.DONE for each in [*busy, number]))
    assert sorted(work.executed) == [*busy, number]
