"""Who is blocked: every service that cannot do without what fails, at any depth."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Inventory, Service

NAMED = 60
"""So many services are named one by one in a message; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """One dependent. depth: 1 needs it directly. through: the dependency on the way. state: its worst settled check."""

    service: str
    owner: str
    tier: int
    depth: int
    through: str
    state: State
    reason: str
    since: float | None


def dependents(name: str, inventory: Inventory) -> tuple[tuple[str, int, str], ...]:
    """(service, depth, through) of all that depend on this one, nearest first; each once."""
    needed_by: dict[str, list[str]] = {}
    for service in inventory.services.values():
        for each in service.depends_on:
            needed_by.setdefault(each, []).append(service.name)
    found: list[tuple[str, int, str]] = []
    seen = {name}
    waiting = deque([(name, 0)])
    while waiting:
        current, depth = waiting.popleft()
        for each in sorted(needed_by.get(current, ())):
            if each not in seen:
                seen.add(each)
                found.append((each, depth + 1, current))
                waiting.append((each, depth + 1))
    return tuple(found)


def of_incident(incident: Incident, inventory: Inventory, settled: Mapping[str, Settled]) -> tuple[Blocked, ...]:
    """Everybody who is blocked by this incident; of an unreachable host also the services that run there."""
    if incident.service:
        listed = list(dependents(incident.service, inventory))
    else:
        host = incident.host or ""
        here = [each.name for each in inventory.services.values() if host in each.hosts]
        listed = [(name, 1, host) for name in here]
        listed += [
            (name, depth + 1, through)
            for first in here
            for name, depth, through in dependents(first, inventory)
            if name not in here
        ]
    unique: dict[str, tuple[str, int, str]] = {}
    for each in sorted(listed, key=lambda one: one[1]):
        unique.setdefault(each[0], each)
    return tuple(blocked(inventory.services[name], depth, through, settled) for name, depth, through in unique.values())


def blocked(service: Service, depth: int, through: str, settled: Mapping[str, Settled]) -> Blocked:
    """A service with its worst settled state, in which an unknown check is no good news."""
    known = [(settled[check.key], check.key) for check in service.checks if check.key in settled]
    worst = max(known, key=lambda each: each[0].state.rank, default=None)
    if worst is None:
        return Blocked(service.name, service.owner, service.tier, depth, through, State.UNKNOWN, "not asked yet", None)
    state, key = worst
    reason = f"{key.partition('/')[2]}: {state.reason}" if state.state is not State.OK else ""
    return Blocked(service.name, service.owner, service.tier, depth, through, state.state, reason, state.since)


def sentence(found: tuple[Blocked, ...]) -> str:
    """Who is blocked, in one or two lines for a message; "" when nobody is."""
    if not found:
        return ""
    down = [each for each in found if each.state in (State.CRIT, State.WARN)]
    calm = [each for each in found if each not in down]
    many = f"{len(found)} service{'s' if len(found) != 1 else ''}"
    parts = []
    if down:
        parts.append(f"Down with it ({len(down)} of {many}): {names(down)}.")
    if calm:
        verb = "needs" if len(calm) == 1 else "need"
        lead = f"{len(calm)} more {verb} it" if down else f"{many} {verb} it"
        parts.append(f"{lead}: {names(calm)}.")
    return "\n".join(parts)


def names(found: list[Blocked]) -> str:
    """Names with their owners, the most important tier first; what does not fit is counted."""
    ordered = sorted(found, key=lambda each: (each.tier, each.service))
    shown = [f"{each.service} ({each.owner})" if each.owner else each.service for each in ordered[:NAMED]]
    more = len(ordered) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
