"""Choosing the answer to an incident: which runbook, how far by itself, and what happens when it did not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.incidents.rules import RECURRENCE_S, check_name
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory, Response
from watchkeeper.core.runs.blast_radius import foresee
from watchkeeper.core.runs.idleness import sentence, why_idle
from watchkeeper.core.runs.modes import Decision, over_budget, proven_too_long_ago, run_mode, valid_grant
from watchkeeper.core.runs.planning import freeze
from watchkeeper.core.runs.quarantine import sentence as set_aside
from watchkeeper.core.runs.results import ranked
from watchkeeper.core.runs.values import ENDED, Plan, Run, RunState, RunStep, StepState
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.locks import claim_incident
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Session
from watchkeeper.services.quarantine import (
    aside_names,
    is_aside,
    looping,
    note_patience_of_check,
    shown_by,
)

AUTOMATION_OFF = "automation_off"

SETTLE_S = 2.0
"""After a change, before a check that is still bad counts as one that needs another answer."""


class Responder:
    """Turns an incident into ready runs, inside the caller's transaction."""

    def __init__(self, holder: InventoryHolder) -> None:
        self._holder = holder

    def respond(self, session: Session, incident: Incident, now: float, again: bool = False) -> None:
        """Start the best response that was not tried yet, unless one is at work; else say why nothing is done.

        again: what failed because somebody asked for patience may be tried once more.
        """
        runs = session.runs(incident=incident.id, limit=100)
        if incident.status is not Status.OPEN or any(run.state not in ENDED for run in runs):
            return
        current = [run for run in runs if run.created_at >= _opened_last(session, incident)]
        for check in incident.checks:
            note_patience_of_check(session, incident, check.check, check.reason, now)
        response, refused = self._next(session, incident, current, now, again)
        if response is None:
            self.nobody_answers(session, incident, now, refused)
            return
        try:
            plan = self.plan(response)
        except WatchkeeperError as error:
            why = f"{response.runbook} cannot be run: {error.sentence}"
            self.nobody_answers(session, incident, now, Decision(False, why, cause="invalid"), response.name)
            return
        self._start(session, incident, response, plan, now)

    def _next(
        self, session: Session, incident: Incident, runs: Sequence[Run], now: float, again: bool
    ) -> tuple[Response | None, Decision]:
        service = self._holder.current.services.get(incident.service)
        names = {check_name(held.check) for held in incident.checks}
        candidates = [each for each in (service.respond if service else ()) if not each.to or names & set(each.to)]
        if not candidates:
            why = f"no runbook answers {', '.join(sorted(names))} of {incident.service}"
            return None, Decision(False, why, cause="no_runbook")
        tried = [run.response for run in runs]
        shown = shown_by(session, incident.service, names, now)
        aside = aside_names(session, self._holder.current, (each.name for each in candidates))
        for response in ranked(candidates, shown, aside):
            if response.name not in tried:
                return response, Decision(True)
        return self._again(session, incident, candidates, runs, now, again)

    def _again(
        self,
        session: Session,
        incident: Incident,
        candidates: Sequence[Response],
        runs: Sequence[Run],
        now: float,
        again: bool,
    ) -> tuple[Response | None, Decision]:
        """All were tried. A response that may act by itself is tried again within its own `at_most`; else it is over."""
        last = runs[0] if runs else None
        response = next((each for each in candidates if last and each.name == last.response), None)
        ended = (RunState.UNPROVEN, RunState.FAILED) if again else (RunState.UNPROVEN,)
        if last is None or response is None or last.mode != "auto" or last.state not in ended:
            return None, Decision(False, "every runbook for this was tried and did not hold", cause="tried")
        spent = self.budget(session, response, now)
        if spent:
            return None, Decision(False, spent, cause="budget")
        if response.at_most is None:
            return None, Decision(False, f"{response.runbook} ran and did not hold", cause="tried")
        aside = is_aside(session, response.name, last.plan.runbook_digest)
        if aside is not None:
            return None, Decision(False, set_aside(aside), cause="quarantine")
        return response, Decision(True)

    def better_answer(self, session: Session, incident: Incident, run: Run) -> Response | None:
        """An untried response to a failing check that this run's own response does not answer.

        While such a one is there, waiting for the proof of this run only costs time: the other check cannot turn good by it.
        A check that was good, or was not asked, since the change is waited for: it may have been the same fault.
        """
        own, service = self.response(run.response), self._holder.current.services.get(incident.service)
        if own is None or service is None or not own.to:
            return None
        settled_at = (run.last_change_at or 0.0) + SETTLE_S
        bad = [held for held in incident.checks if held.proven_at is None and held.last_bad_at > settled_at]
        left = {check_name(held.check) for held in bad} - set(own.to)
        opened_at = _opened_last(session, incident)
        runs = session.runs(incident=incident.id, limit=100)
        tried = {each.response for each in runs if each.created_at >= opened_at}
        return next((each for each in service.respond if each.name not in tried and left & set(each.to)), None)

    def budget(self, session: Session, response: Response, now: float) -> str:
        """The sentence that a budget of this response, its service or the whole team is used up; "" while none is."""
        since = float(session.setting("recurrence_after") or 0.0)
        changing = [
            (run.response, run.plan.service, run.fix_started_at)
            for run in session.runs(limit=200)
            if run.mode == "auto" and run.fix_started_at is not None and run.fix_started_at > since
        ]
        team = self._holder.current.team
        own = [at for name, _, at in changing if name == response.name]
        service = [at for _, name, at in changing if name == response.service]
        return (
            over_budget(own, response.at_most, now, response.name)
            or over_budget(service, team.budget_service, now, response.service)
            or over_budget([at for _, _, at in changing], team.budget_all, now, "all services together")
        )

    def granted(self, session: Session, response: Response, plan: Plan, now: float) -> Decision:
        """Whether a person's standing grant covers exactly this plan now."""
        hosts = sorted({step.host for step in plan.steps})
        digest = (
            self._holder.current.runbooks[response.runbook].digest
            if response.runbook in self._holder.current.runbooks
            else ""
        )
        if digest != plan.runbook_digest:
            why = f"{response.runbook} was changed after this run was planned."
            return Decision(False, why, cause="changed")
        aside = is_aside(session, response.name, digest)
        if aside is not None:
            return Decision(False, set_aside(aside), cause="quarantine")
        decision = valid_grant(session.grants(), response.name, digest, hosts, now)
        return (self._stale(session, response, digest, decision, now) if decision.act else None) or decision

    def _stale(
        self, session: Session, response: Response, digest: str, decision: Decision, now: float
    ) -> Decision | None:
        """Why the grant that covers it does not let it act: nobody granted or proved it within `proven_within`."""
        within_s = self._holder.current.team.proven_within_s
        granted_at = next((each.granted_at for each in session.grants() if each.id == decision.grant), 0.0)
        if now - granted_at <= within_s:
            return None
        proven_at = self.last_proven(session, response, digest)
        return proven_too_long_ago(response.name, granted_at, proven_at, within_s, now)

    def last_proven(self, session: Session, response: Response, digest: str) -> float | None:
        """When a run of this text, or of this document for this response, last changed something and was proven.

        A proof that was followed by a reopened incident is none. Looks at the newest 1,000 proven runs.
        """
        before: int | None = None
        for _ in range(10):
            runs = session.runs((RunState.PROVEN,), limit=100, before=before)
            for run in runs:
                named = run.response == response.name and run.plan.runbook == response.runbook
                same = named or run.plan.runbook_digest == digest
                if same and run.last_change_at is not None and run.ended_at is not None and held(session, run):
                    return run.ended_at
            if not runs:
                break
            before = runs[-1].id
        return None

    def response(self, name: str) -> Response | None:
        """The response of this name in the current inventory."""
        for service in self._holder.current.services.values():
            for each in service.respond:
                if each.name == name:
                    return each
        return None

    def plan(self, response: Response) -> Plan:
        """What this response would run now, frozen. Raises `WatchkeeperError` when it cannot be told."""
        inventory: Inventory = self._holder.current
        file = inventory.runbooks.get(response.runbook)
        if file is None:
            raise WatchkeeperError(f"{response.runbook} is not in the ops repo.")
        return freeze(file, inventory, inventory.services[response.service], response.params)

    def _start(self, session: Session, incident: Incident, response: Response, plan: Plan, now: float) -> None:
        grant = self.granted(session, response, plan, now)
        loop = looping(session, incident.service, now)
        if loop:
            grant = Decision(False, f"{loop}.", cause="crash_loop")
        mode = run_mode(response, grant)
        if mode == "observe":
            why = f"{response.runbook} asks to observe only"
            self.nobody_answers(session, incident, now, Decision(False, why, cause="observe"), response.name)
            return
        told = response.mode == "auto" or grant.cause in ("quarantine", "crash_loop")
        why = "" if not told or mode == "auto" else grant.why
        run = session.add_run(new_run(plan, response.name, mode, "watchkeeper", now, incident.id, grant.grant))
        claim_incident(session, run, now)
        session.save_incident(replace(session.incident(incident.id), why_not_acted=why))
        shown = shown_by(session, incident.service, {check_name(each.check) for each in incident.checks}, now)
        words = shown[response.runbook].words if response.runbook in shown else ""
        text = f"{response.runbook} answers this: run {run.id} is planned, mode {mode}{f'; {words} so far' if words else ''}."
        session.add_event(Event(0, incident.id, now, "run", "watchkeeper", text, detail={"run": run.id}))
        if why:
            detail: dict[str, Value] = {"run": run.id, "response": response.name, "cause": grant.cause}
            text = f"Not acting by itself: {why}"
            session.add_event(Event(0, incident.id, now, "why_not", "watchkeeper", text, detail=detail))
        if loop:
            escalate(session, self._holder.current, incident.id, now, loop)

    def nobody_answers(
        self, session: Session, incident: Incident, now: float, refused: Decision, response: str = ""
    ) -> None:
        """Escalate: a person is told, once per opening, and the incident says why nothing was done."""
        text = f"Not acting by itself: {sentence(refused.why)}"
        detail: dict[str, Value] = {"response": response, "cause": refused.cause}
        said = (each.text for each in session.events(incident.id) if each.at >= incident.opened_at)
        if text not in said:
            session.add_event(Event(0, incident.id, now, "why_not", "watchkeeper", text, detail=detail))
        escalate(session, self._holder.current, incident.id, now, refused.why)


