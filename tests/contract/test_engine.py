"""The engine contract: every engine executes a ready run once, goes on after a death, and hides no failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchkeeper.core.runs.values import Plan, PlanStep, Run, RunState
from watchkeeper.engine.embedded import EmbeddedEngine
from watchkeeper.services.ports import EnginePort, StorePort
from watchkeeper.services.responses import new_run
from watchkeeper.store.writer import Store

NOW = 1_700_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


class Work:
    """What the engine is given to execute: claims like a segment does, then does what the test says."""

    def __init__(self, store: StorePort) -> None:
        self.store = store
        self.executed: list[int] = []
        self.given_up: list[tuple[int, str]] = []
        self.cancelled: list[int] = []
        self.act: Callable[[Run], None] = lambda run: None
        self._guard = threading.Lock()

    def execute(self, number: int) -> None:
        run = self.store.write(lambda session: session.claim_run(number, NOW))
        if run is None:
            return
        with self._guard:
            self.executed.append(number)
        self.act(run)
        self.end(run, RunState.DONE)

    def end(self, run: Run, state: RunState) -> None:
        from dataclasses import replace

        self.store.write(lambda session: session.save_run(replace(session.run(run.id), state=state)))

    def end_commands(self, run: Run) -> None:
        self.cancelled.append(run.id)

    def give_up(self, number: int, sentence: str) -> None:
        self.given_up.append((number, sentence))
        with self.store.read() as session:
            run = session.run(number)
        self.end(run, RunState.FAILED)


def embedded(store: StorePort, work: Work) -> EnginePort:
    return EmbeddedEngine(store, work.execute, work.end_commands, work.give_up, workers=4)


@pytest.fixture(params=[embedded])
def make(request: pytest.FixtureRequest) -> Callable[[StorePort, Work], EnginePort]:
    return request.param  # type: ignore[no-any-return]


def a_run(store: StorePort, state: RunState = RunState.READY) -> int:
    from dataclasses import replace

    step = PlanStep(0, "one", "fix", "One", "true", "bash", "change", "app1")
    run = replace(new_run(Plan("x.md", "d", "shop", (step,), "p"), "", "manual", "local", NOW), state=state)
    return store.write(lambda session: session.add_run(run)).id


def until(holds: Callable[[], bool], limit_s: float = 5.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def state_of(store: StorePort, number: int) -> RunState:
    with store.read() as session:
        return session.run(number).state


def test_every_ready_run_is_executed_once(store: Store, make: Callable[[StorePort, Work], EnginePort]) -> None:
    work = Work(store)
    engine = make(store, work)
    numbers = [a_run(store) for _ in range(12)]
    engine.start()
    for _ in range(20):
        engine.nudge()
    until(lambda: all(state_of(store, number) is RunState.DONE for number in numbers))
    engine.stop()
    assert sorted(work.executed) == numbers


def test_two_engines_on_one_store_execute_a_run_once(
    store: Store, make: Callable[[StorePort, Work], EnginePort]
) -> None:
    work = Work(store)
    work.act = lambda run: time.sleep(0.05)
    engines = [make(store, work) for _ in range(2)]
    for engine in engines:
        engine.start()
    numbers = [a_run(store) for _ in range(6)]
    for engine in engines:
        engine.nudge()
    until(lambda: all(state_of(store, number) is RunState.DONE for number in numbers))
    for engine in engines:
        engine.stop()
    assert sorted(work.executed) == numbers


def test_a_run_that_a_dead_process_left_running_goes_on(
    store: Store, make: Callable[[StorePort, Work], EnginePort]
) -> None:
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


def test_a_fault_in_a_segment_ends_the_run_and_says_so(
    store: Store, make: Callable[[StorePort, Work], EnginePort]
) -> None:
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


def test_stop_does_not_wait_for_ever_and_leaves_the_run_to_the_next_start(
    store: Store, make: Callable[[StorePort, Work], EnginePort]
) -> None:
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
