"""What an incident is made of, and when it may close (promise 1). Pure: every time is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from watchkeeper.core.checks.flapping import calm_s
from watchkeeper.core.checks.proof import proof_of
from watchkeeper.core.checks.values import Flip, Judged, State
from watchkeeper.core.incidents.correlation import parent_incident as parent_incident  # known by this name as well
from watchkeeper.core.incidents.similar import pattern_of
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Severity, Status
from watchkeeper.core.inventory.values import Check, Response, Service

RECURRENCE_S = 24 * 3600.0
"""A check that fails again within this time after a closing reopens the old incident."""

RELATED_S = 3600.0
"""Another check of the same service within this time after a closing is the same trouble with another face."""

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
    """CRIT opens an incident; WARN only where `respond` names the check. A member of a group may leave it to the group."""
    if any(check.key == flip.check and check.spoken_for for check in (service.checks if service else ())):
        return False
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
        needed_s=calm_s(check, flapping="flapping" in flip.values) if check else 0.0,
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
        pattern=pattern_of(flip.reason),
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
    severity = incident.severity if incident.severity_by else min(incident.severity, severity_of(service, flip.after))
    return replace(incident, checks=(*others, fresh), severity=severity)


def reopened(
    incident: Incident, flip: Flip, service: Service | None, check: Check | None, same: bool = True
) -> Incident:
    """A closed incident that came back: open since now, earlier openings stay in its timeline.

    It counts as recurring when its closing had claimed a fix; not so when another check fails (`same` is False).
    """
    again = replace(
        incident,
        status=Status.OPEN,
        opened_at=flip.at,
        closed_at=None,
        ending=None,
        reopened=incident.reopened + 1,
        recurring=incident.recurring or (same and incident.ending is Ending.FIXED),
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
        severity_by="",
        failed_at=None,
        respond_by=None,
        merged_into=None,
        held_until=None,
    )
    return extended(again, flip, service, check)


def comes_back(closed: Incident | None, flip: Flip, now: float) -> bool:
    """Whether this flip reopens that closed incident: same check, within RECURRENCE_S."""
    if closed is None or closed.closed_at is None or now - closed.closed_at > RECURRENCE_S:
        return False
    return any(held.check == flip.check for held in closed.checks)


def comes_back_otherwise(closed: Incident | None, flip: Flip, now: float) -> bool:
    """Whether this flip of another check reopens that closed incident of the same service: within RELATED_S."""
    if closed is None or closed.closed_at is None or now - closed.closed_at > RELATED_S:
        return False
    return bool(closed.service) and closed.service == flip.service


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
    answers = None if incident.service else ANSWERED
    proof = proof_of(readings, proof_after(incident, held), held.rule_hash, check, answers=answers)
    enough = proof.count >= held.needed if answers else proof.count >= held.needed and proof.holds(check)
    proven = readings[-1].reading.at if readings and enough else None
    return replace(held, proof_count=proof.count, proven_at=proven)


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
    if fix_holds and incident.last_change_at is not None and incident.fix_started_at is not None:
        return Ending.FIXED
    return Ending.ITSELF if all(map(is_calm, incident.checks)) else None


def is_calm(held: FailingCheck) -> bool:
    """Whether a proven check stayed good long enough after its last bad reading: what comes and goes closes nothing."""
    return held.proven_at is not None and held.proven_at - held.last_bad_at >= held.needed_s


def is_over(incident: Incident, held: FailingCheck) -> bool:
    """Whether this check has proven all that it must: after a change of ours by its readings, else for long enough."""
    return held.proven_at is not None and (incident.last_change_at is not None or is_calm(held))
