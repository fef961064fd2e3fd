"""Approvals: what a run waits for is asked of a person, bound to the exact bytes, and decided by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from watchkeeper.core import approvals as rules
from watchkeeper.core.access import assert_allowed, assert_at_all, lowest_role
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.runs.blast_radius import foresee
from watchkeeper.core.runs.planning import refill
from watchkeeper.core.runs.values import SETTLED, Approval, Given, Grant, Pins, Run, RunState, RunStep, StepState
from watchkeeper.services.access import on_run, roles_there
from watchkeeper.services.audit import audited
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.endings import end_run
from watchkeeper.services.filling import Filled, keep
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.pins import Pinner
from watchkeeper.services.ports import Clock, EnginePort, Session, StorePort
from watchkeeper.services.responses import Responder

APPROVAL_LASTS_S = 1800.0


class Approvals:
    """What people decide on runs that wait. Rows move in one transaction, then the engine is nudged."""

    def __init__(
        self, store: StorePort, engine: EnginePort, responder: Responder, holder: InventoryHolder, clock: Clock,
        measurer: Measurer,
    ) -> None:  # fmt: skip
        self._store = store
        self._engine = engine
        self._responder = responder
        self._holder = holder
        self._clock = clock
        self._measurer = measurer

    def of_run(self, run: int | None = None, pending: bool = False) -> list[Approval]:
        """What was asked and decided."""
        with self._store.read() as session:
            return session.approvals(run, pending)

    def _get(self, number: int) -> Run:
        with self._store.read() as session:
            return session.run(number)

    def approve(self, number: int, actor: Actor, index: int | None = None, binds: str = "") -> Run:
        """Approve the waiting step (one of a menu by `index`), or give one of two yeses to it.

        Void when text, host, a value or a script file is not what was asked. The script files themselves are read again
        right before the start. Raises `Forbidden` for an agent, a role too low, or the same person twice.
        """
        assert_at_all(actor, "runs.approve")

        def work(session: Session) -> Run:
            run = session.run(number)
            about = on_run(self._holder.current, run)
            assert_allowed(actor, "runs.approve", *about)
            approval = self._pending(session, run, index)
            step = run.steps[approval.step]
            needed = rules.raised(approval.needs, rules.requirement(step.plan))
            refused = rules.refusal(actor, needed, run, approval.given, lowest_role(actor, about))
            if refused:
                few = rules.too_few(needed, run, roles_there(session, self._holder.current, about))
                raise Forbidden(refused, few or f"Look at it: wk runs show {run.id}.")
            self._still_bound(run, step, approval, binds)
            now = self._clock()
            given = (*approval.given, Given(actor.name, now))
            approval = replace(approval, given=given, needs=needed.words)
            what = f"step {step.plan.id} on {step.plan.host}, {approval.needs}"
            session.add_audit_event(audited(now, actor, "approve", f"run {run.id}", what))
            if len(given) < needed.persons:
                session.save_approval(approval)
                half = f"{actor.name} approved step {step.plan.id}, {rules.so_far(approval)}; another person is needed."
                session.save_run(replace(run, parked_why=half))
                self._say(session, run, actor, half)
                return session.run(number)
            self._decided(session, run, approval, now)
            self._say(session, run, actor, f"{actor.name} approved step {step.plan.id} on {step.plan.host}.")
            return session.run(number)

        run = self._store.write(work)
        self._engine.nudge()
        return run

    def _decided(self, session: Session, run: Run, approval: Approval, now: float) -> None:
        """The approval is whole: its step may start, the others of its menu are left, and the run goes on."""
        names = " and ".join(each.by for each in approval.given)
        for other in session.approvals(run=run.id, pending=True):
            if other.id == approval.id:
                session.save_approval(replace(approval, decided="approved", decided_at=now, decided_by=names))
                continue
            session.save_approval(replace(other, decided="denied", decided_at=now, decided_by=names))
            left = replace(run.steps[other.step], state=StepState.SKIPPED, message="another alternative was picked")
            session.save_step(left, run.fence)
        step = run.steps[approval.step]
        session.save_step(replace(step, decided_by=names, state=StepState.PLANNED), run.fence)
        make_ready(session, run)

    def _say(self, session: Session, run: Run, actor: Actor, text: str) -> None:
        if run.incident is not None:
            event = Event(0, run.incident, self._clock(), "run", actor.name, text, detail={"run": run.id})
            session.add_event(event)

    def fill(self, number: int, actor: Actor, params: Mapping[str, str]) -> Run:
        """Give values to the steps that wait, and to later ones that ask for the same; see `services.filling`.

        Nothing runs: the step still waits, now for an approval of its exact bytes with these values.
        """
        assert_at_all(actor, "runs.fill")
        if not params:
            raise Usage("No value was given.", f"Give one: wk runs approve {number} --param NAME=VALUE.")
        run = self._get(number)
        assert_allowed(actor, "runs.fill", *on_run(self._holder.current, run))
        _assert_parked(run)
        inventory = self._holder.current
        plan = refill(run.plan, inventory.runbooks.get(run.plan.runbook), inventory, params)
        radius = self._measurer.measured(foresee(plan.steps))
        waiting = [plan.steps[step.index] for step in run.steps if step.state is StepState.WAITS and not step.attempt]
        pins = {step.index: self._measurer.pinner.pins([step], inventory.hosts) for step in waiting}
        filled = Filled(run, plan, radius, tuple(sorted(params)), actor.name, self._clock(), pins)
        self._store.write(lambda session: keep(session, filled))
        return self._get(number)

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
        place = rules.places([step.plan.host], self._holder.current.hosts)
        pins = approval.pins or Pins()
        moved = rules.moved(pins.places, place, "asked")
        if moved:
            raise Usage(f"The approval is void: {moved}", f"Ask again: wk runs resume {run.id}.")
        now_binds = rules.binds(step.plan, run.plan.runbook_digest, pins)
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
        assert_at_all(actor, "runs.deny")

        def work(session: Session) -> Run:
            run = session.run(number)
            assert_allowed(actor, "runs.deny", *on_run(self._holder.current, run))
            _assert_parked(run)
            void_approvals(session, run, "denied", actor.name, self._clock())
            why = f"{actor.name} denied step {run.parked_why and waiting_id(run)}" + (f": {reason}" if reason else "")
            session.add_audit_event(audited(self._clock(), actor, "deny", f"run {number}"))
            return end_run(session, self._responder, self._holder, number, RunState.FAILED, why, self._clock())

        return self._store.write(work)


def pins_of_picks(pinner: Pinner, inventory: Inventory, run: Run, step: RunStep) -> dict[int, Pins]:
    """What a request about this step, and every member of its menu, holds fast now; asks the hosts."""
    return {each.index: pinner.pins([each.plan], inventory.hosts) for each in _picks(run, step)}


def request_approvals(
    session: Session, run: Run, step: RunStep, why: str, now: float, pins: Mapping[int, Pins], inventory: Inventory,
    void: bool = False,
) -> str:  # fmt: skip
    """This step, and every member of its menu, waits for people: each with a request bound to its exact bytes.

    pins: of `pins_of_picks`. void: what was approved before is void, and this asks anew. Returns why it waits.
    """
    said = ""
    for waiting in _picks(run, step):
        own = why if waiting.index == step.index else _own_reason(waiting) or why
        needed = rules.requirement(waiting.plan)
        missing = rules.too_few(needed, run, roles_there(session, inventory, on_run(inventory, run)))
        reason = " ".join(each for each in (own, needed.said, missing) if each)
        said = said or reason
        state = waiting.state if waiting.state is StepState.INTERRUPTED else StepState.WAITS
        session.save_step(replace(waiting, state=state, message=reason, decided_by=""), run.fence)
        if void:
            void_approved(session, waiting, now)
        held = pins.get(waiting.index, Pins())
        binds = rules.binds(waiting.plan, run.plan.runbook_digest, held)
        asked = Approval(0, run.id, waiting.index, binds, now, now + APPROVAL_LASTS_S, needs=needed.words, pins=held)
        session.add_approval(asked)
    return said


def void_approved(session: Session, step: RunStep, now: float) -> None:
    """What was approved of this step is not what would run now: the approval stays as a row, and counts no more."""
    for approval in session.approvals(run=step.run):
        if approval.step == step.index and approval.decided == "approved":
            session.save_approval(replace(approval, decided="void"))


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a person's act about a step holds fast. act: a participle, "" when nobody had to act.

    outlived: the sentence that it was given too long ago.
    """

    pins: Pins | None = None
    act: str = ""
    outlived: str = ""


