"""Proof of recovery: counting good readings, and closing what is proven."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.impact import dependents
from watchkeeper.core.incidents.stages import stages
from watchkeeper.core.incidents.values import ALIVE, Ending, Event, FailingCheck, Incident, Status
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.log.drafts import incident_entry
from watchkeeper.core.readings.deriving import has_windows
from watchkeeper.core.runs.idleness import closed_message, why_idle
from watchkeeper.core.runs.values import ENDED, Run, RunState, StepState
from watchkeeper.services.incidents.base import Base
from watchkeeper.services.incidents.whole import parts_of, parts_sentence
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Session
from watchkeeper.services.quarantine import note_end
from watchkeeper.services.responses import escalate

log = logging.getLogger(__name__)
ASK_AGAIN_S = 1.0
"""Proof readings stay at least this far apart; checks with a longer interval are asked at once while a fix is verified."""


class Proof(Base):
    """The part of `Incidents` that closes them."""

    def prove(self) -> int:
        """Look at every open incident: count proof readings, close what is proven. Returns how many were closed."""
        with self._store.read() as session:
            living = session.living_incidents()
        return sum(1 for incident in living if self._prove_one(incident))

    def _prove_one(self, incident: Incident) -> bool:
        checks = self._holder.current.checks
        now = self._clock()
        readings = {
            held.check: self._journal.readings(held.check, *_look_back(held, checks.get(held.check), now))
            for held in incident.checks
            if not held.lost
        }
        seen = tuple(
            rules.examine(incident, h, checks.get(h.check), readings.get(h.check, [])) for h in incident.checks
        )
        if seen == incident.checks and rules.ending_of(incident) is None:
            return False
        closed = self._store.write(lambda session: self._settle(session, incident.id, readings))
        if closed and incident.last_change_at is not None:
            self._tell_fixed(incident)
        return closed

    def _tell_fixed(self, incident: Incident) -> None:
        """The watch need not take it for flapping, nor what fell with it. Without a word it does so until all was quiet."""
        inventory = self._holder.current
        with_it = [name for name, *_ in dependents(incident.service, inventory)] if incident.service else []
        checks = {held.check for held in incident.checks}
        checks |= {check.key for name in with_it for check in inventory.services[name].checks}
        try:
            self._watch.fixed(sorted(checks))
        except NoAnswer as error:
            log.warning("the watch was not told of a proven fix: %s", error)

    def _settle(self, session: Session, number: int, readings: dict[str, list[Judged]]) -> bool:
        """The same look again on the row as it is now, and what follows from it, in one transaction."""
        incident = session.incident(number)
        if incident.status not in ALIVE:
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
        if lost and incident.status is Status.OPEN:
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
            if rules.is_over(after, held) and not rules.is_over(before, old[held.check]):
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
        told = [(made, at) for _, made, at in session.delivered_times([incident.id])]
        clock = [(stage.name, stage.after_s) for stage in stages(closed, told) if stage.after_s is not None]
        events = session.events(incident.id)
        draft = incident_entry(closed, events, session.runs(incident=incident.id, limit=50), actor, clock=clock)
        entry = session.append_entry(draft)
        closed = replace(closed, entry=entry.number)
        session.save_incident(closed)
        held = any(event.kind in ("held", "correlated") for event in events)
        parts = parts_of(session, self._holder.current, closed, self._journal.settled()) if held else ()
        body = "\n".join(part for part in (words[ending], parts_sentence(parts)) if part)
        announce(session, self._holder.current, closed, "closed", now, body=body)

    def _end_run(self, session: Session, run: Run, ending: Ending, now: float) -> None:
        for step in run.steps:
            # a look of its own that is still at work is over as well; what it finds may still be written into its row
            looking = step.state is StepState.RUNNING and step.plan.phase == "verify"
            if step.state in (StepState.PLANNED, StepState.WAITS) or looking:
                session.save_step(replace(step, state=StepState.SKIPPED, message="not needed any more"), run.fence)
        if ending is Ending.FIXED and run.state in (RunState.VERIFYING, RunState.RUNNING) and run.last_change_at:
            proven = replace(run, state=RunState.PROVEN, ended_at=now, message="proven by the checks of the incident")
            session.save_run(proven)
            note_end(session, proven, now)
            return
        for approval in session.approvals(run=run.id, pending=True):
            session.save_approval(replace(approval, decided="expired", decided_at=now))
        session.save_run(replace(run, state=RunState.CANCELLED, ended_at=now, message=closed_message(ending)))

    def hurry(self) -> None:
        """Ask the failing checks of incidents whose fix is being verified now, when their own interval is long."""
        checks = self._holder.current.checks
        with self._store.read() as session:
            verifying = session.runs(states=(RunState.VERIFYING,), limit=50)
            changed = {
                held.check: incident.last_change_at
                for run in verifying
                if run.incident is not None
                for incident in (session.incident(run.incident),)
                for held in incident.checks
                if incident.last_change_at is not None and held.check in checks and has_windows(checks[held.check])
            }
            wanted = [
                held.check
                for run in verifying
                if run.incident is not None
                for held in session.incident(run.incident).checks
                if held.check in checks and checks[held.check].every_s > 2 * ASK_AGAIN_S
            ]
        if changed or wanted:
            try:
                if changed:  # a percentile of ten minutes is not to wait until the bad ones have left it
                    self._watch.changed(changed)
                if wanted:
                    self._watch.ask(sorted(set(wanted)))
            except NoAnswer as error:
                log.warning("cannot hurry the proof: %s", error)


def _look_back(held: FailingCheck, check: Check | None, now: float) -> tuple[float, int]:
    """(since, at most so many) of the readings that are fetched: from the last bad one; bounded, so that a long good
    stretch stays cheap, and never cut before the newest one."""
    if check is None:
        return max(held.last_bad_at, now - 1800.0), 1000
    window_s = max(1800.0, 20 * check.every_s, 2 * check.recover_s, 2 * held.needed_s)
    return max(held.last_bad_at, now - window_s), max(1000, math.ceil(1.5 * window_s / check.every_s))


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
