"""A segment of a run: steps are executed until the plan is done or something must be waited for.

Nothing waits inside a segment: a run that needs a person is parked as a row and its segment ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, EventKind, Incident, Status
from watchkeeper.core.runs.modes import Circumstances, Decision, may_start
from watchkeeper.core.runs.values import SETTLED, Grant, Run, RunState, RunStep, StepState
from watchkeeper.services.approvals import request_approvals
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.endings import end_run
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import AUTOMATION_OFF, Responder, escalate, say_idle
from watchkeeper.services.steps import INTERRUPTED, StepRunner
from watchkeeper.services.turns import HostTurns

log = logging.getLogger(__name__)
HOST_TURN_S = 60.0


class Segments:
    """Executes segments. Every write of a step says which fence it holds; an older one stops silently."""

    def __init__(
        self, store: StorePort, steps: StepRunner, responder: Responder, holder: InventoryHolder, clock: Clock,
        measurer: Measurer,
    ) -> None:  # fmt: skip
        self._store = store
        self._steps = steps
        self._responder = responder
        self._holder = holder
        self._clock = clock
        self._measurer = measurer
        self._turns = HostTurns()

    def execute(self, number: int) -> None:
        """Claim a ready run and take it as far as it goes. Returns at once when another executor was first."""
        run = self._store.write(lambda session: session.claim_run(number, self._clock()))
        if run is None:
            return
        fence = run.fence
        for step in run.steps:
            if step.state in SETTLED:
                continue
            current = self._fresh(number)
            if current.state is not RunState.RUNNING or current.fence != fence:
                return
            if step.plan.phase == "rollback":
                break
            if step.plan.phase != "diagnose":
                self._diagnosed(current)
            if not self._take(current, current.steps[step.index]):
                return
        self._finish(self._fresh(number), fence)

    def give_up(self, number: int, sentence: str) -> None:
        """End a run whose segment failed by a fault of ours, and tell people."""
        if self._fresh(number).state is RunState.RUNNING:
            self._end(self._fresh(number), RunState.FAILED, sentence)

    def _take(self, run: Run, step: RunStep) -> bool:
        """Execute one step; False when the segment ends here (parked, failed, or no longer ours)."""
        if step.state is not StepState.RUNNING and step.decided_by == "":
            decision = self._decide(run, step)
            if step.state is StepState.INTERRUPTED:
                decision = Decision(False, step.message, cause="interrupted")
            if not decision.act and step.plan.phase in ("diagnose", "verify") and run.mode != "manual":
                # only a person may start it; the diagnosis goes on without it, and the incident's own checks prove
                left_out = replace(step, state=StepState.SKIPPED, message=decision.why)
                return self._save(left_out, run.fence)
            if not decision.act:
                self._park(run, step, decision)
                return False
        if step.decided_by and step.plan.manual:
            done = replace(
                step, state=StepState.DONE, ended_at=self._clock(), message=f"done by hand by {step.decided_by}"
            )
            return self._save(done, run.fence)
        ended = self._read(run, step) if step.plan.risk == "read" else self._change_in_turn(run, step)
        if ended is None or not self._save_ended(run, ended):
            return False
        return self._go_on(run, ended)

    def _go_on(self, run: Run, step: RunStep) -> bool:
        if step.state is StepState.DONE or (step.plan.phase == "diagnose" and step.state is StepState.FAILED):
            return True
        if step.state is StepState.INTERRUPTED:
            why = f"Step {step.plan.id} on {step.plan.host}: {step.message}."
            self._park(run, step, Decision(False, why, cause="interrupted"))
            return False
        if step.state is StepState.CANCELLED:
            return False
        self._end(run, RunState.UNPROVEN if step.plan.phase == "verify" else RunState.FAILED,
                  f"step {step.plan.id} {step.message}")  # fmt: skip
        return False

    # ---- deciding --------------------------------------------------------------------------------------------------

    def _decide(self, run: Run, step: RunStep) -> Decision:
        now = self._clock()
        with self._store.read() as session:
            grant, refused, circumstances = self._standing(session, run, now)
        if run.mode == "auto" and grant is None and step.plan.risk != "read":
            self._store.write(lambda session: session.save_run(replace(session.run(run.id), mode="propose")))
        return may_start(step.plan, run.mode, grant, refused, circumstances)

    def _standing(self, session: Session, run: Run, now: float) -> tuple[Grant | None, Decision, Circumstances]:
        """The grant that holds at this very moment, and what stands against acting."""
        response = self._responder.response(run.response)
        if response is None:
            why = "" if run.mode == "manual" else f"{run.response} is no longer in the ops repo."
            return None, Decision(False, why, cause="changed" if why else ""), Circumstances()
        decision = self._responder.granted(session, response, run.plan, now)
        grant = next((each for each in session.grants() if each.id == decision.grant), None)
        refused = decision if response.mode == "auto" else Decision(False, cause="mode")
        budget = self._responder.budget(session, response, now) if run.fix_started_at is None else ""
        off = session.setting(AUTOMATION_OFF) or ""
        incident = session.incident(run.incident) if run.incident else None
        acknowledged = incident.acknowledged_by if incident and incident.acknowledged_at else None
        circumstances = Circumstances(
            automation_off=f"Automation is switched off: {off}." if off else "",
            acknowledged_by=f"{acknowledged} has acknowledged the incident." if acknowledged else "",
            budget=budget,
            cause=self._cause(session, incident),
        )
        return grant, refused, circumstances

    def _cause(self, session: Session, incident: Incident | None) -> str:
        """The sentence that what this service needs is failing as well: a change here would be aimed at the wrong place."""
        service = self._holder.current.services.get(incident.service) if incident else None
        above = rules.parent_incident(service, session.incidents(Status.OPEN, limit=500), self._holder.current)
        if above is None or incident is None:
            return ""
        return f"{incident.service} needs {above.service or above.host}, which has incident {above.id} open: {above.title}."

    # ---- executing -------------------------------------------------------------------------------------------------

    def _read(self, run: Run, step: RunStep) -> RunStep | None:
        """A read step with its retries; read again from the start after a crash."""
        ended = step
        for attempt in range(1, step.plan.retries + 1):
            begun = replace(step, state=StepState.RUNNING, attempt=step.attempt + attempt, started_at=self._clock())
            if not self._save(begun, run.fence):
                return None
            ended = self._steps.read(begun, self._cancelled(run))
            if ended.state in (StepState.DONE, StepState.CANCELLED) or attempt == step.plan.retries:
                return ended
            if self._cancelled(run)():
                return replace(ended, state=StepState.CANCELLED, message="cancelled between two attempts")
            time.sleep(step.plan.every_s)
        return ended

    def _change_in_turn(self, run: Run, step: RunStep) -> RunStep | None:
        with self._turns.take(step.plan.host, HOST_TURN_S) as got:
            if not got:
                why = f"Another run is changing {step.plan.host} for more than {HOST_TURN_S:g} s."
                self._park(run, step, Decision(False, why, cause="busy_host"))
                return None
            if step.state is not StepState.RUNNING and not step.decided_by:
                decision = self._decide(run, step)  # waiting for the turn took time: a switch may have been thrown
                if not decision.act:
                    self._park(run, step, decision)
                    return None
            return self._change(run, step)

    def _change(self, run: Run, step: RunStep) -> RunStep | None:
        first = step.state is not StepState.RUNNING
        if first and step.sent and step.attempt:  # it was interrupted; a person or `idempotent` says: again
            try:
                first = not self._steps.lives_on(step)
            except NoAnswer as error:
                return replace(step, state=StepState.INTERRUPTED, message=f"{error.sentence} {INTERRUPTED}")
            if not first:
                step = replace(step, state=StepState.RUNNING, started_at=self._clock(), message="")
                if not self._save(step, run.fence):
                    return None
        if first:
            self._measure(run)
            begun = self._begin_change(run, step)
            if begun is None:
                return None
            step = begun
        ended = self._steps.change(step, lambda changed: self._save(changed, run.fence), self._cancelled(run), first)
        if ended.state is StepState.INTERRUPTED and step.plan.idempotent and step.attempt < 3:
            log.warning("run %s step %s was interrupted; idempotent, so it is sent again", run.id, step.plan.id)
            return self._change(run, replace(ended, state=StepState.PLANNED))
        return ended

    def _begin_change(self, run: Run, step: RunStep) -> RunStep | None:
        """The attempt is a row before anything is sent, with the boot id of this run's earlier steps on that host.

        A second attempt was asked for after it was known what became of the first, so a reboot does not stop it.
        """
        now = self._clock()
        earlier = [other.boot for other in run.steps if other.sent and other.plan.host == step.plan.host]
        boot = earlier[0] if earlier and not step.attempt else ""
        begun = replace(
            step, state=StepState.RUNNING, attempt=step.attempt + 1, started_at=now, boot=boot, sent=False, message=""
        )

        def work(session: Session) -> bool:
            fresh = session.run(run.id)
            if fresh.state is not RunState.RUNNING or not session.save_step(begun, run.fence):
                return False
            if fresh.fix_started_at is None:
                session.save_run(replace(fresh, fix_started_at=now))
            self._mark_incident(session, run, fix_started_at=now)
            if run.incident is not None:
                say_idle(session, run.incident)
            return True

        return begun if self._store.write(work) else None

    def _mark_incident(self, session: Session, run: Run, **times: float) -> None:
        if run.incident is None:
            return
        incident = session.incident(run.incident)
        first_only = {"fix_started_at", "diagnosed_at"}
        changes = {name: at for name, at in times.items() if name not in first_only or getattr(incident, name) is None}
        if changes:
            session.save_incident(replace(incident, **changes))  # type: ignore[arg-type]

    def _cancelled(self, run: Run) -> Callable[[], bool]:
        def asked() -> bool:
            fresh = self._fresh(run.id)
            return fresh.state is RunState.CANCELLED or fresh.fence != run.fence

        return asked

    # ---- writing ---------------------------------------------------------------------------------------------------

    def _fresh(self, number: int) -> Run:
        with self._store.read() as session:
            return session.run(number)

    def _save(self, step: RunStep, fence: int) -> bool:
        return self._store.write(lambda session: session.save_step(step, fence))

    def _save_ended(self, run: Run, step: RunStep) -> bool:
        """The end of a step, and what run and incident learn of it, in one transaction.

        Otherwise the proof could look in between: a fix that is done, and no line yet after which proof counts.
        """
        now = self._clock()

        def work(session: Session) -> bool:
            if not session.save_step(step, run.fence):
                return False
            self._note_step(session, run, step, now)
            return True

        return self._store.write(work)

    def _note_step(self, session: Session, run: Run, step: RunStep, now: float) -> None:
        """A changing step moves the line after which proof counts; the timeline tells of every step."""
        changed = step.plan.risk != "read" and step.state is not StepState.REFUSED
        if changed:
            session.save_run(replace(session.run(run.id), last_change_at=now))
            self._mark_incident(session, run, last_change_at=now)
        if run.incident is None:
            return
        how = "" if step.exit_code is None else f", exit code {step.exit_code}"
        text = f"{step.plan.phase}: {step.plan.title or step.plan.id} on {step.plan.host} {step.state}{how}"
        text += f": {step.message}" if step.message else "."
        kind: EventKind = "change" if changed else "step"
        session.add_event(
            Event(0, run.incident, now, kind, run.actor, text, detail={"run": run.id, "step": step.index})
        )

    def _diagnosed(self, run: Run) -> None:
        """Once, when the diagnosis is over: its outputs are on the incident."""
        if run.incident is None or not any(step.plan.phase == "diagnose" for step in run.steps):
            return
        with self._store.read() as session:
            if session.incident(run.incident).diagnosed_at is not None:
                return
        now = self._clock()
        count = sum(1 for step in run.steps if step.plan.phase == "diagnose" and step.evidence is not None)

        def work(session: Session) -> None:
            self._mark_incident(session, run, diagnosed_at=now)
            text = f"Diagnosis of {run.plan.runbook} is done: {count} outputs, all read-only."
            session.add_event(
                Event(0, run.incident or 0, now, "diagnosis", "watchkeeper", text, detail={"run": run.id})
            )

        self._store.write(work)

    def _park(self, run: Run, step: RunStep, refused: Decision) -> None:
        """The run waits for a person: a row, a request bound to the exact bytes, and a page, in one transaction."""
        self._measure(run)
        now, why = self._clock(), refused.why

        def work(session: Session) -> None:
            fresh = session.run(run.id)
            if fresh.state is not RunState.RUNNING or fresh.fence != run.fence:
                return
            request_approvals(session, fresh, step, why, now)
            session.save_run(replace(fresh, state=RunState.PARKED, parked_why=why))
            self._say_waiting(session, fresh, step, refused, now)

        self._store.write(work)

    def _measure(self, run: Run) -> None:
        """Once per run, before its first changing step: how much there is where its plan names paths."""
        radius = self._fresh(run.id).blast_radius
        if radius is None or radius.measured_at is not None or run.fix_started_at is not None:
            return
        measured = self._measurer.measured(radius)

        def work(session: Session) -> None:
            fresh = session.run(run.id)
            if fresh.fence == run.fence:
                session.save_run(replace(fresh, blast_radius=measured))

        self._store.write(work)

    def _say_waiting(self, session: Session, run: Run, step: RunStep, refused: Decision, now: float) -> None:
        if run.incident is None:
            return
        why = refused.why
        say_idle(session, run.incident, why)
        incident: Incident = session.incident(run.incident)
        text = f"Run {run.id} waits at step {step.plan.id}: {why}"
        detail: dict[str, Value] = {"run": run.id, "step": step.index, "cause": refused.cause, "also": refused.also}
        session.add_event(Event(0, incident.id, now, "approval", "watchkeeper", text, detail=detail))
        if run.mode == "auto" and incident.acknowledged_at is None:
            escalate(session, self._holder.current, incident.id, now, why.rstrip("."))
        body = f"{incident.title}. Step {step.plan.id} on {step.plan.host} waits: {why} wk runs show {run.id}"
        announce(session, self._holder.current.team, incident, "approval", now, body=body)

    def _finish(self, run: Run, fence: int) -> None:
        """All steps are done: hand over to the proof, or end."""
        if run.state is not RunState.RUNNING or run.fence != fence:
            return
        self._diagnosed(run)
        fixes = [step for step in run.steps if step.plan.phase == "fix"]
        verifies = [step for step in run.steps if step.plan.phase == "verify" and step.state is StepState.DONE]
        if run.incident is not None and not fixes:
            self._end(run, RunState.DONE, "the runbook has no fix, so a person decides")
        elif run.incident is not None:
            self._store.write(lambda session: session.save_run(replace(session.run(run.id), state=RunState.VERIFYING)))
        elif verifies:
            self._end(run, RunState.PROVEN, f"proven by its own verification, {len(verifies)} steps")
        else:
            self._end(run, RunState.DONE, "done, not verified: the runbook has no verification")

    def _end(self, run: Run, state: RunState, message: str) -> None:
        self._store.write(
            lambda session: end_run(session, self._responder, self._holder, run.id, state, message, self._clock())
        )
