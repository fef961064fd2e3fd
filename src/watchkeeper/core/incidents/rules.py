"""What an incident is made of, and when it may close (promise 1). Pure: every time is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from watchkeeper.core.checks.proof import count_proof
from watchkeeper.core.checks.values import Flip, Judged, State
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Severity, Status
from watchkeeper.core.inventory.values import Check, Inventory, Response, Service

RECURRENCE_S = 24 * 3600.0
"""A service that fails again within this time after a closing reopens the old incident."""

BLIND_S = 600.0
"""How long an unproven fix waits for the watch to look again, before a person is asked."""

ANSWERED = (State.OK, State.WARN, State.CRIT)
"""A host that could not be reached is proven by answers; what they say is the business of the services on it."""


def severity_of(service: Service | None, state: State) -> Severity:
    """P1 for CRIT of a tier-1 service, P2 for CRIT of any other, P3 for WARN."""
    if state is not State.CRIT:
        return "P3"
    return "P1" if service is not None and service.tier <= 1 else "P2"


def opens_incident(flip: Flip, service: Service | None) -> bool:
    """CRIT opens an incident; WARN only where `respond` names the check."""
    if flip.after is State.CRIT:
        return True
    return flip.after is State.WARN and bool(service and _named(service.respond, flip.check))


def unreachable_host(flip: Flip) -> str | None:
    """The host that could not be reached, when that is why this check is UNKNOWN."""
    host = flip.values.get("unreachable") if flip.after is State.UNKNOWN else None
    return str(host) if host else None


def _named(responses: Iterable[Response], check: str) -> bool:
    return any(check_name(check) in response.to for response in responses)


def check_name(key: str) -> str:
    """``shop/disk@app1`` -> ``disk``."""
    return key.partition("/")[2].partition("@")[0]


def headline(reason: str) -> str:
    """A reason in short: what happened, without the rule that stands behind the semicolon."""
    return reason.partition("; ")[0]


def failing(flip: Flip, check: Check | None) -> FailingCheck:
    """The failing check that this flip brings to an incident."""
    return FailingCheck(
        check=flip.check,
        state=flip.after,
        reason=flip.reason,
        rule_hash=flip.rule_hash,
        flipped_at=flip.at,
        last_bad_at=flip.at,
        needed=check.recover if check else 1,
    )


def opened(flip: Flip, service: Service | None, check: Check | None, now: float) -> Incident:
    """A new incident for this flip; its id is given by the store."""
    return Incident(
        id=0,
        service=flip.service,
        host=flip.host,
        status=Status.OPEN,
        severity=severity_of(service, flip.after),
        title=f"{flip.check}: {headline(flip.reason)}",
        opened_at=now,
        checks=(failing(flip, check),),
    )


def extended(incident: Incident, flip: Flip, service: Service | None, check: Check | None) -> Incident:
    """The incident with this flip's check added, or renewed when it was held before.

    A check that was edited meanwhile stays bound to the rule that opened the incident, however often it flips again.
    """
    others = tuple(held for held in incident.checks if held.check != flip.check)
    fresh = failing(flip, check)
    for held in incident.checks:
        if held.check == flip.check and (held.lost or held.rule_hash != flip.rule_hash):
            fresh = replace(fresh, rule_hash=held.rule_hash, lost=held.lost)
    severity = min(incident.severity, severity_of(service, flip.after))
    return replace(incident, checks=(*others, fresh), severity=severity)


def reopened(incident: Incident, flip: Flip, service: Service | None, check: Check | None) -> Incident:
    """A closed incident that came back: open since now, earlier openings stay in its timeline.

    It counts as recurring when its closing had claimed a fix.
    """
    again = replace(
        incident,
        status=Status.OPEN,
        opened_at=flip.at,
        closed_at=None,
        ending=None,
        reopened=incident.reopened + 1,
        recurring=incident.recurring or incident.ending is Ending.FIXED,
        checks=(),
        escalated_at=None,
        escalated_why=None,
        last_change_at=None,
        diagnosed_at=None,
        fix_started_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        why_not_acted="",
        entry=None,
    )
    return extended(again, flip, service, check)


def comes_back(closed: Incident | None, flip: Flip, now: float) -> bool:
    """Whether this flip reopens that closed incident: same check, within RECURRENCE_S."""
    if closed is None or closed.closed_at is None or now - closed.closed_at > RECURRENCE_S:
        return False
    return any(held.check == flip.check for held in closed.checks)


def proof_after(incident: Incident, held: FailingCheck) -> float:
    """Readings count as proof only when asked after this time: the last changing step, or the last bad reading."""
    return max(incident.last_change_at or 0.0, held.last_bad_at)


def examine(incident: Incident, held: FailingCheck, check: Check | None, readings: Sequence[Judged]) -> FailingCheck:
    """The failing check after looking at its newest readings (oldest first, all since its flip).

    A check that was edited or deleted can never prove: it becomes `lost` with the reason.
    """
    if held.lost:
        return held
    if check is None:
        return replace(
            held, lost=f"{held.check} was deleted while the incident was open", proof_count=0, proven_at=None
        )
    if check.rule_hash != held.rule_hash:
        return replace(held, lost=f"{held.check} was edited while the incident was open", proof_count=0, proven_at=None)
    good = (State.OK,) if incident.service else ANSWERED
    bad = [judged for judged in readings if judged.verdict.state not in good]
    if bad and bad[-1].reading.at > held.last_bad_at:
        newest = bad[-1]
        held = replace(held, last_bad_at=newest.reading.at, reason=newest.verdict.reason, state=newest.verdict.state)
    count = count_proof(readings, proof_after(incident, held), held.rule_hash, good=good)
    proven = readings[-1].reading.at if readings and count >= held.needed else None
    return replace(held, proof_count=count, proven_at=proven)


def proof_is_late(since: float, within_s: float, looks: Sequence[Sequence[float]], now: float) -> bool:
    """Whether the proof of a fix is overdue: within_s counts from when each unproven check could first be asked again.

    looks: per unproven check the times it was asked since the change, oldest first. While nobody looks (the watch is
    away) nothing is known, so the fix is not called failed and not done again; after BLIND_S it is all the same.
    """
    if now - since > within_s + BLIND_S:
        return True
    if any(not asked for asked in looks):
        return False
    first = max((asked[0] for asked in looks), default=since)
    return now - max(since, first) > within_s


def ending_of(incident: Incident, fix_holds: bool = True) -> Ending | None:
    """How the incident may be closed now; None while a check has not proven.

    It counts as fixed only when a changing step of ours ended after the flip and its run was not given up since
    (`fix_holds`): what recovers after a failed run did so by other hands.
    """
    if not incident.checks or any(held.lost or held.proven_at is None for held in incident.checks):
        return None
    if not fix_holds or incident.last_change_at is None or incident.fix_started_at is None:
        return Ending.ITSELF
    return Ending.FIXED


def parent_incident(
    service: Service | None, open_incidents: Sequence[Incident], inventory: Inventory
) -> Incident | None:
    """The open incident under which a failing service is held: of its host, or of a service it depends on (any depth)."""
    if service is None:
        return None
    above = _ancestors(service, inventory)
    for incident in open_incidents:
        if incident.service and incident.service != service.name and incident.service in above:
            return incident
        if not incident.service and incident.host in service.hosts:
            return incident
    return None


def _ancestors(service: Service, inventory: Inventory) -> set[str]:
    found: set[str] = set()
    waiting = list(service.depends_on)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            parent = inventory.services.get(name)
            waiting.extend(parent.depends_on if parent else ())
    return found
