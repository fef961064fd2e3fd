"""Runs: starting by hand, deciding, cancelling, resuming, and ending the wait for a proof."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from watchkeeper.core import approvals as approval_rules
from watchkeeper.core.access import assert_allowed, assert_at_all, starting_role
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Locked, NotFound, Usage
from watchkeeper.core.incidents.values import Event, Status
from watchkeeper.core.inventory.values import Service
from watchkeeper.core.runs import order
from watchkeeper.core.runs.cancelling import cancelled
from watchkeeper.core.runs.order import NOT_REACHED
from watchkeeper.core.runs.planning import freeze
from watchkeeper.core.runs.undoing import told
from watchkeeper.core.runs.values import ENDED, Pins, Run, RunState, RunStep, StepState
from watchkeeper.services.access import on_plan, on_run
from watchkeeper.services.approvals import make_ready, void_approvals
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.locks import claim_incident, let_incident_go
from watchkeeper.services.ports import Clock, EnginePort, EvidencePort, Session, StorePort
from watchkeeper.services.responses import Responder, escalate, new_run
from watchkeeper.services.steps import StepRunner
from watchkeeper.services.undoing import begin_undo

log = logging.getLogger(__name__)


class Runs:
    """What people and beats do with runs. The engine executes; these only move rows and then nudge it."""

    def __init__(
        self, store: StorePort, evidence: EvidencePort, engine: EnginePort, steps: StepRunner, responder: Responder,
        holder: InventoryHolder, clock: Clock, measurer: Measurer, requested: Callable[[Actor], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._store = store
        self._evidence = evidence
        self._engine = engine
        self._steps = steps
        self._responder = responder
        self._holder = holder
        self._clock = clock
        self._measurer = measurer
        self._requested = requested

    # ---- reading ---------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Run:
        """One run with its steps; raises `NotFound`."""
        with self._store.read() as session:
            return session.run(number)

    def newest(
        self, incident: int | None = None, active: bool = False, limit: int = 50, before: int | None = None
    ) -> list[Run]:
        """Newest first, with numbers below `before`; `active`: only those that have not ended."""
        states = tuple(state for state in RunState if state not in ENDED) if active else ()
        with self._store.read() as session:
            return session.runs(states, incident, limit, before)

    def output(
        self, number: int, index: int, offset: int = 0, limit: int = 262_144, attempt: int | None = None
    ) -> tuple[bytes, int, bool]:
        """(bytes from offset, next offset, whether the step has ended); redacted before it was kept.

        attempt: an earlier one, for example of a verification before the undo; None is the newest.
        """
        run = self.get(number)
        step = _step(run, index)
        if attempt is not None and attempt != step.attempt:
            data = self._evidence.read(number, index, attempt, offset, limit)
            return data, offset + len(data), offset + len(data) >= self._evidence.size(number, index, attempt)
        data = self._evidence.read(number, index, step.attempt, offset, limit)
        ended = step.state not in (StepState.RUNNING, StepState.PLANNED, StepState.WAITS)
        done = ended and offset + len(data) >= self._evidence.size(number, index, step.attempt)
        return data, offset + len(data), done

    # ---- by hand -----------------------------------------------------------------------------------------------------

    def plan(
        self, runbook: str, service: str, params: Mapping[str, str], only: Sequence[str], actor: Actor,
        hosts: Sequence[str] = (),
    ) -> Run:  # fmt: skip
        """The run that `start` would make, without storing anything (dry run); id 0. Its paths are measured.

        hosts: only what runs on these; empty means all.
        """
        draft = self._draft(runbook, service, params, only, actor, hosts)
        radius = draft.blast_radius
        return replace(draft, blast_radius=self._measurer.measured(radius) if radius else None, pins=self._pins(draft))

    def _pins(self, draft: Run) -> Pins:
        return self._measurer.pinner.pins([step.plan for step in draft.steps], self._holder.current.hosts)

    def failed_hosts(self, number: int) -> tuple[str, ...]:
        """Hosts on which an ended run did not get through: a step failed there, or was not reached. Raises `Usage`."""
        run = self.get(number)
        if run.state not in ENDED:
            raise Usage(f"Run {number} has not ended: it is {run.state}.", f"Look at it: wk runs show {number}.")
        hosts = order.hosts_not_through(run)
        if not hosts:
            raise Usage(f"Run {number} got through on every host.", f"Look at it: wk runs show {number}.")
        return hosts

    def _draft(
        self, runbook: str, service: str, params: Mapping[str, str], only: Sequence[str], actor: Actor,
        hosts: Sequence[str] = (),
    ) -> Run:  # fmt: skip
        inventory = self._holder.current
        found = self._service(service)
        file = inventory.runbooks.get(runbook) or inventory.runbooks.get(f"runbooks/{runbook}")
        if file is None:
            names = ", ".join(sorted(inventory.runbooks)) or "none"
            raise NotFound(f"There is no runbook {runbook} in the ops repo.", f"Its runbooks: {names}.")
        plan = freeze(file, inventory, found, params, only, hosts)
        if not plan.steps:
            raise Usage(f"{file.path} holds no step that could run.", f"Look at it: wk runbook show {file.path}.")
        unfilled = sorted({name for step in plan.steps for name in step.missing})
        if unfilled and not only:
            log.info("plan of %s has unfilled values %s", runbook, unfilled)
        draft = new_run(plan, "", "manual", actor.name, self._clock())
        return approval_rules.raised_for(draft, starting_role(actor, on_plan(inventory, plan)))

    def start(
        self, runbook: str, service: str, params: Mapping[str, str], only: Sequence[str], actor: Actor, digest: str = "",
        pins: str = "", hosts: Sequence[str] = (),
    ) -> Run:  # fmt: skip
        """Start a runbook by hand; the caller has shown its exact text, hosts and risk. Bound to an open incident if any.

        digest: of the plan that was shown; another plan is refused, so nobody starts what they did not see. pins: the same
        for its hosts and script files.
        """
        action = "runs.start" if actor.is_person else "runs.request"
        assert_at_all(actor, action)
        draft = self._draft(runbook, service, params, only, actor, hosts)
        assert_allowed(actor, action, *on_plan(self._holder.current, draft.plan))
        self._requested(actor)
        if digest and digest != draft.plan.digest:
            raise Usage(
                f"{runbook} has changed since its plan was shown, so nothing was started.", "Look at the plan again."
            )
        held = self._pins(draft)
        draft = replace(draft, pins=held)
        if pins and pins != approval_rules.pins_digest(held):
            raise Usage(
                f"A host or a script file of {runbook} has changed since its plan was shown, so nothing was started.",
                "Look at the plan again.",
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
                if other.state is RunState.RUNNING or not actor.is_person:  # an agent's wish takes nobody's run away
                    doing = "is at work" if other.state is RunState.RUNNING else "waits"
                    raise Locked(
                        f"Run {other.id} {doing} on incident {other.incident}.",
                        f"Wait for it, or cancel it: wk runs cancel {other.id}.",
                    )
                self._cancel_row(session, other, "replaced by a run started by hand")
            run = session.add_run(replace(draft, incident=incident.id if incident else None))
            claim_incident(session, run, self._clock())
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
        assert_at_all(actor, "runs.cancel")

        def work(session: Session) -> None:
            run = session.run(number)
            assert_allowed(actor, "runs.cancel", *on_run(self._holder.current, run))
            if run.state in ENDED:
                raise Usage(f"Run {number} has ended already: {run.state}.", f"Look at it: wk runs show {number}.")
            self._cancel_row(session, run, f"cancelled by {actor.name}")
            if run.incident is not None:
                escalate(
                    session, self._holder.current, run.incident, self._clock(), f"{actor.name} cancelled run {number}"
                )

        self._store.write(work)
        self._engine.cancel(number)
        return self.get(number)

    def _cancel_row(self, session: Session, run: Run, message: str) -> None:
        void_approvals(session, run, "expired", "watchkeeper", self._clock())
        for step in run.steps:
            if step.state in (StepState.PLANNED, StepState.WAITS):
                session.save_step(cancelled(step, message), run.fence)
        undo = told(run, "none") if run.undo is not None and not run.undo.verified else run.undo
        session.save_run(replace(run, state=RunState.CANCELLED, ended_at=self._clock(), message=message, undo=undo))
        let_incident_go(session, run)
        self._say(session, run, f"Run {run.id} {message}.")

    def resume(self, number: int, actor: Actor) -> Run:
        """Go on with a run that is parked, or continue a failed one from its failed step."""
        assert_at_all(actor, "runs.resume")

        def work(session: Session) -> Run:
            run = session.run(number)
            assert_allowed(actor, "runs.resume", *on_run(self._holder.current, run))
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
            self._raise_for(session, number, actor)
            claim_incident(session, run, self._clock())
            make_ready(session, session.run(number))
            return session.run(number)

        run = self._store.write(work)
        self._engine.nudge()
        return run

    def undo(self, number: int, actor: Actor) -> Run:
        """Take back what an ended run did, because a person asks for it: the same undo as after a failed verification."""
        assert_at_all(actor, "runs.undo")

        def work(session: Session) -> Run:
            run = session.run(number)
            assert_allowed(actor, "runs.undo", *on_run(self._holder.current, run))
            if run.state not in ENDED or run.undo is not None:
                why = "it was undone before" if run.undo is not None else f"it is {run.state}"
                raise Usage(f"Run {number} cannot be undone now: {why}.", f"Look at it: wk runs show {number}.")
            # what was taken back proves nothing any more, and no other runbook follows by itself on what a person asked for
            ends = {RunState.PROVEN: RunState.DONE, RunState.UNPROVEN: RunState.FAILED}.get(run.state, run.state)
            if not begin_undo(session, number, f"{actor.name} asked to undo it", ends, self._clock()):
                raise Usage(
                    f"Nothing of run {number} can be undone: no step that was done names an undo, and its runbook has no "
                    "rollback.",
                    f"Look at it: wk runs show {number}.",
                )
            claim_incident(session, run, self._clock())
            make_ready(session, session.run(number))
            return session.run(number)

        run = self._store.write(work)
        self._engine.nudge()
        return run

    def _raise_for(self, session: Session, number: int, actor: Actor) -> None:
        """Going on is a start: in a run by hand, what needs a higher role than this person has waits for somebody else."""
        run = session.run(number)
        if run.mode != "manual":
            return
        role = starting_role(actor, on_run(self._holder.current, run))
        for before, after in zip(run.steps, approval_rules.raised_for(run, role).steps, strict=True):
            if before.state is StepState.PLANNED and after != before:
                session.save_step(after, run.fence)

    def _reopen_failed(self, session: Session, run: Run) -> None:
        if run.undo is not None:
            self._reopen_undo(session, run)
            return
        for step in run.steps:
            lasted = step.plan.background and step.state is StepState.DONE  # the steps behind it may need it again
            if (not_through(step) or lasted) and not step.plan.undoes:
                # one that was interrupted may still be at work there: its next attempt looks first
                sent = step.sent and step.state is StepState.INTERRUPTED
                session.save_step(replace(step, state=StepState.PLANNED, sent=sent, decided_by=""), run.fence)

    def _reopen_undo(self, session: Session, run: Run) -> None:
        """What was undone is not done again by going on; only an undo that did not get through goes on."""
        rows = [step for step in run.steps if step.plan.phase == "rollback" and not_through(step)]
        if not rows or run.undo is None:
            raise Usage(
                f"Run {run.id} was undone, so it cannot go on from where it failed.",
                f"Start it anew: wk run {run.plan.runbook}.",
            )
        for step in (*rows, *(step for step in run.steps if step.plan.phase == "verify")):
            sent = step.sent and step.state is StepState.INTERRUPTED
            session.save_step(replace(step, state=StepState.PLANNED, sent=sent, decided_by=""), run.fence)
        session.save_run(replace(run, undo=replace(run.undo, verified="", undone=(), left=())))

    def _say(self, session: Session, run: Run, text: str) -> None:
        if run.incident is not None:
            session.add_event(Event(0, run.incident, self._clock(), "run", "watchkeeper", text, detail={"run": run.id}))


def not_through(step: RunStep) -> bool:
    """Whether a step did not come to a good end, or was not reached."""
    again = (StepState.FAILED, StepState.REFUSED, StepState.CANCELLED, StepState.INTERRUPTED)
    return step.state in again or (step.state is StepState.SKIPPED and step.message == NOT_REACHED)


def _step(run: Run, index: int) -> RunStep:
    if not 0 <= index < len(run.steps):
        raise NotFound(f"Run {run.id} has no step {index}.", f"It has {len(run.steps)} steps: wk runs show {run.id}.")
    return run.steps[index]
