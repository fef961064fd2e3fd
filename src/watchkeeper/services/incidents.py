"""Incidents: proof, closing, and what people do with them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.actors import Actor, assert_role
from watchkeeper.core.changes import Suspect, rank
from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.errors import NoAnswer, Usage
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Ending, Event, FailingCheck, Incident, Status
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.log.drafts import incident_entry
from watchkeeper.core.runs.idleness import closed_message, why_idle
from watchkeeper.core.runs.values import ENDED, Run, RunState, StepState
from watchkeeper.core.times import utc_text
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort, WatchPort
from watchkeeper.services.responses import escalate

log = logging.getLogger(__name__)
ASK_AGAIN_S = 1.0
"""Proof readings stay at least this far apart; checks with a longer interval are asked at once while a fix is verified."""


class Incidents:
    """Reads and acts on incidents; `prove` is called on every beat of main."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, holder: InventoryHolder, clock: Clock
    ) -> None:
        self._store = store
        self._journal = journal
        self._watch = watch
        self._holder = holder
        self._clock = clock

    # ---- proof -------------------------------------------------------------------------------------------------

    def prove(self) -> int:
        """Look at every open incident: count proof readings, close what is proven. Returns how many were closed."""
        with self._store.read() as session:
            open_incidents = session.incidents(Status.OPEN, limit=500)
        return sum(1 for incident in open_incidents if self._prove_one(incident))

    def _prove_one(self, incident: Incident) -> bool:
        checks = self._holder.current.checks
        now = self._clock()
        readings = {
            held.check: self._journal.readings(held.check, _look_back(held, checks.get(held.check), now))
            for held in incident.checks
            if not held.lost
        }
        seen = tuple(
            rules.examine(incident, h, checks.get(h.check), readings.get(h.check, [])) for h in incident.checks
        )
        if seen == incident.checks and rules.ending_of(incident) is None:
            return False
        return self._store.write(lambda session: self._settle(session, incident.id, readings))

    def _settle(self, session: Session, number: int, readings: dict[str, list[Judged]]) -> bool:
        """The same look again on the row as it is now, and what follows from it, in one transaction."""
        incident = session.incident(number)
        if incident.status is not Status.OPEN:
            return False
        checks = self._holder.current.checks
        now = self._clock()
        seen = tuple(
            rules.examine(incident, h, checks.get(h.check), readings.get(h.check, [])) for h in incident.checks
        )
        self._note_progress(session, incident, replace(incident, checks=seen), now)
        incident = replace(incident, checks=seen)
        session.save_incident(incident)
        lost = next((held.lost for held in seen if held.lost), None)
        if lost:
            escalate(session, self._holder.current, number, now, f"{lost}, so it cannot prove the recovery")
        runs = session.runs(incident=number, limit=50)
        ending = rules.ending_of(incident, fix_holds=any(_holds(run) for run in runs))
        if ending is None or any(_changing(run) for run in runs):
            return False
        self._close(session, incident, ending, runs, now)
        return True

    def _note_progress(self, session: Session, before: Incident, after: Incident, now: float) -> None:
        old = {held.check: held for held in before.checks}
        for held in after.checks:
            if held.proven_at is not None and old[held.check].proven_at is None:
                text = f"{held.check}: proven, {held.proof_count} of {held.needed} good readings in a row."
                session.add_event(Event(0, after.id, now, "proof", "watchkeeper", text, State.OK))

    def _close(
        self, session: Session, incident: Incident, ending: Ending, runs: Sequence[Run], now: float, actor: str = "watchkeeper",
        reason: str = "",
    ) -> None:  # fmt: skip
        closed = replace(incident, status=Status.CLOSED, closed_at=now, ending=ending)
        closed = replace(closed, why_not_acted=why_idle(closed, runs))
        for run in runs:
            if run.state not in ENDED:
                self._end_run(session, run, ending, now)
        words = {
            Ending.FIXED: "Closed: fixed and proven by the same checks that opened it.",
            Ending.ITSELF: "Closed: recovered by itself, proven by the same checks that opened it.",
            Ending.UNPROVEN: f"Closed as unproven by {actor}: {reason}",
        }
        session.add_event(Event(0, incident.id, now, "closed", actor, words[ending], State.OK))
        draft = incident_entry(closed, session.events(incident.id), session.runs(incident=incident.id, limit=50), actor)
        entry = session.append_entry(draft)
        closed = replace(closed, entry=entry.number)
        session.save_incident(closed)
        announce(session, self._holder.current, closed, "closed", now, body=words[ending])

    def _end_run(self, session: Session, run: Run, ending: Ending, now: float) -> None:
        for step in run.steps:
            # a look of its own that is still at work is over as well; what it finds may still be written into its row
            looking = step.state is StepState.RUNNING and step.plan.phase == "verify"
            if step.state in (StepState.PLANNED, StepState.WAITS) or looking:
                session.save_step(replace(step, state=StepState.SKIPPED, message="not needed any more"), run.fence)
        if ending is Ending.FIXED and run.state in (RunState.VERIFYING, RunState.RUNNING) and run.last_change_at:
            session.save_run(
                replace(run, state=RunState.PROVEN, ended_at=now, message="proven by the checks of the incident")
            )
            return
        for approval in session.approvals(run=run.id, pending=True):
            session.save_approval(replace(approval, decided="expired", decided_at=now))
        session.save_run(replace(run, state=RunState.CANCELLED, ended_at=now, message=closed_message(ending)))

    def hurry(self) -> None:
        """Ask the failing checks of incidents whose fix is being verified now, when their own interval is long."""
        checks = self._holder.current.checks
        with self._store.read() as session:
            verifying = session.runs(states=(RunState.VERIFYING,), limit=50)
            wanted = [
                held.check
                for run in verifying
                if run.incident is not None
                for held in session.incident(run.incident).checks
                if held.check in checks and checks[held.check].every_s > 2 * ASK_AGAIN_S
            ]
        if wanted:
            try:
                self._watch.ask(sorted(set(wanted)))
            except NoAnswer as error:
                log.warning("cannot hurry the proof: %s", error)

    # ---- reading -----------------------------------------------------------------------------------------------

    def get(self, number: int) -> Incident:
        """One incident; raises `NotFound`."""
        with self._store.read() as session:
            return session.incident(number)

    def newest(self, status: Status | None = None, limit: int = 50, before: int | None = None) -> list[Incident]:
        """Newest first."""
        with self._store.read() as session:
            return session.incidents(status, limit, before)

    def timeline(self, number: int, after: int = 0) -> list[Event]:
        """Oldest first, ids above `after`."""
        with self._store.read() as session:
            return session.events(number, after)

    def suspects(self, incident: Incident, limit: int = 5) -> tuple[Suspect, ...]:
        """What changed before this, best suspect first."""
        service = self._holder.current.services.get(incident.service)
        first = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
        with self._store.read() as session:
            changes = session.changes(first - 24 * 3600.0, first + 60.0)
        hosts = service.hosts if service else ((incident.host,) if incident.host else ())
        return rank(tuple(changes), incident.service, hosts, service.depends_on if service else (), first)[:limit]

    # ---- what people do ----------------------------------------------------------------------------------------

    def acknowledge(self, number: int, actor: Actor) -> Incident:
        """A person has it: pages stop repeating, and responses fall back to propose."""
        _person(actor, "acknowledge an incident")

        def work(session: Session) -> Incident:
            incident = _open(session, number)
            now = self._clock()
            changed = replace(incident, acknowledged_at=now, acknowledged_by=actor.name)
            session.save_incident(changed)
            session.add_event(Event(0, number, now, "acknowledged", actor.name, f"Acknowledged by {actor.name}."))
            return changed

        return self._store.write(work)

    def note(self, number: int, actor: Actor, text: str) -> Incident:
        """Add a note to the timeline, also of a closed incident."""
        if not text.strip():
            raise Usage(
                "The note is empty.", 'Write it behind the number: wk incidents note 12 "restarted the router".'
            )

        def work(session: Session) -> Incident:
            incident = session.incident(number)
            session.add_event(Event(0, number, self._clock(), "note", actor.name, text.strip()[:10_000]))
            return incident

        return self._store.write(work)

    def escalate(self, number: int, actor: Actor, reason: str = "") -> Incident:
        """Tell the people of the escalation list now, again if need be."""

        def work(session: Session) -> Incident:
            incident = _open(session, number)
            now = self._clock()
            session.save_incident(replace(incident, escalated_at=None))
            why = reason.strip() or f"{actor.name} asked for help at {utc_text(now)}"
            escalate(session, self._holder.current, number, now, why, actor.name)
            return session.incident(number)

        return self._store.write(work)

    def close_unproven(self, number: int, actor: Actor, reason: str) -> Incident:
        """A person closes without proof; counted as unproven. Refused while a changing step is at work."""
        _person(actor, "close an incident without proof")
        if not reason.strip():
            raise Usage(
                f"Incident {number} is not proven, so closing it needs a reason.",
                f'Say why: wk incidents close {number} "checked by hand".',
            )

        def work(session: Session) -> Incident:
            incident = _open(session, number)
            runs = session.runs(incident=number, limit=50)
            busy = next((run for run in runs if run.state is RunState.RUNNING), None)
            if busy is not None:
                raise Usage(
                    f"Run {busy.id} of incident {number} is at work.", f"Cancel it first: wk runs cancel {busy.id}."
                )
            self._close(session, incident, Ending.UNPROVEN, runs, self._clock(), actor.name, reason.strip())
            return session.incident(number)

        return self._store.write(work)


