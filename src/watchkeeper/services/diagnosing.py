"""The diagnosis of a run: steps that only read run beside each other, and the fix does not wait long for them.

What is still at work when its time is over goes on beside the fix, and its output is kept as any other: such a step
belongs to its attempt and not to the segment that began it. A diagnosis that is to be over before anything is changed
says so in its runbook (`wait`), or is used by a later step.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from watchkeeper.core.runs.order import DIAGNOSIS_HOLDS_S, READS_AT_ONCE, diagnoses, has_fix, held_for, is_diagnosed
from watchkeeper.core.runs.values import ENDED, Run, RunStep
from watchkeeper.services.performing import Outcome, Performer
from watchkeeper.services.run_notes import RunNotes, Watch

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
"""Between two looks whether the run was ended, while its diagnosis is waited for."""
Key = tuple[int, int]


class Diagnosing:
    """The diagnosis steps of this process that went on beside their segments, by run and index."""

    def __init__(self, performer: Performer, notes: RunNotes, hold_s: float = DIAGNOSIS_HOLDS_S) -> None:
        self._performer = performer
        self._notes = notes
        self._hold_s = hold_s
        self._guard = threading.Lock()
        self._running: set[Key] = set()
        self._late: dict[Key, Future[Outcome]] = {}

    def of(self, run: Run) -> Diagnosis:
        """The diagnosis of one segment."""
        return Diagnosis(self, self._notes.watch(run, apart=True), self._hold_s)

    def start(self, pool: ThreadPoolExecutor, run: Run, step: RunStep, watch: Watch) -> Future[Outcome]:
        """Begin one step on a thread of the pool."""
        with self._guard:
            self._running.add((run.id, step.index))
        return pool.submit(self._take, run, step, watch)

    def leave(self, run: Run, at_work: dict[int, Future[Outcome]]) -> tuple[int, ...]:
        """What of these has not ended goes on beside what follows; who asks later finds it here. Returns their indexes."""
        with self._guard:
            left = {(run.id, index): future for index, future in at_work.items() if (run.id, index) in self._running}
            self._late |= left
        return tuple(sorted(index for _, index in left))

    def late(self, run: Run) -> dict[int, Future[Outcome]]:
        """What of a run goes on beside it, by index."""
        with self._guard:
            return {index: future for (number, index), future in self._late.items() if number == run.id}

    def goes_on(self, run: Run, indexes: tuple[int, ...]) -> None:
        """The timeline tells that the fix does not wait for these."""
        self._notes.goes_on(run, [run.steps[index].plan.id for index in indexes])

    def _take(self, run: Run, step: RunStep, watch: Watch) -> Outcome:
        """One step, on a thread that keeps no connection to the store afterwards."""
        try:
            if self._notes.fresh(run.id).state in ENDED:
                return Outcome("lost", step)
            return self._performer.take(run, step, watch)
        except Exception:
            log.exception("the diagnosis %s of run %s failed by a fault of ours", step.plan.id, run.id)
            raise
        finally:
            try:
                self._ended((run.id, step.index))
            finally:
                self._notes.release()

    def _ended(self, key: Key) -> None:
        with self._guard:
            self._running.discard(key)
            late = self._late.pop(key, None) is not None
        if late:
            run = self._notes.fresh(key[0])
            if is_diagnosed(run):
                self._notes.diagnosed(run)


class Diagnosis:
    """The diagnosis of one run in one segment, used by the thread of the segment; its steps run on threads of its own."""

    def __init__(self, everywhere: Diagnosing, watch: Watch, hold_s: float) -> None:
        self._everywhere = everywhere
        self._watch = watch
        self._hold_s = hold_s
        self._at_work: dict[int, Future[Outcome]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._until = 0.0

    def beside(self, run: Run) -> frozenset[int]:
        """Indexes of the steps that are at work beside the segment. Ask before the run is read, so that nothing is missed."""
        return frozenset(self._at_work) | frozenset(self._everywhere.late(run))

    def take(self, run: Run, beside: frozenset[int]) -> list[Outcome] | None:
        """Start what can be started, and wait for what must be waited for; what has ended since the last call.

        Empty: look at the run again. None: nothing of the diagnosis is waited for (any more). beside: as it was right
        before the run was read, since what ended after that is still at work in its rows.
        """
        for step in diagnoses(run, beside | self.beside(run)):
            self._start(run, step)
        ended = self._ended()
        if ended:
            return ended
        awaited = self._awaited(run)
        if awaited:
            wait(awaited, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            return self._ended()
        if self._at_work:
            wait(self._at_work.values(), timeout=max(0.0, self._until - time.monotonic()), return_when=FIRST_COMPLETED)
            ended = self._ended()
            if ended:
                return ended
            waited_for = len(self._at_work)
            late = self.leave(run)
            if late:
                self._everywhere.goes_on(run, late)
            if len(late) < waited_for:
                return []  # one has ended this moment
        return None

    def _start(self, run: Run, step: RunStep) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=READS_AT_ONCE, thread_name_prefix=f"run-{run.id}-diagnosis")
            self._until = time.monotonic() + self._hold_s
        self._at_work[step.index] = self._everywhere.start(self._pool, run, step, self._watch)

    def _awaited(self, run: Run) -> list[Future[Outcome]]:
        """What is waited for to its end: what a later step uses or the runbook says, and all where no fix follows."""
        if not has_fix(run):
            return list(self._at_work.values())
        held = held_for(run)
        at_work = {**self._everywhere.late(run), **self._at_work}
        return [future for index, future in at_work.items() if index in held]

    def _ended(self) -> list[Outcome]:
        done = [index for index, future in self._at_work.items() if future.done()]
        return [self._at_work.pop(index).result() for index in done]

    def leave(self, run: Run) -> tuple[int, ...]:
        """What is at work of it goes on beside what follows, also when the segment ends. Returns their indexes."""
        late = self._everywhere.leave(run, self._at_work)
        self._at_work.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None
        return late
