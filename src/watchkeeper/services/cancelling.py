"""Commands of cancelled runs are ended on their hosts, however long a host stays away.

What is still to be done is in the step rows themselves: a step of a run that is over, which is running or whose state is
unknown. So nothing is forgotten when this process ends; the next one finds the same rows.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.runs.cancelling import is_open, is_unknown, pause_s, unknown
from watchkeeper.core.runs.values import Run, RunState, RunStep, StepState
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.steps import StepRunner

log = logging.getLogger(__name__)

PROMPT_S = 2.0
"""How long the person who cancels waits for the hosts; the rest goes on behind their back."""
SAY_AFTER_S = 12.0
"""A host that has not answered for so long: the step says that its state is unknown, while the asking goes on."""
LOOK_EVERY_S = 20.0
"""Between two looks for rows of other processes, and of this one before it was started again."""
FOLLOWER_S = 10.0
"""How long the thread that follows a step gets to write how it ended."""
ELSEWHERE_S = 1.5
"""The same for a step that no thread of this process follows: another process may."""
AT_ONCE = 8


@dataclass(slots=True)
class _Try:
    """One step that is to be ended: tries in vain so far, when the next is due, and the one under way."""

    tries: int = 0
    due_at: float = 0.0
    begun_at: float = 0.0
    working: Future[None] | None = None


class Cancelling:
    """Ends commands of runs that are over. `end` is called by the engine, `beat` again and again."""

    def __init__(self, store: StorePort, steps: StepRunner, clock: Clock) -> None:
        self._store = store
        self._steps = steps
        self._clock = clock
        self._tries: dict[tuple[int, int], _Try] = {}
        self._guard = threading.Lock()
        self._look_at = 0.0
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="cancelling")

    def end(self, run: Run) -> None:
        """End what a cancelled run has at work. Waits `PROMPT_S` at most; hosts that stay away are asked by `beat`."""
        with self._guard:
            for step in run.steps:
                if is_open(run, step):
                    self._tries.setdefault((run.id, step.index), _Try())
            mine = [self._submit(key) for key in self._tries if key[0] == run.id]
        wait(mine, timeout=PROMPT_S)

    def beat(self) -> None:
        """Try again where it is due, and say "state unknown" where a host does not answer."""
        now = self._clock()
        if not 0 <= self._look_at - now <= LOOK_EVERY_S:
            self._look_at = now + LOOK_EVERY_S
            self._look()
        with self._guard:
            for key, attempt in self._tries.items():
                if attempt.working is None and attempt.due_at - pause_s(attempt.tries) > now:
                    attempt.due_at = now  # the clock was set back
                if attempt.working is None and attempt.due_at <= now:
                    self._submit(key)
            slow = [
                key
                for key, attempt in self._tries.items()
                if attempt.working is not None and now - attempt.begun_at >= SAY_AFTER_S
            ]
        for key in slow:
            self._say_unknown(key)

    def stop(self) -> None:
        """Take up nothing more; what is left is in the rows."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ---- one step ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        with self._store.read() as session:
            found = {(step.run, step.index) for step in session.open_steps()}
        with self._guard:
            for key in found:
                self._tries.setdefault(key, _Try())

    def _submit(self, key: tuple[int, int]) -> Future[None]:
        attempt = self._tries[key]
        if attempt.working is None:
            attempt.begun_at = self._clock()
            attempt.working = self._pool.submit(self._work, key)
        return attempt.working

    def _work(self, key: tuple[int, int]) -> None:
        over = False
        try:
            over = self._ended(key)
        except Exception:
            log.exception("ending step %s of run %s failed; it is tried again", key[1], key[0])
        finally:
            with self._guard:
                attempt = self._tries[key]
                attempt.working = None
                attempt.tries += 1
                attempt.due_at = self._clock() + pause_s(attempt.tries)
                if over:
                    del self._tries[key]

    def _ended(self, key: tuple[int, int]) -> bool:
        """One try. True when nothing is left to be done for this step."""
        run, step = self._row(key)
        if not is_open(run, step):
            return True
        if step.plan.risk == "read":
            return self._read_ended(run, step)
        if run.state is not RunState.CANCELLED and not step.plan.background:
            return self._outlived(step)
        try:
            answer = self._steps.cancel(step)
        except WatchkeeperError as error:
            self._say_unknown(key, "" if isinstance(error, NoAnswer) else error.sentence)
            return False
        run, step = self._left_to_follower(key, FOLLOWER_S if self._steps.followed(step) else ELSEWHERE_S)
        if is_open(run, step):
            self._write(self._steps.collected(step, answer))
        return True

    def _left_to_follower(self, key: tuple[int, int], wait_s: float) -> tuple[Run, RunStep]:
        """The row, once who follows the step has written how it ended, or has not for so long."""
        until = time.monotonic() + wait_s
        while True:
            run, step = self._row(key)
            if not is_open(run, step) or time.monotonic() >= until:
                return run, step
            time.sleep(0.1)

    def _read_ended(self, run: Run, step: RunStep) -> bool:
        """A read command ends with the connection it came by, so without a follower it has ended."""
        if self._steps.followed(step):
            return False
        run, step = self._left_to_follower((run.id, step.index), ELSEWHERE_S)  # who followed it may write its end now
        if not is_open(run, step):
            return True
        what = "cancelled" if run.state is RunState.CANCELLED else "not finished"
        words = f"{what}; watchkeeper was restarted meanwhile, and a read command ends with its connection"
        self._write(replace(step, state=StepState.CANCELLED, ended_at=self._clock(), message=words))
        return True

    def _outlived(self, step: RunStep) -> bool:
        """The run ended otherwise (its incident was proven) while its command was at work: nothing is ended, only noted."""
        if self._steps.followed(step):
            return False
        ended = self._steps.look_for_end(step)
        if ended is not None:
            self._write(ended)
        return ended is not None

    def _row(self, key: tuple[int, int]) -> tuple[Run, RunStep]:
        with self._store.read() as session:
            run = session.run(key[0])
        return run, run.steps[key[1]]

    # ---- writing -----------------------------------------------------------------------------------------------------

    def _say_unknown(self, key: tuple[int, int], why: str = "") -> None:
        run, step = self._row(key)
        if run.state is RunState.CANCELLED and is_open(run, step) and not is_unknown(step):
            log.warning(
                "run %s cannot be cancelled on %s yet; it is tried until the host answers", key[0], step.plan.host
            )
            self._write(unknown(step, why))

    def _write(self, step: RunStep) -> None:
        """Keep it, unless the thread that followed the step was first; the incident's timeline tells of it."""
        now = self._clock()

        def work(session: Session) -> None:
            run = session.run(step.run)
            if not is_open(run, run.steps[step.index]):
                return
            session.save_step(step, run.fence)
            changed = step.plan.risk != "read" and not is_unknown(step)
            if changed:
                session.save_run(replace(run, last_change_at=now))
            if run.incident is None:
                return
            if changed:
                session.save_incident(replace(session.incident(run.incident), last_change_at=now))
            text = f"{step.plan.phase}: {step.plan.title or step.plan.id} on {step.plan.host}: {step.message}."
            session.add_event(
                Event(0, run.incident, now, "step", run.actor, text, detail={"run": run.id, "step": step.index})
            )

        self._store.write(work)
