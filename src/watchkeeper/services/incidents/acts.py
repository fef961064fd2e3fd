"""What people do with an incident: acknowledge, note, escalate, close without proof, own it, change its severity."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.access import assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.severity import LEVELS, graded
from watchkeeper.core.incidents.values import Ending, Event, Incident, Severity, Status
from watchkeeper.core.runs.values import RunState
from watchkeeper.core.times import utc_text
from watchkeeper.services.incidents.proof import Proof
from watchkeeper.services.ports import Session
from watchkeeper.services.responses import escalate

LONGEST_NAME = 80


class Acts(Proof):
    """The part of `Incidents` for people."""

    def acknowledge(self, number: int, actor: Actor) -> Incident:
        """A person has it: pages stop repeating, and responses fall back to propose."""
        assert_at_all(actor, "incidents.acknowledge")

        def work(session: Session) -> Incident:
            incident = self._may(actor, "incidents.acknowledge", open_one(session, number))
            now = self._clock()
            changed = replace(
                incident, acknowledged_at=now, acknowledged_by=actor.name, owner=incident.owner or actor.name
            )
            session.save_incident(changed)
            session.add_event(Event(0, number, now, "acknowledged", actor.name, f"Acknowledged by {actor.name}."))
            return changed

        return self._store.write(work)

    def note(self, number: int, actor: Actor, text: str) -> Incident:
        """Add a note to the timeline, also of a closed incident."""
        assert_at_all(actor, "incidents.note")
        if not text.strip():
            raise Usage(
                "The note is empty.", 'Write it behind the number: wk incidents note 12 "restarted the router".'
            )

        def work(session: Session) -> Incident:
            incident = self._may(actor, "incidents.note", session.incident(number))
            session.add_event(Event(0, number, self._clock(), "note", actor.name, text.strip()[:10_000]))
            return incident

        return self._store.write(work)

    def escalate(self, number: int, actor: Actor, reason: str = "") -> Incident:
        """Tell the people of the escalation list now, again if need be."""
        assert_at_all(actor, "incidents.escalate")

        def work(session: Session) -> Incident:
            incident = self._may(actor, "incidents.escalate", open_one(session, number))
            now = self._clock()
            session.save_incident(replace(incident, escalated_at=None))
            why = reason.strip() or f"{actor.name} asked for help at {utc_text(now)}"
            escalate(session, self._holder.current, number, now, why, actor.name)
            return session.incident(number)

        return self._store.write(work)

    def close_unproven(self, number: int, actor: Actor, reason: str) -> Incident:
        """A person closes without proof; counted as unproven. Refused while a changing step is at work."""
        assert_at_all(actor, "incidents.close")
        if not reason.strip():
            raise Usage(
                f"Incident {number} is not proven, so closing it needs a reason.",
                f'Say why: wk incidents close {number} "checked by hand".',
            )

        def work(session: Session) -> Incident:
            incident = self._may(actor, "incidents.close", open_one(session, number))
            runs = session.runs(incident=number, limit=50)
            busy = next((run for run in runs if run.state is RunState.RUNNING), None)
            if busy is not None:
                raise Usage(
                    f"Run {busy.id} of incident {number} is at work.", f"Cancel it first: wk runs cancel {busy.id}."
                )
            self._close(session, incident, Ending.UNPROVEN, runs, self._clock(), actor.name, reason.strip())
            return session.incident(number)

        return self._store.write(work)

    def assign(self, number: int, actor: Actor, owner: str = "") -> Incident:
        """Say who has it: another, or the caller (`owner` empty). Also of a closed one, for what is left to do."""
        assert_at_all(actor, "incidents.assign")
        name = one_line(owner, LONGEST_NAME, "The owner") if owner.strip() else actor.name

        def work(session: Session) -> Incident:
            incident = self._may(actor, "incidents.assign", session.incident(number))
            if incident.owner == name:
                return incident
            changed = replace(incident, owner=name)
            session.save_incident(changed)
            text = f"{name} takes it" if name == actor.name else f"{actor.name} gives it to {name}"
            text += f", from {incident.owner}." if incident.owner else "."
            session.add_event(Event(0, number, self._clock(), "owner", actor.name, text, detail={"owner": name}))
            return changed

        return self._store.write(work)

    def set_severity(self, number: int, actor: Actor, severity: str, reason: str) -> Incident:
        """A person knows better than the policy, and says why. The time to answer follows the new severity."""
        assert_at_all(actor, "incidents.severity")
        if severity not in LEVELS:
            raise Usage(f"A severity is one of {', '.join(LEVELS)}, not {severity[:20]!r}.", "P1 is the most urgent.")
        why = one_line(reason, 500, "The reason")

        def work(session: Session) -> Incident:
            incident = self._may(actor, "incidents.severity", open_one(session, number))
            level: Severity = next(each for each in LEVELS if each == severity)
            changed = graded(
                replace(incident, severity=level, severity_by=actor.name), self._holder.current, self._clock()
            )
            session.save_incident(changed)
            text = f"Severity {incident.severity} to {level}, by {actor.name}: {why}"
            detail: dict[str, Value] = {"before": incident.severity, "after": level}
            session.add_event(Event(0, number, self._clock(), "severity", actor.name, text, detail=detail))
            return changed

        return self._store.write(work)


def one_line(text: str, longest: int, what: str) -> str:
    """Text of a person on one line; raises `Usage` when it is empty or longer than it may be."""
    said = " ".join(text.split())
    if not said:
        raise Usage(f"{what} is empty.", "Say it in a few words.")
    if len(said) > longest:
        raise Usage(f"{what} has {len(said)} characters; at most {longest} are kept.", "Put the rest into a note.")
    return said


def open_one(session: Session, number: int) -> Incident:
    """The incident while it is open; raises `Usage` with the place to act instead."""
    incident = session.incident(number)
    if incident.status is Status.MERGED:
        cause = incident.merged_into
        raise Usage(
            f"Incident {number} is part of incident {cause}, which is its cause.",
            f"Act there: wk incidents show {cause}.",
        )
    if incident.status is not Status.OPEN:
        raise Usage(f"Incident {number} is closed already.", f"Read it: wk incidents show {number}.")
    return incident
