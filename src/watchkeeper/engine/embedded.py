"""The embedded engine: one machine, our run rows are the truth, threads execute segments.

The state lock guarantees one main process; a claim by compare-and-set guarantees one executor per segment; the step
guard in the segment re-attaches what was at work when the last process died.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from watchkeeper.core.errors import told
from watchkeeper.core.runs.values import Run, RunState, StepState
from watchkeeper.services.ports import Session, StorePort

log = logging.getLogger(__name__)
BEAT_S = 1.0


class EmbeddedEngine:
    """Implements EnginePort.

    execute(run) runs one segment; end_commands(run) ends the commands of a cancelled run; give_up(run, sentence) ends a
    run whose segment failed by a fault of ours, so that it neither stays running nor hides itself.
    """

    def __init__(
        self,
        store: StorePort,
        execute: Callable[[int], None],
        end_commands: Callable[[Run], None],
        give_up: Callable[[int, str], None],
        workers: int = 24,  # each waits for its host nearly all the time
    ) -> None:
        self._give_up = give_up
        self._store = store
        self._execute = execute
        self._end_commands = end_commands
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="segment")
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._at_work: dict[int, Future[None]] = {}
        self._guard = threading.Lock()
        self._loop: threading.Thread | None = None

    def start(self) -> None:
        """Make every run that a dead process left `running` ready again, then take up work."""
        self._store.write(self._pick_up)
        self._loop = threading.Thread(target=self._run, name="engine", daemon=True)
        self._loop.start()

    def _pick_up(self, session: Session) -> None:
        for run in session.runs((RunState.RUNNING,), limit=1000):
            log.warning("run %s was at work when main ended; it goes on", run.id)
            session.save_run(replace(run, state=RunState.READY, segment=run.segment + 1))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(BEAT_S)
            self._wake.clear()
            try:
                self._submit_ready()
            except Exception:
                log.exception("looking for ready runs failed; trying again")

    def _submit_ready(self) -> None:
        with self._store.read() as session:
            ready = session.runs((RunState.READY,), limit=200)
        with self._guard:
            for run in reversed(ready):
                if run.id not in self._at_work and not self._stopping.is_set():
                    self._at_work[run.id] = self._pool.submit(self._segment, run.id)

    def _segment(self, number: int) -> None:
        try:
            self._execute(number)
        except Exception as error:
            log.exception("segment of run %s failed", number)
            self._fail(number, error)
        finally:
            with self._guard:
                self._at_work.pop(number, None)
            self._wake.set()

    def _fail(self, number: int, error: Exception) -> None:
        try:
            self._give_up(number, told(error))
        except Exception:
            log.exception("run %s cannot be given up; the next start picks it up", number)

    def nudge(self) -> None:
        """Look for ready runs now."""
        self._wake.set()

    def cancel(self, run: int) -> None:
        """End the commands of a cancelled run; its segment notices by itself within a second."""
        with self._store.read() as session:
            row = session.run(run)
        if any(step.state is StepState.RUNNING for step in row.steps):
            self._end_commands(row)
        self.nudge()

    def busy(self) -> int:
        """Segments at work."""
        with self._guard:
            return len(self._at_work)

    def stop(self, wait_s: float = 5.0) -> None:
        """Take no more work; segments at work get `wait_s`, then are left to the next start."""
        self._stopping.set()
        self._wake.set()
        if self._loop is not None:
            self._loop.join(wait_s)
        with self._guard:
            futures = list(self._at_work.values())
        from concurrent.futures import wait

        wait(futures, timeout=wait_s)
        self._pool.shutdown(wait=False, cancel_futures=True)
