"""The engine for several machines: DBOS on PostgreSQL carries a run id and a segment number; our rows stay the truth.

A ready run is enqueued as workflow RUN:SEGMENT by whichever node sees it; the same id runs once, on one node. What a
segment may do is decided by our rows: it claims by compare-and-set, writes under its fence, and a node that was declared
dead can write nothing at all. When the two disagree, our rows win: the run goes on under its next number.

Nothing else imports dbos. Import this module only where DATABASE_URL is set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from watchkeeper.core.errors import Outcast, StoreAway, WatchkeeperError, told
from watchkeeper.core.runs.values import Run, RunState, StepState
from watchkeeper.services.ports import Session, StorePort

log = logging.getLogger(__name__)
QUEUE, WORKFLOW, VERSION = "segments", "segment", "watchkeeper-1"
BEAT_S = 1.0
POLL_S = 0.2
STUCK_S = 5.0
"""A run that is ready for so long, or at work for this node without being at work here, is looked at more closely."""
KEPT_S = 7 * 86_400.0
TIDY_S = 3600.0
WAITS = ("ENQUEUED", "DELAYED")
OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

_engine: DistributedEngine | None = None
"""The one engine of this process: DBOS calls a function, not an object."""


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=5)
def segment(run: int, number: int) -> str:
    """Segment `number` of a run, on this node; says in a word what became of it."""
    return _engine.perform(run, number) if _engine is not None else "no engine"


def configuration(url: str, node: str, session_name: str) -> DBOSConfig:
    """Everything that DBOS is told. It gets no key of a service, and talks to nothing but this database."""
    return {
        "name": "watchkeeper",
        "system_database_url": "postgresql+psycopg://" + url.partition("://")[2],
        "executor_id": node,
        "application_version": VERSION,  # constant: runs of another version would wait silently
        "serializer": DBOSPortableJSONSerializer(),  # values would be pickled otherwise
        "log_level": "ERROR",
        "use_listen_notify": False,  # nothing of ours waits inside the engine
        "sys_db_pool_size": 6,
        "sys_db_idle_transaction_timeout_sec": 4.0,
        "db_engine_kwargs": {"connect_args": {"application_name": session_name, "connect_timeout": 5}},
    }


class DistributedEngine:
    """Implements EnginePort. One per process; its node has joined before `start`.

    execute, end_commands and give_up as in the embedded engine. adopt: makes runs ready whose node has no row.
    release: gives back what a thread holds of the store.
    """

    def __init__(
        self, store: StorePort, execute: Callable[[int], None], end_commands: Callable[[Run], None],
        give_up: Callable[[int, str], None], config: DBOSConfig, adopt: Callable[[], list[int]],
        release: Callable[[], None] = lambda: None, workers: int = 16,
    ) -> None:  # fmt: skip
        self._store, self._execute, self._end_commands, self._give_up = store, execute, end_commands, give_up
        self._config, self._adopt, self._release, self._workers = config, adopt, release, workers
        self._node = str(config["executor_id"])
        self._wake, self._stopping, self._dead = threading.Event(), threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._at_work: dict[int, int] = {}
        self._seen: dict[tuple[int, int], float] = {}
        self._missed: dict[tuple[int, int], float] = {}
        self._tidied = time.monotonic()
        self._loop: threading.Thread | None = None

    # ---- life ----

    def start(self) -> None:
        """Launch DBOS, then take up work. What an earlier life of this node left at work was made ready at its joining."""
        global _engine
        logging.getLogger("dbos").addFilter(_Shorter())
        self._adopt()
        _engine = self
        DBOS(config=self._config)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=self._workers, polling_interval_sec=POLL_S, on_conflict="always_update"
        )
        self._loop = threading.Thread(target=self._run, name="engine", daemon=True)
        self._loop.start()

    def nudge(self) -> None:
        """Look for ready runs now."""
        self._wake.set()

    def cancel(self, run: int) -> None:
        """End the commands of a cancelled run from here; the node that has it at work notices by itself."""
        with self._store.read() as session:
            row = session.run(run)
        if any(step.state is StepState.RUNNING for step in row.steps):
            self._end_commands(row)
        self.nudge()

    def busy(self) -> int:
        """Segments at work on this node."""
        with self._guard:
            return len(self._at_work)

    def declared_dead(self) -> None:
        """The others took over: nothing is begun any more; what is at work cannot write, and ends with the process."""
        self._dead.set()
        self._stopping.set()

    def stop(self, wait_s: float = 5.0) -> None:
        """Take no more work; segments at work get `wait_s`, then are left to the other nodes or the next start."""
        global _engine
        self._stopping.set()
        self._wake.set()
        if self._loop is not None:
            self._loop.join(wait_s)
        until = time.monotonic() + wait_s
        while self.busy() and time.monotonic() < until:
            time.sleep(0.05)
        if _engine is self:
            DBOS.destroy()
            _engine = None

    # ---- looking for work ----

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(BEAT_S)
            self._wake.clear()
            try:
                self._look()
            except WatchkeeperError as error:
                log.warning("looking for ready runs failed, it is tried again: %s", error)
            except Exception:
                log.exception("looking for ready runs failed; trying again")

    def _look(self) -> None:
        if self._stopping.is_set():
            return
        for number in self._adopt():
            log.warning("run %s was at work for a node that is gone; it goes on", number)
        with self._store.read() as session:
            ready = session.runs((RunState.READY,), limit=200)
            running = session.runs((RunState.RUNNING,), limit=200)
        self._enqueue(ready)
        self._find_lost(running)
        if time.monotonic() - self._tidied > TIDY_S:
            self._tidied = time.monotonic()
            self._tidy()

    def _enqueue(self, ready: list[Run]) -> None:
        now, waiting = time.monotonic(), {(run.id, run.segment) for run in ready}
        self._seen = {key: at for key, at in self._seen.items() if key in waiting}
        for run in reversed(ready):
            key = (run.id, run.segment)
            if key not in self._seen:
                self._hand_over(*key)
                self._seen[key] = now
            elif now - self._seen[key] > STUCK_S:
                self._seen[key] = now
                self._look_closer(*key)

    def _hand_over(self, run: int, number: int) -> None:
        DBOS.enqueue_workflow_with_options(
            {"queue_name": QUEUE, "workflow_name": WORKFLOW, "workflow_id": f"{run}:{number}"}, run, number
        )

    def _look_closer(self, run: int, number: int) -> None:
        """A run that stays ready: its workflow is missing, waits in the queue, or will never claim it any more."""
        found = DBOS.list_workflows(workflow_ids=[f"{run}:{number}"], load_input=False, load_output=False)
        if not found:
            self._hand_over(run, number)
        elif found[0].status not in WAITS:
            self._next(run, number, RunState.READY, f"its segment {number} is {found[0].status} in the engine")

    def _find_lost(self, running: list[Run]) -> None:
        """Runs that our rows call running while their segment has ended in the engine: its node lost the store."""
        now = time.monotonic()
        with self._guard:
            elsewhere = {f"{run.id}:{run.segment}": run for run in running if run.id not in self._at_work}
        ended = (
            DBOS.list_workflows(workflow_ids=list(elsewhere), status=OVER, load_input=False, load_output=False)
            if elsewhere
            else []
        )
        missed = {}
        for each in ended:
            run = elsewhere[each.workflow_id]
            key = (run.id, run.segment)
            missed[key] = self._missed.get(key, now)
            if now - missed[key] > STUCK_S:
                self._next(*key, RunState.RUNNING, f"its segment {run.segment} is {each.status} in the engine")
        self._missed = missed

    def _next(self, run: int, number: int, state: RunState, why: str) -> None:
        """The run goes on under its next number, unless somebody was first."""

        def work(session: Session) -> bool:
            fresh = session.run(run)
            if fresh.state is not state or fresh.segment != number:
                return False
            session.save_run(replace(fresh, state=RunState.READY, segment=number + 1))
            return True

        if self._store.write(work):
            log.warning("run %s goes on: %s", run, why)
            self.nudge()

    def _tidy(self) -> None:
        """Forget segments that ended long ago; our own rows tell what they did."""
        before = datetime.fromtimestamp(time.time() - KEPT_S, UTC).isoformat()
        old = DBOS.list_workflows(status=OVER, completed_before=before, limit=1000, load_input=False, load_output=False)
        if old:
            DBOS.delete_workflows([each.workflow_id for each in old])

    def forget(self, node: str) -> None:
        """A node is dead and its runs go on under their next numbers: its open segments are closed in the engine."""
        left = DBOS.list_workflows(status="PENDING", executor_id=node, load_input=False, load_output=False)
        if left:
            DBOS.cancel_workflows([each.workflow_id for each in left])
        self.nudge()

    # ---- executing ----

    def perform(self, run: int, number: int) -> str:
        """Execute one segment, called by DBOS in a thread of its own. A number that is not the run's own does nothing."""
        if self._stopping.is_set():
            return "this node is ending"
        try:
            with self._store.read() as session:
                fresh = session.run(run)
            if fresh.segment != number or fresh.state is not RunState.READY:
                return "done already"
            with self._guard:
                self._at_work[run] = number
            self._execute(run)
        except (StoreAway, Outcast) as error:  # nothing can be said of the run from here; our rows go on elsewhere
            log.warning("segment %s of run %s is left: %s", number, run, error)
            return "left"
        except Exception as error:
            log.exception("segment of run %s failed", run)
            self._fail(run, number, error)
            return "failed"
        finally:
            with self._guard:
                self._at_work.pop(run, None)
            with suppress(Exception):
                self._release()
            self._wake.set()
        return "ended"

    def _fail(self, run: int, number: int, error: Exception) -> None:
        try:
            with self._store.read() as session:
                mine = session.run(run).segment == number
            if mine:
                self._give_up(run, told(error))
        except Exception:
            log.exception("run %s cannot be given up; it is picked up again", run)


class _Shorter(logging.Filter):
    """A line instead of a traceback where DBOS meets a workflow that we closed."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0] is not None and "Cancelled" in record.exc_info[0].__name__:
            record.exc_info = None
        return True
