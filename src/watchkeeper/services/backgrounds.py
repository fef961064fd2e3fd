"""Background steps: started, followed beside the later steps, and ended with the run.

The command is in the spool of its host as any other, so it outlives us; the next segment of its run follows it again.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from watchkeeper.core.runs.values import Run, RunStep, StepState
from watchkeeper.services.run_notes import RunNotes, Watch
from watchkeeper.services.steps import StepRunner

STARTED_WITHIN_S = 10.0
LOOK_EVERY_S = 0.02
ENDED_WITHIN_S = 30.0
_DIED = (StepState.FAILED, StepState.REFUSED, StepState.INTERRUPTED)


class Followers:
    """The background steps of one run in one segment, a thread for each."""

    def __init__(self, steps: StepRunner, notes: RunNotes) -> None:
        self._steps = steps
        self._notes = notes
        self._over = threading.Event()
        self._left = threading.Event()
        self._threads: dict[int, threading.Thread] = {}

    def follow(self, run: Run, step: RunStep, first: bool) -> None:
        """Start it, or pick it up again, and follow it to its end in a thread of its own."""
        if step.index in self._threads:
            return
        watch = self._notes.watch(run)
        thread = threading.Thread(
            target=self._apart, args=(run, step, first, watch), name=f"run-{run.id}-background", daemon=True
        )
        self._threads[step.index] = thread
        thread.start()
        until = time.monotonic() + STARTED_WITHIN_S
        while first and thread.is_alive() and not self._started(run, step) and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)

    def _started(self, run: Run, step: RunStep) -> bool:
        """Whether its host has answered: the later steps may count on it."""
        return self._notes.fresh(run.id).steps[step.index].sent

    def dead(self, run: Run) -> RunStep | None:
        """A background step of the run that ended before its time and failed; it is said once."""
        if run.undo is not None:
            return None
        return next((step for step in run.steps if step.plan.background and step.state in _DIED), None)

    def _apart(self, run: Run, step: RunStep, first: bool, watch: Watch) -> None:
        try:
            self._whole_life(run, step, first, watch)
        finally:
            self._notes.release()

    def _whole_life(self, run: Run, step: RunStep, first: bool, watch: Watch) -> None:
        def stop() -> bool:
            return self._over.is_set() or watch.cancelled()

        def left() -> bool:
            return self._left.is_set() or watch.left()

        ended = self._steps.change(step, lambda changed: self._save(changed, run), stop, first, left)
        if ended.state is StepState.RUNNING:
            return  # the segment ends before the run does: the command goes on, the next segment follows it
        if self._over.is_set() and ended.state is StepState.CANCELLED:
            ended = replace(ended, state=StepState.DONE, message="ended with the run, with its whole process group")
        elif ended.state is StepState.FAILED:
            ended = replace(ended, message=f"{ended.message}; it was to last until the end of the run")
        self._notes.save_ended(run, ended)

    def _save(self, step: RunStep, run: Run) -> bool:
        return self._notes.save(step, run.fence)

    def stop(self) -> None:
        """End what is still at work, at the end of the run, and wait until its end is written."""
        self._over.set()
        for thread in self._threads.values():
            thread.join(ENDED_WITHIN_S)

    def leave(self) -> None:
        """The segment ends and the run does not (it waits for a person): the commands go on by themselves."""
        self._left.set()
        for thread in self._threads.values():
            thread.join(ENDED_WITHIN_S)
