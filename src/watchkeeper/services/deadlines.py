"""What waits in vain is ended: approvals that nobody gave, and proofs that did not come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Status
from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.services.approvals import make_ready, void_approvals, waiting_id
from watchkeeper.services.endings import end_run
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, EnginePort, JournalPort, Session, StorePort
from watchkeeper.services.quarantine import ASKED, note_patience_of_check
from watchkeeper.services.responses import Responder
from watchkeeper.services.undoing import begin_undo

PROVE_WITHIN_S = 60.0
"""For a run whose response is no longer in the ops repo."""


class Deadlines:
    """The beat `expire`: rows move, the engine is nudged."""

    def __init__(
        self, store: StorePort, journal: JournalPort, engine: EnginePort, responder: Responder, holder: InventoryHolder,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._journal = journal
        self._engine = engine
        self._responder = responder
        self._holder = holder
        self._clock = clock

    def expire(self) -> None:
        """End runs whose approval was not given in time, and runs whose proof did not come in time or is not waited for."""
        now = self._clock()
        with self._store.read() as session:
            late = [each for each in session.approvals(pending=True) if each.expires_at <= now]
            verifying = session.runs((RunState.VERIFYING,), limit=100)
            unproven = [
                run for run in verifying if self._proof_is_late(session, run, now) or self._superseded(session, run)
            ]
        for number in sorted({approval.run for approval in late}):
            self._in_transaction(number, RunState.PARKED, self._expire_one)
        for run in unproven:
            self._in_transaction(run.id, RunState.VERIFYING, self._unproven_one)
        self._resume(now)

    def _resume(self, now: float) -> None:
        """Where somebody asked for patience and the time is over, the answer to what still fails is begun again."""
        with self._store.read() as session:
            over = [each.service for each in session.backoffs() if each.until_at <= now]
        for service in over:
            self._store.write(partial(self._resume_one, service=service, now=now))
            self._engine.nudge()

    def _resume_one(self, session: Session, service: str, now: float) -> None:
        if session.backoff(service, now) is not None:
            return
        session.end_backoff(service)
        for incident in session.incidents(Status.OPEN, limit=500):
            if incident.service != service:
                continue
            for check in incident.checks:
                note_patience_of_check(session, incident, check.check, check.reason, now)
            if session.backoff(service, now) is not None:
                return  # it says so still
            for run in session.runs((RunState.PARKED,), incident=incident.id):
                if run.mode == "auto" and ASKED in run.parked_why:
                    void_approvals(session, run, "expired", "watchkeeper", now)
                    make_ready(session, session.run(run.id))
            self._responder.respond(session, incident, now, again=True)

    def _in_transaction(self, number: int, state: RunState, act: Callable[[Session, Run], None]) -> None:
        def work(session: Session) -> None:
            run = session.run(number)
            if run.state is state:
                act(session, run)

        self._store.write(work)
        self._engine.nudge()

    def _expire_one(self, session: Session, run: Run) -> None:
        now = self._clock()
        void_approvals(session, run, "expired", "watchkeeper", now)
        why = f"nobody decided on step {waiting_id(run)} in time"
        end_run(session, self._responder, self._holder, run.id, RunState.FAILED, why, now)

    def _unproven_one(self, session: Session, run: Run) -> None:
        why = f"not proven: {_proof_text(session, run)}"
        if not self._superseded(session, run) and begin_undo(session, run.id, why, RunState.UNPROVEN, self._clock()):
            make_ready(session, session.run(run.id))
            return
        end_run(session, self._responder, self._holder, run.id, RunState.UNPROVEN, why, self._clock())

    def _superseded(self, session: Session, run: Run) -> bool:
        """Whether another failing check of the incident has an answer of its own that waits behind this proof."""
        if run.incident is None:
            return False
        return self._responder.better_answer(session, session.incident(run.incident), run) is not None

    def _proof_is_late(self, session: Session, run: Run, now: float) -> bool:
        response = self._responder.response(run.response)
        within_s = response.prove_within_s if response else PROVE_WITHIN_S
        since = run.last_change_at or run.started_at or run.created_at
        if now - since <= within_s:
            return False  # most beats end here, without a question to the journal
        return rules.proof_is_late(since, within_s, self._looks(session, run, since), now)

    def _looks(self, session: Session, run: Run, since: float) -> Sequence[Sequence[float]]:
        """When each check that has not proven yet was asked since the change."""
        if run.incident is None:
            return ()
        unproven = [held for held in session.incident(run.incident).checks if held.proven_at is None and not held.lost]
        return [[judged.reading.at for judged in self._journal.readings(held.check, since)] for held in unproven]


def _proof_text(session: Session, run: Run) -> str:
    incident = session.incident(run.incident or 0)
    missing = [
        f"{held.check} {held.proof_count} of {held.needed}" for held in incident.checks if held.proven_at is None
    ]
    return ", ".join(missing) + " good readings after the fix"
