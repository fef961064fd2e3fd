"""The engines under their contract, and the work they are given; shared with the second process of `test_engine`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace

from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.services.ports import EnginePort, StorePort
from watchkeeper.store.writer import Store

NOW = 1_700_000_000.0


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
        self.store.write(lambda session: session.save_run(replace(session.run(run.id), state=state)))

    def end_commands(self, run: Run) -> None:
        self.cancelled.append(run.id)

    def give_up(self, number: int, sentence: str) -> None:
        self.given_up.append((number, sentence))
        with self.store.read() as session:
            run = session.run(number)
        self.end(run, RunState.FAILED)


def embedded(store: Store, work: Work, _url: str) -> EnginePort:
    from watchkeeper.engine.embedded import EmbeddedEngine

    return EmbeddedEngine(store, work.execute, work.end_commands, work.give_up, workers=4)


def distributed(store: Store, work: Work, url: str) -> EnginePort:
    """As a node of its own, which joins at the start and leaves at the end."""
    from watchkeeper.engine.distributed import DistributedEngine, configuration
    from watchkeeper.store.nodes import NodeTable

    node = f"node{os.getpid()}"
    table = NodeTable(store, url, node, "here", os.getpid(), "test")

    class Joined(DistributedEngine):
        def start(self) -> None:
            table.join()
            super().start()

        def stop(self, wait_s: float = 5.0) -> None:
            super().stop(wait_s)
            if self.busy() == 0:
                table.leave()

    return Joined(
        store, work.execute, work.end_commands, work.give_up, configuration(url, node, "watchkeeper test"), table.adopt,
        store.release, workers=4,
    )  # fmt: skip
