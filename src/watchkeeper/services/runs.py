"""Runs: starting by hand, deciding, cancelling, resuming, and ending the wait for a proof."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, Locked, NotFound, Usage
from watchkeeper.core.incidents.values import Event, Status
from watchkeeper.core.inventory.values import Service
from watchkeeper.core.runs.blast_radius import foresee
from watchkeeper.core.runs.planning import freeze, refill, step_digest
from watchkeeper.core.runs.values import ENDED, Approval, Run, RunState, RunStep, StepState
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.filling import Filled, keep
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, EnginePort, EvidencePort, Session, StorePort
from watchkeeper.services.responses import Responder, escalate, new_run
from watchkeeper.services.segments import NOT_REACHED, end_run, void_approvals, waiting_id
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

    def approvals(self, run: int | None = None, pending: bool = False) -> list[Approval]:
        """What was asked and decided."""
        with self._store.read() as session:
            return session.approvals(run, pending)

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

    # ---- deciding ----------------------------------------------------------------------------------------------------

    def approve(self, number: int, actor: Actor, index: int | None = None, binds: str = "") -> Run:
        """Approve the waiting step (one of a menu by `index`). Void when text, host or a value is not what was asked."""
        if not actor.is_person:
            raise Forbidden(f"{actor.name} is not a person, and only a person may approve.")

        def work(session: Session) -> Run:
            run = session.run(number)
            approval = self._pending(session, run, index)
            step = run.steps[approval.step]
            self._still_bound(run, step, approval, binds)
            now = self._clock()
            for other in session.approvals(run=number, pending=True):
                chosen = other.id == approval.id
                session.save_approval(
                    replace(other, decided="approved" if chosen else "denied", decided_at=now, decided_by=actor.name)
                )
                if not chosen:
                    left = replace(
                        run.steps[other.step], state=StepState.SKIPPED, message="another alternative was picked"
                    )
                    session.save_step(left, run.fence)
            session.save_step(replace(step, decided_by=actor.name, state=_reset(step)), run.fence)
            self._ready(session, run)
            self._say(session, run, f"{actor.name} approved step {step.plan.id} on {step.plan.host}.", actor)
            return session.run(number)

        run = self._store.write(work)
        self._engine.nudge()
        return run

    def fill(self, number: int, actor: Actor, params: Mapping[str, str]) -> Run:
        """Give values to the steps that wait, and to later ones that ask for the same; see `services.filling`.

        Nothing runs: the step still waits, now for an approval of its exact bytes with these values.
        """
        if not actor.is_person:
            raise Forbidden(f"{actor.name} is not a person, and only a person may give values.")
        if not params:
            raise Usage("No value was given.", f"Give one: wk runs approve {number} --param NAME=VALUE.")
        run = self.get(number)
        self._pending_any(run)
        inventory = self._holder.current
        plan = refill(run.plan, inventory.runbooks.get(run.plan.runbook), inventory, params)
        radius = self._measurer.measured(foresee(plan.steps))
        filled = Filled(run, plan, radius, tuple(sorted(params)), actor.name, self._clock())
        self._store.write(lambda session: keep(session, filled))
        return self.get(number)

    def _pending(self, session: Session, run: Run, index: int | None) -> Approval:
        pending = session.approvals(run=run.id, pending=True)
        if run.state is not RunState.PARKED or not pending:
            raise Usage(
                f"Run {run.id} waits for no approval: it is {run.state}.", f"Look at it: wk runs show {run.id}."
            )
        if index is None and len(pending) > 1:
            picks = ", ".join(f"{each.step} ({run.steps[each.step].plan.id})" for each in pending)
            raise Usage(
                f"Run {run.id} waits for a choice.",
                f"Name the step: wk runs approve {run.id} --step N, one of {picks}.",
            )
        chosen = next((each for each in pending if index is None or each.step == index), None)
        if chosen is None:
            raise NotFound(
                f"Step {index} of run {run.id} waits for no approval.", f"Look at it: wk runs show {run.id}."
            )
        if chosen.expires_at <= self._clock():
            raise Usage(f"The approval asked for run {run.id} has expired.", f"Ask again: wk runs resume {run.id}.")
        return chosen

    def _still_bound(self, run: Run, step: RunStep, approval: Approval, binds: str) -> None:
        now_binds = step_digest(step.plan, run.plan.runbook_digest)
        if approval.binds != now_binds or (binds and binds != now_binds):
            raise Usage(
                f"Step {step.plan.id} of run {run.id} is not the text that was shown: the approval is void.",
                f"Look at it again: wk runs show {run.id}.",
            )
        file = self._holder.current.runbooks.get(run.plan.runbook)
        if run.response and (file is None or file.digest != run.plan.runbook_digest):
            raise Usage(
                f"{run.plan.runbook} was changed after run {run.id} was planned: the approval is void.",
                f"Cancel it (wk runs cancel {run.id}) and start again with the new text: wk run {run.plan.runbook}.",
            )
        if step.plan.missing:
            raise Usage(
                f"Step {step.plan.id} needs a value for {', '.join(step.plan.missing)}.",
                f"Give it: wk runs approve {run.id} --param {step.plan.missing[0]}=VALUE.",
            )

    def deny(self, number: int, actor: Actor, reason: str = "") -> Run:
        """Deny what the run waits for: it ends, its later steps never run, and the incident is escalated."""
        if not actor.is_person:
            raise Forbidden(f"{actor.name} is not a person, and only a person may deny.")

        def work(session: Session) -> Run:
            run = session.run(number)
            self._pending_any(run)
            void_approvals(session, run, "denied", actor.name, self._clock())
            why = f"{actor.name} denied step {run.parked_why and waiting_id(run)}" + (f": {reason}" if reason else "")
            return end_run(session, self._responder, self._holder, number, RunState.FAILED, why, self._clock())

        return self._store.write(work)

    def _pending_any(self, run: Run) -> None:
        if run.state is not RunState.PARKED:
            raise Usage(f"Run {run.id} waits for nothing: it is {run.state}.", f"Look at it: wk runs show {run.id}.")

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
        self._say(session, run, f"Run {run.id} {message}.", None)

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
            self._ready(session, session.run(number))
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

    def _ready(self, session: Session, run: Run) -> None:
        session.save_run(
            replace(run, state=RunState.READY, segment=run.segment + 1, parked_why="", ended_at=None, message="")
        )

    def _say(self, session: Session, run: Run, text: str, actor: Actor | None) -> None:
        if run.incident is not None:
            who = actor.name if actor else "watchkeeper"
            session.add_event(Event(0, run.incident, self._clock(), "run", who, text, detail={"run": run.id}))


def _step(run: Run, index: int) -> RunStep:
    if not 0 <= index < len(run.steps):
        raise NotFound(f"Run {run.id} has no step {index}.", f"It has {len(run.steps)} steps: wk runs show {run.id}.")
    return run.steps[index]


def _reset(step: RunStep) -> StepState:
    """An approved step is planned again; one that was interrupted starts as a new attempt."""
    return StepState.PLANNED