def escalate(
    session: Session, inventory: Inventory, number: int, now: float, why: str, actor: str = "watchkeeper"
) -> None:
    """Mark an incident as escalated and put the page into the outbox, in the caller's transaction. Once per opening."""
    why = why.rstrip(".")
    incident = session.incident(number)
    if incident.escalated_at is not None:
        say_idle(session, number)
        return
    said = incident.why_not_acted or (why if actor == "watchkeeper" else "")
    idle = why_idle(incident, session.runs(incident=number, limit=50), said)
    changed = replace(incident, escalated_at=now, escalated_why=why, why_not_acted=idle)
    session.save_incident(changed)
    session.add_event(Event(0, number, now, "escalated", actor, f"Escalated: {why}."))
    announce(session, inventory, changed, "escalated", now, body=f"{incident.title}. Why: {why}.")


def say_idle(session: Session, number: int, said: str = "") -> None:
    """Keep the one sentence why nothing was changed true, in the caller's transaction. said: a new reason."""
    incident = session.incident(number)
    idle = why_idle(incident, session.runs(incident=number, limit=50), said)
    if idle != incident.why_not_acted:
        session.save_incident(replace(incident, why_not_acted=idle))


def held(session: Session, run: Run) -> bool:
    """Whether the proof of a run held: its incident was not reopened within the time in which that counts as false."""
    if run.incident is None or run.ended_at is None:
        return True
    until = run.ended_at + RECURRENCE_S
    events = session.events(run.incident)
    return not any(event.kind == "reopened" and run.ended_at <= event.at <= until for event in events)


def _opened_last(session: Session, incident: Incident) -> float:
    times = [event.at for event in session.events(incident.id) if event.kind in ("opened", "reopened")]
    return max(times, default=incident.opened_at) - 0.001


def new_run(
    plan: Plan, response: str, mode: str, actor: str, now: float, incident: int | None = None, grant: int | None = None
) -> Run:
    """A ready run with all its steps planned; its id is given by the store."""
    steps = tuple(RunStep(0, step.index, step, StepState.PLANNED) for step in plan.steps)
    return Run(
        id=0, incident=incident, response=response, plan=plan, mode=mode, state=RunState.READY, actor=actor,  # type: ignore[arg-type]
        created_at=now, steps=steps, grant=grant, blast_radius=foresee(plan.steps),
    )  # fmt: skip
