"""Values given to a run that waits: what waits is bound anew to its text, and the old requests are void."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from watchkeeper.core import approvals as rules
from watchkeeper.core.errors import Locked
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.runs import captures
from watchkeeper.core.runs.modes import of_step
from watchkeeper.core.runs.values import Approval, BlastRadius, Pins, Plan, Run, RunState, StepState
from watchkeeper.services.ports import Session
from watchkeeper.services.responses import say_idle


@dataclass(frozen=True, slots=True)
class Filled:
    """A run as it was seen, its plan with the values, what that would touch, the names, and who gave them when.

    pins: step index -> what a request about it holds fast now.
    """

    seen: Run
    plan: Plan
    blast_radius: BlastRadius
    names: tuple[str, ...]
    actor: str
    at: float
    pins: Mapping[int, Pins] = field(default_factory=dict)


def keep(session: Session, filled: Filled) -> None:
    """Put the values into the steps that have not started, in the caller's transaction. Raises `Locked` if it moved on."""
    run = session.run(filled.seen.id)
    if run.state is not RunState.PARKED or run.plan.digest != filled.seen.plan.digest:
        raise Locked(f"Run {run.id} moved on meanwhile.", f"Look at it: wk runs show {run.id}.")
    names = ", ".join(filled.names)
    waits_for = run.parked_why
    for step in run.steps:
        new = captures.filled(filled.plan.steps[step.index], run.captures)
        new = replace(new, approve=new.approve or step.plan.approve)  # raised for who started it: it stays raised
        if step.attempt:
            continue  # it was started once: what the host has is the text of then
        if step.state is StepState.WAITS:
            why = of_step(new)
            waits_for = why.why if why else f"{filled.actor} gave {names}: this text waits for an approval."
            session.save_step(replace(step, plan=new, message=waits_for), run.fence)
        elif step.state is StepState.PLANNED:
            session.save_step(replace(step, plan=new), run.fence)
    askers = tuple(dict.fromkeys((*run.askers, filled.actor)))
    filled_run = replace(run, plan=filled.plan, blast_radius=filled.blast_radius, parked_why=waits_for, askers=askers)
    session.save_run(filled_run)
    _bind_anew(session, session.run(run.id), filled)
    if run.incident is not None:
        say_idle(session, run.incident, waits_for)
        text = f"{filled.actor} gave a value for {names} of run {run.id}."
        session.add_event(Event(0, run.incident, filled.at, "run", filled.actor, text, detail={"run": run.id}))


def _bind_anew(session: Session, run: Run, filled: Filled) -> None:
    """Requests whose text is another one now are void; new ones with the same expiry take their place."""
    for asked in session.approvals(run=run.id, pending=True):
        pins = filled.pins.get(asked.step, asked.pins or Pins())
        step = run.steps[asked.step].plan
        binds = rules.binds(step, run.plan.runbook_digest, pins)
        if binds != asked.binds:
            void = replace(asked, decided="expired", decided_at=filled.at, decided_by=filled.actor)
            session.save_approval(void)
            needs = rules.raised(asked.needs, rules.requirement(step)).words
            again = Approval(0, run.id, asked.step, binds, filled.at, asked.expires_at, needs=needs, pins=pins)
            session.add_approval(again)
