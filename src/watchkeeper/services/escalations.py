"""Who is told of an incident, and the steps that follow until somebody acknowledges.

Where an incident stands is a row; a step moves it in the transaction of its messages, so after a crash no step is told
twice and none is lost. Time spent muted or acknowledged does not count.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import cast, get_args

from watchkeeper.core import escalations as rules
from watchkeeper.core.addressing import Addressed, address
from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.escalations import Ladder, Move, Policy
from watchkeeper.core.hours import local
from watchkeeper.core.incidents.values import Event, Incident, Severity, Status
from watchkeeper.core.inventory.values import Inventory, Team
from watchkeeper.core.notifications import MessageKind
from watchkeeper.core.oncall.rotation import person_at
from watchkeeper.core.routing import policy_for, subject_of
from watchkeeper.core.times import format_duration
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.windows import muted_incident

log = logging.getLogger(__name__)
MOST_SHOWN = 60
"""Steps of a preview; with all repetitions a policy may have thousands."""
HELD_BACK: tuple[MessageKind, ...] = ("opened", "escalated", "approval")
"""Kinds that wait with the first step of a policy which begins later, as on the next business day."""


def channels_for(
    session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float
) -> tuple[str, ...]:
    """Names of the channels for a message of that kind about this incident at `now`, in the order they are tried.

    Where several people are told each gets a message of his own, see `addressees`; this is all their channels in one.
    Empty only when the team has no channels at all.
    """
    ways = who(session, inventory, incident, kind, now).ways
    return tuple(dict.fromkeys(name for way in ways for name in way.channels))


def who(session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float) -> Addressed:
    """Who is told of a message of that kind now: by the first step of its policy, or by the one that was reached."""
    policy, number = _standing(session, inventory, incident, kind, now)
    return _address(session, inventory.team, policy, number, incident.severity, now)


def addressees(
    session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float
) -> Addressed | None:
    """As `who`, within the transaction that writes the message: an opening begins the steps, and a fallback is noted.

    None: nobody is told yet, since the first step of the policy is due later; it is told then.
    """
    if inventory.team.telling.policies and kind in HELD_BACK:
        ladder = _current(session, incident)
        if ladder is None and kind == "opened":
            ladder = _begin(session, inventory, incident, now)
        policy = inventory.team.telling.policies.get(ladder.policy) if ladder is not None else None
        if ladder is not None and policy is not None and ladder.step == 0 and ladder.paused_why != "acknowledged":
            ladder = rules.go_on(ladder, policy, now, inventory.team.hours)  # only what is not muted comes here
            if ladder.due_at is not None and ladder.due_at > now:
                _say_later(session, inventory, incident, ladder, now)
                return None
            due = rules.due_at(policy, 1, ladder.started_at, inventory.team.hours)
            session.save_ladder(replace(ladder, step=1, due_at=due, told_at=now))
    found = who(session, inventory, incident, kind, now)
    _note(session, incident, found, now)
    return found


def _standing(
    session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float
) -> tuple[Policy | None, int]:
    """The policy of a message and the step of it that tells it."""
    team = inventory.team
    policy = policy_for(team, subject_of(inventory, incident, kind), now)
    ladder = _current(session, incident) if team.telling.policies else None
    kept = team.telling.policies.get(ladder.policy) if ladder is not None else None
    if ladder is None or kept is None:
        return policy, 0
    usual = policy_for(team, subject_of(inventory, incident, "opened"), now)
    if policy != usual:  # a route of its own for this kind of message
        return policy, 0
    return kept, 0 if kind == "opened" else max(ladder.step - 1, 0)


def _address(session: Session, team: Team, policy: Policy | None, number: int, severity: str, now: float) -> Addressed:
    return address(team, policy, number, _on_call(session, team, policy, number, now), severity, now)


def _on_call(session: Session, team: Team, policy: Policy | None, number: int, now: float) -> Mapping[str, str]:
    """schedule -> who has it now, of those that the step asks."""
    if policy is None or not policy.name:
        return {}
    names = [target.name for target in policy.step(number).targets if target.kind == "oncall"]
    overrides = session.overrides(since=now) if names else []
    schedules = team.telling.schedules
    return {name: person_at(schedules[name], overrides, now) for name in names if name in schedules}


def _current(session: Session, incident: Incident) -> Ladder | None:
    """The ladder of this opening."""
    ladder = session.ladder(incident.id)
    return ladder if ladder is not None and ladder.opening == incident.reopened else None


def _begin(session: Session, inventory: Inventory, incident: Incident, now: float) -> Ladder:
    """The row of this opening, on which nobody was told yet; one without a policy when no steps follow."""
    team = inventory.team
    policy = policy_for(team, subject_of(inventory, incident, "opened"), now)
    if policy is None or not policy.name:
        ladder = Ladder(incident.id, incident.reopened, "", incident.severity, now, 1, None)
    else:
        ladder = rules.begin(policy, incident.id, incident.reopened, incident.severity, now, team.hours)
    session.save_ladder(ladder)
    return ladder


def _say_later(session: Session, inventory: Inventory, incident: Incident, ladder: Ladder, now: float) -> None:
    when = _when(ladder.due_at, inventory.team.timezone)
    text = f"Nobody is told yet: the first step of {ladder.policy} is due {when}."
    said = session.events(incident.id)
    if not any(each.text == text for each in said):
        session.add_event(Event(0, incident.id, now, "oncall", "watchkeeper", text))


def _note(session: Session, incident: Incident, found: Addressed, now: float) -> None:
    """What is not as planned, on the timeline: nobody on call, or somebody spared."""
    for text in remarks(found):
        session.add_event(Event(0, incident.id, now, "oncall", "watchkeeper", text))


def remarks(found: Addressed) -> list[str]:
    """What is not as planned in who is told, as sentences."""
    texts = [f"Nobody is on call for {name}: everybody is told instead." for name in found.unmanned]
    if found.fallback and not found.unmanned:
        texts.append("The step reaches nobody: everybody is told instead.")
    texts += [f"{name} is outside the hours in which only a P1 reaches him, and is not told." for name in found.spared]
    return texts


def _when(at: float | None, timezone: str) -> str:
    return "never" if at is None else f"{local(at, timezone):%a %Y-%m-%d %H:%M} ({timezone})"


@dataclass(frozen=True, slots=True)
class Preview:
    """One step of a policy as it would be taken: its number from 0, when, and who would be told."""

    number: int
    at: float
    found: Addressed


class Escalations:
    """Walks the steps of open incidents. `walk` is called on every beat of main, by one node."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def walk(self) -> int:
        """Tell every step that is due; returns how many were told. Costs two small questions while none is."""
        if not self._holder.current.team.telling.policies:
            return 0
        now = self._clock()
        with self._store.read() as session:
            numbers = [*(each.id for each in session.without_ladder()), *session.ladders_to_look_at(now)]
        told, fault = 0, None
        for number in dict.fromkeys(numbers):
            try:
                told += self._store.write(partial(self._look, number=number))
            except Exception as error:  # one incident that cannot climb must not hold the others back
                log.exception("the escalation of incident %s goes on after a fault", number)
                fault = fault or error
        if fault is not None:
            raise fault
        return told

    def standing(self) -> list[tuple[Incident, Ladder, Policy | None]]:
        """Open incidents whose steps go on or are paused, the next to be told first."""
        policies = self._holder.current.team.telling.policies
        with self._store.read() as session:
            return [(session.incident(each.incident), each, policies.get(each.policy)) for each in session.ladders()]

    def preview(
        self, service: str, severity: str, kind: MessageKind = "opened", at: float | None = None
    ) -> tuple[Policy | None, list[Preview]]:
        """Who would be told, step by step, if an incident of this service opened at a time (default: now).

        service: ``host:NAME`` for a host that cannot be reached. Raises `NotFound` for one there is not.
        """
        inventory, start = self._holder.current, self._clock() if at is None else at
        incident = _imagined(inventory, service, severity, start)
        team = inventory.team
        policy = policy_for(team, subject_of(inventory, incident, kind), start)
        steps: list[Preview] = []
        with self._store.read() as session:
            for number in range(min(policy.length, MOST_SHOWN) if policy is not None and policy.name else 1):
                due = start
                if policy is not None and policy.name:
                    due = rules.due_at(policy, number, start, team.hours) or start
                steps.append(Preview(number, due, _address(session, team, policy, number, severity, due)))
        return policy, steps

    # ---- one incident ------------------------------------------------------------------------------------------------

    def _look(self, session: Session, number: int) -> int:
        """Look again at the rows as they are now, and do what they ask for; all in this transaction."""
        inventory, now = self._holder.current, self._clock()
        incident = session.incident(number)
        if incident.status is Status.CLOSED or (incident.held_until or 0.0) > now:
            return 0
        ladder = _current(session, incident) or _begin(session, inventory, incident, now)
        if incident.status is Status.MERGED:
            session.save_ladder(rules.pause(ladder, now, "merged"))
            return 0
        found = self._fitting(session, inventory, incident, ladder, now)
        if found is None:
            return 0
        policy, before = found
        ladder = self._running(session, inventory, incident, before, policy, now)
        move = rules.move(ladder, policy, now, inventory.team.hours)
        session.save_ladder(ladder if move is None else move.after)
        if move is None:
            return 0
        lapsed = before.paused_why == "acknowledged" and incident.acknowledged_at is not None
        self._tell(session, inventory, incident, ladder, policy, move, lapsed, now)
        return 1

    def _fitting(
        self, session: Session, inventory: Inventory, incident: Incident, ladder: Ladder, now: float
    ) -> tuple[Policy, Ladder] | None:
        """The policy that counts now, and the ladder on it; None when no steps follow."""
        team, same = inventory.team, replace(ladder, severity=incident.severity)
        kept = team.telling.policies.get(ladder.policy)
        worse = incident.severity < ladder.severity
        if kept is not None and not worse:
            return kept, same
        routed = policy_for(team, subject_of(inventory, incident, "opened"), now)
        if routed is None or not routed.name or (kept is None and not ladder.policy and not worse):
            if kept is None:
                session.save_ladder(replace(same, policy="", due_at=None))
            return (kept, same) if kept is not None else None
        if routed == kept:
            return kept, same
        if worse:
            return routed, self._begun_again(session, inventory, incident, ladder, routed, now)
        # renamed or taken out of the file: the same step of the one that counts now
        due = rules.due_at(routed, ladder.step, ladder.started_at, team.hours)
        return routed, replace(same, policy=routed.name, due_at=due if ladder.paused_at is None else ladder.due_at)

    def _begun_again(
        self, session: Session, inventory: Inventory, incident: Incident, ladder: Ladder, policy: Policy, now: float
    ) -> Ladder:
        """The incident became more severe: its steps begin again under another policy, paused if they were."""
        text = f"{incident.severity} now, {ladder.severity} before: {policy.name} begins from its first step."
        session.add_event(Event(0, incident.id, now, "oncall", "watchkeeper", text))
        again = rules.begin(policy, incident.id, incident.reopened, incident.severity, now, inventory.team.hours)
        again = replace(again, told_at=self._told_at(session, incident))
        return again if ladder.paused_at is None else rules.pause(again, now, ladder.paused_why, ladder.due_at)

    def _told_at(self, session: Session, incident: Incident) -> float | None:
        """When anything of this opening was told first."""
        rows = session.notifications(incident=incident.id, limit=500)
        mine = [row for row in rows if row.message.key.startswith(f"incident-{incident.id}.{incident.reopened}-")]
        return mine[-1].created_at if mine else None

    def _running(
        self, session: Session, inventory: Inventory, incident: Incident, ladder: Ladder, policy: Policy, now: float
    ) -> Ladder:
        """The ladder after what stops or frees it now: an acknowledgement, its end, a window or a silence."""
        hours = inventory.team.hours
        if incident.acknowledged_at is not None:
            lasts_s = policy.acknowledged_for_s
            ends = incident.acknowledged_at + lasts_s if lasts_s is not None else None
            if ends is None or ends > now:
                since = min(incident.acknowledged_at, now)
                return rules.pause(ladder, since, "acknowledged", ends)
            self._acknowledgement_ended(session, incident, now)
            return rules.lapse(ladder, policy, now, hours)
        if ladder.paused_why == "acknowledged":
            return rules.go_on(ladder, policy, now, hours)
        due = ladder.due_at is not None and ladder.due_at <= now
        if (due or ladder.paused_why) and muted_incident(session, inventory, incident, now) is not None:
            return rules.pause(ladder, now, "muted")
        return rules.go_on(ladder, policy, now, hours)

    def _acknowledgement_ended(self, session: Session, incident: Incident, now: float) -> None:
        since = format_duration(now - (incident.acknowledged_at or now))
        text = f"The acknowledgement of {incident.acknowledged_by} ended after {since}: nobody has it, the steps go on."
        session.add_event(Event(0, incident.id, now, "oncall", "watchkeeper", text))
        session.save_incident(replace(session.incident(incident.id), acknowledged_at=None, acknowledged_by=None))

    def _tell(
        self, session: Session, inventory: Inventory, incident: Incident, ladder: Ladder, policy: Policy, move: Move,
        lapsed: bool, now: float,
    ) -> None:  # fmt: skip
        """Put the messages of one step into the outbox, one for each who is told."""
        if move.number == 0 and ladder.told_at is None:
            announce(session, inventory, incident, "opened", now, _held_words(session, incident))
            return
        found = _address(session, inventory.team, policy, move.number, incident.severity, now)
        names = ", ".join(dict.fromkeys(way.to for way in found.ways)) or "nobody"
        why = "the acknowledgement ended" if lapsed else _why(incident, ladder, move, now)
        late = _late(inventory.team, policy, ladder, move, now)
        words = policy.words(move.number)
        text = f"{words[:1].upper()}{words[1:]}: {names} told, {why}.{late}"
        detail: dict[str, Value] = {"policy": policy.name, "step": move.number + 1, "due_at": move.due_at, "to": names}
        session.add_event(Event(0, incident.id, now, "oncall", "watchkeeper", text, detail=detail))
        _note(session, incident, found, now)
        shown = replace(incident, escalated_why=why)
        body = " ".join([f"{incident.title}. {why[:1].upper()}{why[1:]}.{late}", *remarks(found)])
        for way in found.ways:
            part = f"{policy.name}-step-{move.number + 1}-{ladder.started_at:.0f}-{way.channels[0]}"
            announce(session, inventory, shown, "escalated", now, body, channels=way.channels, again=part)