def _look_back(held: FailingCheck, check: Check | None, now: float) -> float:
    """From when on readings are fetched: the last bad one; bounded, so that a long good stretch stays cheap."""
    window_s = max(1800.0, 20 * check.every_s) if check else 1800.0
    return max(held.last_bad_at, now - window_s)


def _changing(run: Run) -> bool:
    """A run in the middle of its fix: nothing is closed under its hands, also not between two steps.

    Ready counts as well: after a restart a run is ready until it is taken up again and its step asked for.
    """
    if run.state not in (RunState.READY, RunState.RUNNING) or run.fix_started_at is None:
        return False
    if run.undo is not None:
        return True  # what it did is being taken back: half of that is worse than either end
    return any(step.plan.phase == "fix" and step.state in (StepState.PLANNED, StepState.RUNNING) for step in run.steps)


def _holds(run: Run) -> bool:
    """A run that changed something and was not given up: it is being verified, or had nothing left to verify."""
    if run.undo is not None:
        return False  # what recovers after it was taken back did not recover by it
    return run.last_change_at is not None and run.state in (RunState.VERIFYING, RunState.RUNNING, RunState.DONE)


def _open(session: Session, number: int) -> Incident:
    incident = session.incident(number)
    if incident.status is not Status.OPEN:
        raise Usage(f"Incident {number} is closed already.", f"Read it: wk incidents show {number}.")
    return incident


def _person(actor: Actor, act: str) -> None:
    assert_role(actor, "operator", act)
