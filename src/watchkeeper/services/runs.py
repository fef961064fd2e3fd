"""Runs: starting by hand, deciding, cancelling, resuming, and ending the wait for a proof."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, Locked, NotFound, Usage
from watchkeeper.core.incidents.values import Event, Status
from watchkeeper.core.inventory.values import Service
from watchkeeper.core.runs.planning import freeze
from watchkeeper.core.runs.values import ENDED, Run, RunState, RunStep, StepState
from watchkeeper.services.approvals import make_ready, void_approvals
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.endings import NOT_REACHED
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, EnginePort, EvidencePort, Session, StorePort
from watchkeeper.services.responses import Responder, escalate, new_run
from watchkeeper.services.steps import StepRunner

log = logging.getLogger(__name__)


class Runs:
    """What people and beats do with runs. The engine executes; these only move rows and then nudge it."""

    def __init__(
        self, store: StorePort, evidence: EvidencePort, engine: EnginePort, steps: StepRunner, responder: Responder,
        holder: InventoryHolder, clock: Clock, measurer: Measurer,
    ) -> None:  # fmt: skip
        self._store = store
        self._evidence = evidence
        self._engine = engine
        self._steps = steps
        self._responder = responder
        self._holder = holder
        self._clock = clock
        self._measurer = measurer

    # ---- reading ---------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Run:
        """One run with its steps; raises `NotFound`."""
        with self._store.read() as session:
            return session.run(number)

    def newest(self, incident: int | None = None, active: bool = False, limit: int = 50) -> list[Run]:
        """Newest first; `active`: only those that have not ended."""
        states = tuple(state for state in RunState if state not in ENDED) if active else ()
        with self._store.read() as session:
            return session.runs(states, incident, limit)

    def output(self, number: int, index: int, offset: int = 0, limit: int = 262_144) -> tuple[bytes, int, bool]:
        """(bytes from offset, next offset, whether the step has ended); redacted before it was kept."""
        run = self.get(number)
        step = _step(run, index)
        data = self._evidence.read(number, index, step.attempt, offset, limit)
        ended = step.state not in (StepState.RUNNING, StepState.PLANNED, StepState.WAITS)
        done = ended and offset + len(data) >= self._evidence.size(number, index, step.attempt)
        return data, offset + len(data), done

    # ---- by hand -----------------------------------------------------------------------------------------------------

    def plan(self, runbook: str, service: str, params: Mapping[str, str], only: Sequence[str], actor: Actor) -> Run:
        """The run that `start` would make, without storing anything (dry run); id 0. Its paths are measured."""
        draft = self._draft(runbook, service, params, only, actor)
        radius = draft.blast_radius
        return replace(draft, blast_radius=self._measurer.measured(radius) if radius else None)

    def _draft(self, runbook: str, service: str, params: Mapping[str, str], only: Sequence[str], actor: Actor) -> Run:
        inventory = self._holder.current
        found = self._service(service)
        file = inventory.runbooks.get(runbook) or inventory.runbooks.get(f"runbooks/{runbook}")
        if file is None:
            names = ", ".join(sorted(inventory.runbooks)) or "none"
            raise NotFound(f"There is no runbook {runbook} in the ops repo.", f"Its runbooks: {names}.")
        plan = freeze(file, inventory, found, params, only)
        if not plan.steps:
            raise Usage(f"{file.path} holds no step that could run.", f"Look at it: wk runbook show {file.path}.")
        unfilled = sorted({name for step in plan.steps for name in step.missing})
        if unfilled and not only:
            log.info("plan of %s has unfilled values %s", runbook, unfilled)
        return new_run(plan, "", "manual", actor.name, self._clock())

    def start(
        self, runbook: str, service: str, params: Mapping[str, str], only: Sequence[str], actor: Actor, digest: str = ""
    ) -> Run:
        """Start a runbook by hand; the caller has shown its exact text, hosts and risk. Bound to an open incident if any.

        digest: of the plan that was shown; another plan is refused, so nobody starts what they did not see.
        """
        if not actor.is_person:
            raise Forbidden(f"{actor.name} is not a person, and only a person may start a run by hand.")
        draft = self._draft(runbook, service, params, only, actor)
        if digest and digest != draft.plan.digest:
            raise Usage(
                f"{runbook} has changed since its plan was shown, so nothing was started.", "Look at the plan again."
            )

        def work(session: Session) -> Run:
            incident = next(
                (each for each in session.incidents(Status.OPEN, 500) if service and each.service == service), None
            )
            busy = [
                run
                for run in session.runs(limit=100)
                if run.state not in ENDED and incident and run.incident == incident.id
            ]
            for other in busy:
                if other.state is RunState.RUNNING:
                    raise Locked(
                        f"Run {other.id} is at work on incident {other.incident}.",
                        f"Wait for it, or cancel it: wk runs cancel {other.id}.",
                    )
                self._cancel_row(session, other, "replaced by a run started by hand")
            run = session.add_run(replace(draft, incident=incident.id if incident else None))
            if incident:
                text = f"{actor.name} started {run.plan.runbook}: run {run.id}."
                session.add_event(Event(0, incident.id, self._clock(), "run", actor.name, text, detail={"run": run.id}))
            return run

        run = self._store.write(work)
        self._engine.nudge()
        return run

    def _service(self, name: str) -> Service | None:
        if not name:
            return None
        found = self._holder.current.services.get(name)
        if found is None:
            names = ", ".join(sorted(self._holder.current.services))
            raise NotFound(f"There is no service {name} in the ops repo.", f"Its services: {names}.")
        return found

    def cancel(self, number: int, actor: Actor) -> Run:
        """End a run: what waits never starts; a command at work is ended with its process group, remote too."""

        def work(session: Session) -> Run:
            run = session.run(number)
            if run.state in ENDED:
                raise Usage(f"Run {number} has ended already: {run.state}.", f"Look at it: wk runs show {number}.")
            self._cancel_row(session, run, f"cancelled by {actor.name}")
            if run.incident is not None:
                escalate(
                    session, self._holder.current, run.incident, self._clock(), f"{actor.name} cancelled run {number}"
                )
            return session.run(number)

        run = self._store.write(work)
        self._engine.cancel(number)
        return run

    def _cancel_row(self, session: Session, run: Run, message: str) -> None:
        void_approvals(session, run, "expired", "watchkeeper", self._clock())
        for step in run.steps:
            if step.state in (StepState.PLANNED, StepState.WAITS):
                session.save_step(replace(step, state=StepState.CANCELLED, message=message), run.fence)
        session.save_run(replace(run, state=RunState.CANCELLED, ended_at=self._clock(), message=message))
        self._say(session, run, f"Run {run.id} {message}.")

    def resume(self, number: int, actor: Actor) -> Run:
        """Go on with a run that is parked, or continue a failed one from its failed step."""
        if not actor.is_person:
            raise Forbidden(f"{actor.name} is not a person, and only a person may resume a run.")

        def work(session: Session) -> Run:
            run = session.run(number)
            if run.state is RunState.PARKED:
                void_approvals(session, run, "expired", actor.name, self._clock())
                for step in run.steps:
                    if step.state is StepState.WAITS:
                        session.save_step(replace(step, state=StepState.PLANNED), run.fence)
            elif run.state in (RunState.FAILED, RunState.UNPROVEN):
                self._reopen_failed(session, run)
            else:
                raise Usage(
                    f"Run {number} is {run.state}, so there is nothing to resume.",
                    f"Look at it: wk runs show {number}.",
                )
            make_ready(session, session.run(number))
            return session.run(number)

        run = self._store.write(work)
        self._engine.nudge()
        return run

    def _reopen_failed(self, session: Session, run: Run) -> None:
        for step in run.steps:
            again = step.state in (StepState.FAILED, StepState.REFUSED, StepState.CANCELLED, StepState.INTERRUPTED)
            if again or (step.state is StepState.SKIPPED and step.message == NOT_REACHED):
                # one that was interrupted may still be at work there: its next attempt looks first
                sent = step.sent and step.state is StepState.INTERRUPTED
                session.save_step(replace(step, state=StepState.PLANNED, sent=sent), run.fence)

    def _say(self, session: Session, run: Run, text: str) -> None:
        if run.incident is not None:
            session.add_event(Event(0, run.incident, self._clock(), "run", "watchkeeper", text, detail={"run": run.id}))


def _step(run: Run, index: int) -> RunStep:
    if not 0 <= index < len(run.steps):
        raise NotFound(f"Run {run.id} has no step {index}.", f"It has {len(run.steps)} steps: wk runs show {run.id}.")
    return run.steps[index]