def _imagined(inventory: Inventory, service: str, severity: str, at: float) -> Incident:
    """An incident that is not there. Raises `NotFound`, `Usage`."""
    host = service.removeprefix("host:") if service.startswith("host:") else None
    known = inventory.hosts if host is not None else inventory.services
    if (host or service) not in known:
        raise NotFound(
            f"There is no {'host' if host is not None else 'service'} {host or service}.", "List them: wk status."
        )
    if severity not in get_args(Severity):
        raise Usage(f"{severity[:20]!r} is no severity.", f"One of: {', '.join(get_args(Severity))}.")
    return Incident(0, "" if host is not None else service, host, Status.OPEN, cast(Severity, severity), "", at, ())


def _held_words(session: Session, incident: Incident) -> str:
    """What an opening says that is told later than it happened: with it waited what came since."""
    parts = [f"{incident.title}."]
    if incident.escalated_why:
        parts.append(f"It needs you: {incident.escalated_why}.")
    runs = session.runs(incident=incident.id, limit=20)
    if any(session.approvals(run=run.id, pending=True) for run in runs):
        parts.append("A step waits for your approval.")
    return " ".join(parts)


def _late(team: Team, policy: Policy, ladder: Ladder, move: Move, now: float) -> str:
    """The sentence that this comes late, and which steps were never told for that; "" in time."""
    if now - move.due_at <= rules.LATE_S and not move.missed:
        return ""
    parts = []
    for number in move.missed:
        due = ladder.due_at if number == ladder.step else rules.due_at(policy, number, ladder.started_at, team.hours)
        others = ", ".join(str(target) for target in policy.step(number).targets)
        parts.append(f"{policy.words(number)} ({others}) was due {_when(due, team.timezone)} and was not told")
    missed = f" Also late: {'; '.join(parts)}." if parts else ""
    return f" This comes {format_duration(now - move.due_at)} late: watchkeeper was away.{missed}"


def _why(incident: Incident, ladder: Ladder, move: Move, now: float) -> str:
    """Why this step is told, as half a sentence."""
    if ladder.told_at is None:
        return "nobody was told before"
    if move.number == 0:
        return f"it is {incident.severity} now"
    return f"nobody acknowledged within {format_duration(max(now - ladder.told_at, 0.0))}"
