"""What hangs together: which incident is the cause of a failing service, and when it stops being that.

Three rules. A cause suppresses only the creation of alerts; never a check; never a recovery. And it suppresses only what it
can explain: a full disk of the database says nothing about the web shop, and the shop's own full disk is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from watchkeeper.core.checks.values import Flip, Judged, Settled, State
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Status
from watchkeeper.core.inventory.values import Check, Inventory, Service

WINDOW_S = 60.0
"""A cause that shows itself this long after what depends on it (or two of its intervals) is still its cause."""

GRACE_S = 2.0
"""So long after its cause is over a service gets to answer again; half its interval where that is shorter."""

PATIENCE_S = 5.0
"""What an answer may take beyond interval and time limit, before a service that does not answer counts as still down."""

MEASURES = frozenset({"disk", "folder", "inodes", "disk-io", "memory", "cpu", "load", "clock", "heartbeat", "tls"})
"""Kinds that do not ask whether a service serves: what depends on it may well work, so they hold nobody back."""

OWN = frozenset({"disk", "folder", "inodes", "clock", "tls"})
"""Kinds whose failure no other service can explain."""


def check_of(key: str, inventory: Inventory) -> Check | None:
    """The check of this key, without a look at all the others; None when it is no longer there."""
    service = inventory.services.get(key.partition("/")[0])
    return next((check for check in service.checks if check.key == key), None) if service is not None else None


def serves(check: Check | None) -> bool:
    """Whether this check asks if the service serves those that depend on it."""
    return check is not None and check.probe.kind not in MEASURES


def explainable(check: Check | None) -> bool:
    """Whether the failure of this check can have its cause in another service."""
    return check is None or check.probe.kind not in OWN


def holds(incident: Incident, inventory: Inventory, settled: Mapping[str, Settled] | None = None) -> bool:
    """Whether this incident explains the failures of what depends on it, at this moment.

    One of its checks must say CRIT without having proven since; of a host it is enough that it is not proven to answer. A
    check that was edited meanwhile proves nothing for the incident, so its settled state is taken, where that is given.
    """
    if incident.status is not Status.OPEN:
        return False
    return any(_fails(incident, held, check_of(held.check, inventory), settled) for held in incident.checks)


def _fails(incident: Incident, held: FailingCheck, check: Check | None, settled: Mapping[str, Settled] | None) -> bool:
    if held.proven_at is not None:
        return False
    if held.lost:
        known = settled.get(held.check) if settled is not None else None
        return known is not None and known.state is State.CRIT and serves(check)
    if not incident.service:
        return True
    return held.state is not State.WARN and (check is None or serves(check))


def parent_incident(
    service: Service | None,
    open_incidents: Sequence[Incident],
    inventory: Inventory,
    host: str | None = None,
    settled: Mapping[str, Settled] | None = None,
) -> Incident | None:
    """The open incident under which a failing service is held: of its host, or of a service it depends on (any depth).

    host: where the failing check looks; a service on several hosts is held by its host's incident on that one only.
    """
    if service is None:
        return None
    above = ancestors(service, inventory)
    near = (each for each in open_incidents if each.service and each.service in above)
    found = next((each for each in near if holds(each, inventory, settled)), None)
    if found is not None:
        return found
    lost = (each for each in open_incidents if not each.service and each.host)
    down = {each.host: each for each in lost if holds(each, inventory, settled)}
    hosts = [host] if host is not None and host in service.hosts else service.hosts
    own = next((down[name] for name in hosts if name in down), None)
    if own is not None:
        return own
    for name in sorted(above):
        parent = inventory.services.get(name)
        if parent is not None and parent.hosts and all(each in down for each in parent.hosts):
            return down[parent.hosts[0]]
    return None


def ancestors(service: Service, inventory: Inventory) -> set[str]:
    """All services that this one depends on, at any depth."""
    found: set[str] = set()
    waiting = list(service.depends_on)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            parent = inventory.services.get(name)
            waiting.extend(parent.depends_on if parent else ())
    return found - {service.name}


def parents_to_ask(service: Service | None, inventory: Inventory) -> tuple[str, ...]:
    """The checks that tell whether something this service depends on fails as well."""
    if service is None:
        return ()
    above = (inventory.services[name] for name in ancestors(service, inventory) if name in inventory.services)
    return tuple(sorted(check.key for each in above for check in each.checks if serves(check)))


def all_well(asked: Iterable[Judged], checks: Sequence[str], since: float) -> bool:
    """Whether each of these checks was asked after `since` and said OK."""
    good = {each.reading.check for each in asked if each.verdict.state is State.OK and each.reading.at >= since}
    return all(check in good for check in checks)


# ---- one after the other ---------------------------------------------------------------------------------------------------


def has_its_cause(
    child: Incident, cause: Incident, at: float, inventory: Inventory, settled: Mapping[str, Settled] | None = None
) -> bool:
    """Whether an incident that was there before is explained by one that came after it, at `at`.

    Its service depends on the other one (or its host went away), it failed not long before, and every check that fails
    in it can have its cause elsewhere.
    """
    if child.id == cause.id or not holds(cause, inventory, settled):
        return False
    service = inventory.services.get(child.service)
    if service is None or not _within(child, cause, at, inventory):
        return False
    if any(not explainable(check_of(held.check, inventory)) for held in child.checks if held.proven_at is None):
        return False
    found = [check_of(held.check, inventory) for held in child.checks]
    hosts = {check.host for check in found if check is not None}
    if not cause.service and cause.host in service.hosts and hosts - {cause.host}:
        return False
    alone = replace(cause, status=Status.OPEN)
    return parent_incident(service, [alone], inventory, settled=settled) is not None


def _within(child: Incident, cause: Incident, at: float, inventory: Inventory) -> bool:
    found = [check_of(held.check, inventory) for held in cause.checks]
    window = max(WINDOW_S, 2 * min((check.every_s for check in found if check is not None), default=0.0))
    return all(abs(at - held.flipped_at) <= window for held in child.checks)


def merged(child: Incident, cause: Incident) -> Incident:
    """The child as part of its cause: nothing is told of it any more; what it holds still has to prove."""
    why = f"incident {cause.id} ({cause.service or cause.host}) is the cause."
    return replace(
        child, status=Status.MERGED, merged_into=cause.id, held_until=None, why_not_acted=why[0].upper() + why[1:]
    )


def released(child: Incident) -> Incident:
    """The child on its own again: its cause is over and it still fails. Counts as another opening, so it is told anew."""
    return replace(
        child, status=Status.OPEN, merged_into=None, reopened=child.reopened + 1, why_not_acted="", acknowledged_at=None,
        acknowledged_by=None, escalated_at=None, escalated_why=None, diagnosed_at=None,
    )  # fmt: skip


# ---- after the cause -------------------------------------------------------------------------------------------------------


def freed_at(cause: Incident | None, inventory: Inventory, now: float, seen: float | None = None) -> float:
    """Since when a cause explains nothing any more: the proof of the last check that had held others.

    It may go on being open after that, until it has been calm for long enough. A proof moves on with every further good
    reading; what counts is when it was there first. seen: when it was first seen to hold nobody, for one that has no proof
    (it only warns now, or its check was edited).
    """
    seen = now if seen is None else seen
    if cause is None:
        return seen
    proofs = [_first_proof(held, inventory) for held in cause.checks if held.proven_at is not None]
    closed_at = cause.closed_at if cause.closed_at is not None else now if proofs else seen
    if cause.ending is Ending.UNPROVEN:
        return closed_at
    return min(max(proofs, default=closed_at), closed_at)


def _first_proof(held: FailingCheck, inventory: Inventory) -> float:
    check = check_of(held.check, inventory)
    proven_at = held.proven_at or held.last_bad_at
    return proven_at if check is None else min(proven_at, held.last_bad_at + held.needed * check.every_s)


def last_cause(
    service: Service, over: Iterable[Incident], inventory: Inventory, now: float, seen: Mapping[int, float]
) -> tuple[Incident, float] | None:
    """(the incident that a service was last held under, since when it is over), of those that hold nobody any more.

    seen: when incidents were first seen to hold nobody any more, by number.
    """
    above = ancestors(service, inventory)
    hosts = set(service.hosts)
    for name in above:
        hosts |= set(inventory.services[name].hosts) if name in inventory.services else set()
    own = [
        (each, freed_at(each, inventory, now, seen.get(each.id)))
        for each in over
        if (each.service in above if each.service else each.host in hosts)
        and (each.id in seen or _had_held(each, inventory))
    ]
    return max(own, key=lambda one: one[1], default=None)


def _had_held(incident: Incident, inventory: Inventory) -> bool:
    """Whether it could explain anything while it lasted."""
    if incident.status is Status.OPEN and not any(held.proven_at is not None for held in incident.checks):
        return False
    return not incident.service or any(serves(check_of(held.check, inventory)) for held in incident.checks)


def grace_s(check: Check) -> float:
    """How long after its cause is over a check gets to answer well."""
    return min(GRACE_S, check.every_s / 2)


def still_down(check: Check, readings: Sequence[Judged], freed: float, now: float) -> bool | None:
    """Whether a check still fails after its cause is over; None while that is not known yet.

    readings: its newest, oldest first. A bad answer after the grace says so; so does no answer within its interval.
    """
    since = freed + grace_s(check)
    fresh = [each for each in readings if each.reading.at >= since]
    if fresh:
        return True if fresh[-1].verdict.state in (State.CRIT, State.WARN) else None
    return True if now > since + check.every_s + check.timeout_s + PATIENCE_S else None


def first_bad(flip: Flip, check: Check | None, readings: Sequence[Judged]) -> float:
    """When it began to fail: the first bad reading of the window that the flip was settled by. readings: oldest first."""
    rules = [rule.window for rule in (check.crit, check.warn, check.ok) if rule is not None] if check else []
    before = [each for each in readings if each.reading.at <= flip.at][-max([*rules, 1]) :]
    bad = (each.reading.at for each in before if each.verdict.state not in (State.OK, State.UNKNOWN))
    return min(bad, default=flip.at)
