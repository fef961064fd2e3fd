"""Opening incidents: new ones, those that come back, those of hosts; graded, told, and answered."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.checks.values import Flip, Settled, State
from watchkeeper.core.incidents import impact, rules
from watchkeeper.core.incidents.correlation import first_bad, parents_to_ask
from watchkeeper.core.incidents.severity import graded
from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.times import format_duration
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Clock, JournalPort, Session
from watchkeeper.services.quarantine import came_back
from watchkeeper.services.responses import Responder, escalate
from watchkeeper.services.watch.events import flip_event
from watchkeeper.services.watch.merging import covered_by, merge_into

LOOK_BACK_S = 3600.0


def _failed_in(session: Session, closed: Incident, check: str, since: float) -> bool:
    """Whether this check failed in an earlier opening of a closed incident; it holds the checks of the last one only."""
    if not closed.reopened:
        return False
    events = (each for each in session.events(closed.id, limit=5000) if each.kind == "flip" and each.at >= since)
    return any(each.detail.get("check") == check and each.state in (State.CRIT, State.WARN) for each in events)


class Opening:
    """Makes incidents, inside the caller's transaction."""

    def __init__(self, journal: JournalPort, responder: Responder, clock: Clock) -> None:
        self._journal = journal
        self._responder = responder
        self._clock = clock

    def open(self, session: Session, inventory: Inventory, flip: Flip) -> Incident:
        """Open the incident of a service: merge what it caused, tell people once, start what answers it."""
        now = self._clock()
        check = inventory.checks.get(flip.check)
        incident = self._new_or_again(session, inventory, flip, check, now)
        flip_event(session, incident.id, flip, "flip")
        opened = f"Incident {incident.id} opened, {incident.severity}."
        session.add_event(Event(0, incident.id, now, "opened", "watchkeeper", opened, flip.after))
        self._tell(session, inventory, incident, flip, now)
        if incident.recurring and incident.reopened:
            self._recurs(session, inventory, incident, now)
        self._responder.respond(session, session.incident(incident.id), now)
        return incident

    def _new_or_again(
        self, session: Session, inventory: Inventory, flip: Flip, check: Check | None, now: float
    ) -> Incident:
        service = inventory.services.get(flip.service)
        began = self._began(flip, check)
        until = now + inventory.team.correlate_within_s if parents_to_ask(service, inventory) else None
        closed, same = self._earlier(session, flip, now)
        if closed is None:
            draft = replace(rules.opened(flip, service, check, now), failed_at=began, held_until=until)
            return session.add_incident(graded(draft, inventory, now))
        again = rules.reopened(closed, flip, service, check, same=same)
        again = graded(replace(again, failed_at=began, held_until=until), inventory, now)
        session.save_incident(again)
        ago = format_duration(max(now - (closed.closed_at or now), 0.0))
        text = "It came back." if same else f"Another check of {flip.service} fails {ago} after it was closed."
        if same and again.recurring:
            text = "It came back after a fix that had been proven: recurring."
        session.add_event(Event(0, again.id, now, "reopened", "watchkeeper", text, flip.after))
        came_back(session, again, now)
        return again

    def _earlier(
        self, session: Session, flip: Flip, now: float, host: str | None = None
    ) -> tuple[Incident | None, bool]:
        """(the closed incident that this flip reopens, whether by the same check)."""
        since = max(now - rules.RECURRENCE_S, float(session.setting("recurrence_after") or 0.0))
        closed = session.closed_since("" if host else flip.service, host, since)
        same = next((each for each in closed if host or rules.comes_back(each, flip, now)), None)
        same = same or next((each for each in closed if _failed_in(session, each, flip.check, since)), None)
        if same is not None or host:
            return same, True
        return next((each for each in closed if rules.comes_back_otherwise(each, flip, now)), None), False

    def _began(self, flip: Flip, check: Check | None) -> float:
        window = max((rule.window for rule in (check.crit, check.warn, check.ok) if rule), default=1) if check else 1
        since = flip.at - min(LOOK_BACK_S, (window + 1) * (check.every_s if check else 1.0) + 1.0)
        return first_bad(flip, check, self._journal.readings(flip.check, since))

    def _tell(self, session: Session, inventory: Inventory, incident: Incident, flip: Flip, now: float) -> None:
        """Merge what this incident caused, then one page for all of it, unless one of them has told it already."""
        caused = merge_into(session, inventory, incident, flip.at, now)
        told = covered_by(session, incident, caused)
        if told is None:
            announce(session, inventory, session.incident(incident.id), "opened", now, self.body(inventory, incident))
            return
        text = f"Told already by the page of incident {told.id} ({told.service}), which is part of this one."
        session.add_event(Event(0, incident.id, now, "correlated", "watchkeeper", text))

    def body(self, inventory: Inventory, incident: Incident, settled: dict[str, Settled] | None = None) -> str:
        """What the first page says below its title: who is blocked, each by name."""
        known = settled
        if known is None:  # the states of all checks are read only where somebody may be blocked
            alone = incident.service and not impact.dependents(incident.service, inventory)
            known = {} if alone else self._journal.settled()
        parts = [incident.title, impact.sentence(impact.of_incident(incident, inventory, known))]
        return "\n".join(part for part in parts if part)

    def open_host(self, session: Session, inventory: Inventory, flip: Flip, host: str) -> Incident:
        """Open the incident of a host that cannot be reached, or the one of the last 24 h again."""
        now = self._clock()
        check = inventory.checks.get(flip.check)
        title = f"host {host} cannot be reached: {flip.reason}"
        closed, _ = self._earlier(session, flip, now, host)
        if closed is not None:
            incident = graded(replace(rules.reopened(closed, flip, None, check), title=title), inventory, now)
            session.save_incident(incident)
            text = f"Host {host} cannot be reached again."
            session.add_event(Event(0, incident.id, now, "reopened", "watchkeeper", text, flip.after))
        else:
            draft = replace(rules.opened(flip, None, check, now), service="", host=host, title=title)
            incident = session.add_incident(graded(draft, inventory, now))
        text = f"Incident {incident.id} opened on host {host}, {incident.severity}."
        flip_event(session, incident.id, flip, "opened", text)
        self._tell(session, inventory, incident, flip, now)
        return session.incident(incident.id)

    def again(self, session: Session, inventory: Inventory, incident: Incident, why: str, now: float) -> None:
        """An incident that was merged is on its own again: told as any other, and answered."""
        incident = graded(incident, inventory, now)
        session.save_incident(incident)
        session.add_event(Event(0, incident.id, now, "opened", "watchkeeper", why))
        announce(session, inventory, incident, "opened", now, f"{self.body(inventory, incident)}\n{why}")
        self._responder.respond(session, session.incident(incident.id), now)

    def _recurs(self, session: Session, inventory: Inventory, incident: Incident, now: float) -> None:
        """A fix that was proven did not hold: a person is told. The response may act again, within its `at_most`."""
        why = "it came back after a fix that had been proven, so the fix does not hold"
        escalate(session, inventory, incident.id, now, why)
        session.save_incident(replace(session.incident(incident.id), why_not_acted=""))

    def say_severity(self, session: Session, incident: Incident, before: str, now: float) -> None:
        """The policy raised the severity: a line of the timeline."""
        text = f"Severity {before} to {incident.severity}, by the policy."
        session.add_event(Event(0, incident.id, now, "severity", "watchkeeper", text))
