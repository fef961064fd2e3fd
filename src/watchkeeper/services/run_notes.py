"""What a run writes on its way: its steps under its fence, and what run and incident learn from them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.checks.values import Value
from watchkeeper.core.incidents.values import Event, EventKind, Incident
from watchkeeper.core.runs.captures import filled, with_value
from watchkeeper.core.runs.modes import Decision
from watchkeeper.core.runs.rate_limits import asked_for
from watchkeeper.core.runs.values import Run, RunState, RunStep, StepState
from watchkeeper.services.approvals import pins_of_picks, request_approvals
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.changes.suspects import run_change
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.quarantine import note_patience
from watchkeeper.services.responses import escalate, say_idle

LOOK_EVERY_S = 0.15


class Watch:
    """Whether a run was cancelled or taken over, for all who follow commands of it. One look serves all for a moment.

    apart: of who only reads beside the segment, and goes on when another one takes the run over.
    """

    def __init__(self, store: StorePort, run: Run, apart: bool = False) -> None:
        self._store = store
        self._run = run
        self._apart = apart
        self._guard = threading.Lock()
        self._looked_at = float("-inf")
        self._cancelled = False
        self._left = False

    def _look(self) -> None:
        with self._guard:
            now = time.monotonic()
            if now - self._looked_at < LOOK_EVERY_S:
                return
            with self._store.read() as session:
                fresh = session.run(self._run.id)
            self._left = fresh.fence != self._run.fence
            self._cancelled = fresh.state is RunState.CANCELLED
            self._looked_at = now

    def cancelled(self) -> bool:
        """A person ended the run: its commands are to be ended."""
        self._look()
        return self._cancelled

    def left(self) -> bool:
        """Another executor has taken the run over: its commands are not ours any more, and go on."""
        self._look()
        return self._left

    def over(self) -> bool:
        """Either of them, as far as it concerns who asks."""
        return self.cancelled() or (self._left and not self._apart)


class RunNotes:
    """Writes of segments. Every write of a step says which fence it holds; an older one changes nothing."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock, measurer: Measurer) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._measurer = measurer

    def now(self) -> float:
        """Epoch seconds."""
        return self._clock()

    def release(self) -> None:
        """Give back what this thread holds of the store, for threads that end."""
        self._store.release()

    def fresh(self, number: int) -> Run:
        """The run as it is now."""
        with self._store.read() as session:
            return session.run(number)

    def save(self, step: RunStep, fence: int) -> bool:
        """Keep a step; False when somebody else has taken the run over."""
        return self._store.write(lambda session: session.save_step(step, fence))

    def patience(self, run: Run, step: RunStep, output: str) -> None:
        """When the output of a failed step asks for patience, its service gets it."""
        now = self._clock()
        if asked_for(output, now) is not None:
            self._store.write(lambda session: note_patience(session, run, step, output, now))

    def watch(self, run: Run, apart: bool = False) -> Watch:
        """The questions of whoever follows a command of this run."""
        return Watch(self._store, run, apart)

    def save_ended(self, run: Run, step: RunStep, captured: str | None = None) -> bool:
        """The end of a step, and what run and incident learn of it, in one transaction.

        Otherwise the proof could look in between: a fix that is done, and no line yet after which proof counts.
        captured: the value it printed under the name of its `capture`.
        """
        now = self._clock()

        def work(session: Session) -> bool:
            if not session.save_step(step, run.fence) and not self._saved_late(session, step):
                return False
            self._note_step(session, run, step, now, captured)
            return True

        return self._store.write(work)

    def _saved_late(self, session: Session, step: RunStep) -> bool:
        """A diagnosis that went on beside the next segment of its run is kept, unless it was begun anew meanwhile."""
        if step.plan.phase != "diagnose" or step.plan.risk != "read":
            return False
        run = session.run(step.run)
        row = run.steps[step.index]
        same = row.state is StepState.RUNNING and row.attempt == step.attempt
        return same and session.save_step(step, run.fence)

    def _note_step(self, session: Session, run: Run, step: RunStep, now: float, captured: str | None) -> None:
        """A changing step moves the line after which proof counts; the timeline tells of every step."""
        changed = step.plan.risk != "read" and step.state is not StepState.REFUSED
        if changed or captured is not None:
            fresh = session.run_row(run.id)
            if captured is not None:
                fresh = replace(fresh, captures=with_value(fresh.captures, step.plan.capture, step.plan.host, captured))
            session.save_run(replace(fresh, last_change_at=now) if changed else fresh)
        if changed:
            self.mark_incident(session, run, last_change_at=now)
        if run.incident is None:
            return
        how = "" if step.exit_code is None else f", exit code {step.exit_code}"
        text = f"{step.plan.phase}: {step.plan.title or step.plan.id} on {step.plan.host} {step.state}{how}"
        text += f": {step.message}" if step.message else "."
        kind: EventKind = "change" if changed else "step"
        session.add_event(
            Event(0, run.incident, now, kind, run.actor, text, detail={"run": run.id, "step": step.index})
        )

    def begin_change(self, run: Run, step: RunStep) -> RunStep | None:
        """The attempt is a row before anything is sent, with the boot id of this run's earlier steps on that host.

        A second attempt was asked for after it was known what became of the first, so a reboot does not stop it.
        None when the run is not ours any more.
        """
        now = self._clock()
        earlier = [other.boot for other in run.steps if other.sent and other.plan.host == step.plan.host]
        boot = earlier[0] if earlier and not step.attempt else ""
        begun = replace(
            step, state=StepState.RUNNING, attempt=step.attempt + 1, started_at=now, boot=boot, sent=False, message=""
        )

        def work(session: Session) -> bool:
            fresh = session.run_row(run.id)
            if fresh.state is not RunState.RUNNING or not session.save_step(begun, run.fence):
                return False
            if fresh.fix_started_at is None:
                session.save_run(replace(fresh, fix_started_at=now))
                session.add_change(run_change(run, step, now))
            self.mark_incident(session, run, fix_started_at=now)
            if run.incident is not None:
                say_idle(session, run.incident)
            return True

        return begun if self._store.write(work) else None

    def mark_incident(self, session: Session, run: Run, **times: float) -> None:
        """Keep times on the incident; the first one of some, the newest of others."""
        if run.incident is None:
            return
        incident = session.incident(run.incident)
        first_only = {"fix_started_at", "diagnosed_at"}
        changes = {name: at for name, at in times.items() if name not in first_only or getattr(incident, name) is None}
        if changes:
            session.save_incident(replace(incident, **changes))  # type: ignore[arg-type]

    def diagnosed(self, run: Run) -> None:
        """Once, when the diagnosis is over: its outputs are on the incident."""
        if run.incident is None or not any(step.plan.phase == "diagnose" for step in run.steps):
            return
        with self._store.read() as session:
            if session.incident(run.incident).diagnosed_at is not None:
                return
        now = self._clock()
        count = sum(1 for step in run.steps if step.plan.phase == "diagnose" and step.evidence is not None)

        def work(session: Session) -> None:
            if session.incident(run.incident or 0).diagnosed_at is not None:
                return  # the last of it ended beside the segment, and was first
            self.mark_incident(session, run, diagnosed_at=now)
            text = f"Diagnosis of {run.plan.runbook} is done: {count} {'output' if count == 1 else 'outputs'}, all read-only."
            session.add_event(
                Event(0, run.incident or 0, now, "diagnosis", "watchkeeper", text, detail={"run": run.id})
            )

        self._store.write(work)

    def goes_on(self, run: Run, names: Sequence[str]) -> None:
        """The fix does not wait for these diagnosis steps; their outputs follow. With what was found it is diagnosed."""
        if run.incident is None:
            return
        now, named = self._clock(), ", ".join(dict.fromkeys(names))
        found = sum(1 for step in run.steps if step.plan.phase == "diagnose" and step.state is StepState.DONE)
        text = f"Diagnosis of {run.plan.runbook}: {found} {'output' if found == 1 else 'outputs'} so far."
        text += f" The fix does not wait for {named}: still at work, the output follows."

        def work(session: Session) -> None:
            if found:
                self.mark_incident(session, run, diagnosed_at=now)
            session.add_event(
                Event(0, run.incident or 0, now, "diagnosis", "watchkeeper", text, detail={"run": run.id})
            )

        self._store.write(work)

    # ---- waiting for a person ----------------------------------------------------------------------------------------

    def park(self, run: Run, step: RunStep, refused: Decision, void: bool = False) -> None:
        """The run waits for a person: a row, a request bound to the exact bytes, and a page, in one transaction.

        void: what a person agreed to before is not what would run, so it counts no more.
        """
        self.measure(run)
        now, inventory = self._clock(), self._holder.current
        pins = pins_of_picks(self._measurer.pinner, inventory, _with_values(run), step)

        def work(session: Session) -> None:
            fresh = session.run(run.id)
            if fresh.state is not RunState.RUNNING or fresh.fence != run.fence:
                return
            why = request_approvals(session, _with_values(fresh), step, refused.why, now, pins, inventory, void)
            mode = "propose" if void and fresh.mode == "auto" else fresh.mode
            session.save_run(replace(fresh, state=RunState.PARKED, parked_why=why, mode=mode))
            self._say_waiting(session, fresh, step, refused, now)

        self._store.write(work)

    def measure(self, run: Run) -> None:
        """Once per run, before its first changing step: how much there is where its plan names paths."""
        if run.fix_started_at is not None:
            return
        radius = self.fresh(run.id).blast_radius
        if radius is None or radius.measured_at is not None:
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
        if run.undo is not None:
            why = f"{run.undo.why}; taking it back waits: {why}"
        if run.undo is not None or (run.mode == "auto" and incident.acknowledged_at is None):
            escalate(session, self._holder.current, incident.id, now, why.rstrip("."))
        body = f"{incident.title}. Step {step.plan.id} on {step.plan.host} waits: {why} wk runs show {run.id}"
        announce(session, self._holder.current, incident, "approval", now, body=body)


def _with_values(run: Run) -> Run:
    """The run as its steps would start now: every member of a menu is asked about with the values that are known."""
    steps = (step if step.attempt else replace(step, plan=filled(step.plan, run.captures)) for step in run.steps)
    return replace(run, steps=tuple(steps))
