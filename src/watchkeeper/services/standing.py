"""Whether a step may start without a person, judged by what holds at this very moment."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.modes import Circumstances, Decision, may_start
from watchkeeper.core.runs.values import Grant, Run, RunStep
from watchkeeper.services.approvals import Agreed, agreed
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.locks import deploy_lock
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.quarantine import patience
from watchkeeper.services.responses import AUTOMATION_OFF, Responder
from watchkeeper.services.windows import maintenance_of


class Standing:
    """Asks grants, budgets, the kill switch and the incident before a step starts."""

    def __init__(self, store: StorePort, responder: Responder, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._responder = responder
        self._holder = holder
        self._clock = clock

    def decide(self, run: Run, step: RunStep) -> Decision:
        """Whether this step may start now. A run whose grant is gone falls back to propose, for good.

        For what only reads, nothing of the moment counts, so nothing is asked.
        """
        if step.plan.risk == "read" and run.mode != "observe":
            return may_start(step.plan, run.mode, None, Decision(False), Circumstances())
        now = self._clock()
        with self._store.read() as session:
            grant, refused, circumstances = self._now(session, run, now)
        if run.mode == "auto" and grant is None and step.plan.risk != "read":
            self._store.write(lambda session: session.save_run(replace(session.run(run.id), mode="propose")))
        return may_start(step.plan, run.mode, grant, refused, circumstances)

    def agreed(self, run: Run, step: RunStep) -> Agreed:
        """The act of a person under which this step would start now; see `services.approvals.agreed`."""
        if step.plan.risk == "read" and run.mode != "manual" and not step.decided_by:
            return Agreed()  # nobody had to act
        now = self._clock()
        with self._store.read() as session:
            response = self._responder.response(run.response) if run.mode == "auto" else None
            grant = self._grant(session, run, response, now)[0] if response is not None else None
            return agreed(session, run, step, grant, now)

    def _grant(self, session: Session, run: Run, response: Response, now: float) -> tuple[Grant | None, Decision]:
        """The grant that holds at this very moment, and the decision that found it or says why there is none."""
        decision = self._responder.granted(session, response, run.plan, now)
        return next((each for each in session.grants() if each.id == decision.grant), None), decision

    def _now(self, session: Session, run: Run, now: float) -> tuple[Grant | None, Decision, Circumstances]:
        """The grant that holds at this very moment, and what stands against acting."""
        response = self._responder.response(run.response)
        if response is None:
            why = "" if run.mode == "manual" else f"{run.response} is no longer in the ops repo."
            return None, Decision(False, why, cause="changed" if why else ""), Circumstances()
        grant, decision = self._grant(session, run, response, now)
        asked = response.mode == "auto" or decision.cause == "quarantine"
        refused = decision if asked else Decision(False, cause="mode")
        budget = self._responder.budget(session, response, now) if run.fix_started_at is None else ""
        off = session.setting(AUTOMATION_OFF) or ""
        incident = session.incident(run.incident) if run.incident else None
        acknowledged = incident.acknowledged_by if incident and incident.acknowledged_at else None
        circumstances = Circumstances(
            automation_off=f"Automation is switched off: {off}." if off else "",
            acknowledged_by=f"{acknowledged} has acknowledged the incident." if acknowledged else "",
            window=maintenance_of(session, self._holder.current, run.plan.service, _hosts(run), now),
            deploy_lock=deploy_lock(session, run.plan.service, now),
            budget=budget,
            cause=self._cause(session, incident),
            rate_limit=patience(session, run.plan.service, now),
        )
        return grant, refused, circumstances

    def _cause(self, session: Session, incident: Incident | None) -> str:
        """The sentence that what this service needs is failing as well: a change here would be aimed at the wrong place."""
        service = self._holder.current.services.get(incident.service) if incident else None
        above = rules.parent_incident(service, session.incidents(Status.OPEN, limit=500), self._holder.current)
        if above is None or incident is None:
            return ""
        return f"{incident.service} needs {above.service or above.host}, which has incident {above.id} open: {above.title}."


def _hosts(run: Run) -> list[str]:
    """The hosts that a run would change something on."""
    return sorted({step.plan.host for step in run.steps if step.plan.risk != "read"})