def agreed(session: Session, run: Run, step: RunStep, grant: Grant | None, now: float) -> Agreed:
    """The act under which this step would start now."""
    if step.decided_by:
        approved = (each for each in session.approvals(run=run.id) if each.step == step.index)
        found = next((each for each in approved if each.decided == "approved"), None)
        if found is None or now - (found.decided_at or 0.0) <= APPROVAL_LASTS_S:
            return Agreed(found.pins if found else None, "approved")
        late = f"Step {step.plan.id} was approved more than {APPROVAL_LASTS_S / 60:.0f} minutes ago and did not start."
        return Agreed(found.pins, "approved", late)
    if run.mode == "manual" and run.pins is not None:
        return Agreed(run.pins, "started")
    if grant is not None and step.plan.risk != "read":
        return Agreed(grant.pins, "granted")
    return Agreed()


def make_ready(session: Session, run: Run) -> None:
    """The run is taken up again, as its next segment."""
    session.save_run(
        replace(run, state=RunState.READY, segment=run.segment + 1, parked_why="", ended_at=None, message="")
    )


def _assert_parked(run: Run) -> None:
    if run.state is not RunState.PARKED:
        raise Usage(f"Run {run.id} waits for nothing: it is {run.state}.", f"Look at it: wk runs show {run.id}.")


def void_approvals(session: Session, run: Run, decided: Literal["denied", "expired"], who: str, now: float) -> None:
    """Every request of the run that is still open is decided; none of them can be used any more."""
    for approval in session.approvals(run=run.id, pending=True):
        session.save_approval(replace(approval, decided=decided, decided_at=now, decided_by=who))


def waiting_id(run: Run) -> str:
    """The steps a person is asked about, by their ids."""
    waiting = [step.plan.id for step in run.steps if step.state in (StepState.WAITS, StepState.INTERRUPTED)]
    return " or ".join(waiting) or "?"


def _picks(run: Run, step: RunStep) -> list[RunStep]:
    """The steps a person may decide on now: this one, or every member of its menu."""
    if not step.plan.alternatives:
        return [step]
    return [
        each
        for each in run.steps
        if each.plan.alternatives == step.plan.alternatives
        and each.plan.host == step.plan.host
        and each.state not in SETTLED
    ]


def _own_reason(step: RunStep) -> str:
    """Why this one of a menu could not start even when it is picked; "" when it could."""
    missing = ", ".join(step.plan.missing)
    return f"Step {step.plan.id} needs a value for {missing}." if missing else step.plan.why
