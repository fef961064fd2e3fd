"""Which changes are suspects of an incident: how near they are to it, what they are, and how long before they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.core.changes.values import Change, ChangeKind
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.times import format_duration

KIND_WEIGHT: Mapping[ChangeKind, float] = {
    "configuration": 1.0, "deployment": 1.0, "migration": 1.0, "image": 0.9, "package": 0.8, "reboot": 0.8,
    "commit": 0.6, "run": 0.5, "window": 0.5, "log": 0.4,
}  # fmt: skip
HORIZON_S = 24 * 3600.0
HALF_LIFE_S = 3600.0
NAMED = 0.3
"""From this score on a suspect is named in messages; what is below is only listed: a weak guess misleads at night."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A change ranked as a cause. score 0..1; why: one line. related: it is on this service, its hosts or what it needs."""

    change: Change
    score: float
    why: str
    related: bool = True


@dataclass(frozen=True, slots=True)
class Relations:
    """What stands near a service (or, with service "", near a host that cannot be reached).

    needs: the services it depends on, any depth, to how many steps away (1: named in its own file). hosts: its own.
    hosts_of_needs: hosts of these services, to the least depth.
    """

    service: str
    hosts: tuple[str, ...]
    needs: Mapping[str, int] = field(default_factory=dict)
    hosts_of_needs: Mapping[str, int] = field(default_factory=dict)


def relations(inventory: Inventory, service: str, host: str | None = None) -> Relations:
    """The neighbourhood of a service as the inventory has it; of a host alone when service is ""."""
    found = inventory.services.get(service)
    if found is None:
        return Relations(service, (host,) if host else ())
    needs: dict[str, int] = {}
    level, waiting = 1, list(found.depends_on)
    while waiting:
        deeper: list[str] = []
        for name in waiting:
            if name not in needs and name != service:
                needs[name] = level
                parent = inventory.services.get(name)
                deeper += parent.depends_on if parent else ()
        level, waiting = level + 1, deeper
    hosts: dict[str, int] = {}
    for name, depth in needs.items():
        parent = inventory.services.get(name)
        for each in parent.hosts if parent else ():
            if each not in found.hosts:
                hosts[each] = min(depth, hosts.get(each, depth))
    return Relations(service, found.hosts, needs, hosts)


def rank(
    changes: Iterable[Change], near: Relations, flipped_at: float, grace_s: float = 2.0, incident: int | None = None
) -> tuple[Suspect, ...]:
    """Changes of the 24 h before `flipped_at` as suspects, best first.

    Relation weighs first (same service, then its host, then what it needs, the nearer the more), then kind, then age
    with a half-life of one hour. `grace_s`: clocks and file times are coarse, so a change dated this little after the
    flip still counts; what came later may be the repair, never the cause. incident: what was done as its answer is
    none of its causes.
    """
    suspects = []
    for change in changes:
        age = flipped_at - change.at
        if change.own or age > HORIZON_S or age < -grace_s or (incident is not None and change.incident == incident):
            continue
        relation, phrase, related = _relation(change, near)
        freshness = 0.5 ** (max(age, 0.0) / HALF_LIFE_S)
        score = relation * KIND_WEIGHT[change.kind] * (0.25 + 0.75 * freshness)
        why = f"{format_duration(max(age, 0.0))} before, {phrase}, by {change.actor}"
        suspects.append(Suspect(change, round(score, 2), why, related))
    return tuple(sorted(suspects, key=lambda suspect: (-suspect.score, -suspect.change.at, -suspect.change.id)))


def _relation(change: Change, near: Relations) -> tuple[float, str, bool]:
    """(weight, in words, whether it is related at all)."""
    if change.service:
        if change.service == near.service:
            return 1.0, "same service", True
        depth = near.needs.get(change.service)
        if depth is not None:
            way = f"on which {near.service} depends" if depth == 1 else f"which {near.service} needs {depth} steps away"
            return 0.6 * 0.75 ** (depth - 1), f"{change.service}, {way}", True
        if change.host and change.host in near.hosts:
            return 0.35, f"{change.service} on the same host {change.host}", True
        return 0.15, "no known relation", False
    if change.host and change.host in near.hosts:
        return 0.7, f"same host {change.host}", True
    depth = near.hosts_of_needs.get(change.host) if change.host else None
    if depth is not None:
        return 0.4 * 0.75 ** (depth - 1), f"{change.host}, a host of what {near.service} needs", True
    return 0.15, "no known relation", False


def first_suspect(suspects: Sequence[Suspect]) -> str:
    """``First suspect: /srv/shop/shop.env was edited 4 min before, same service.``; "" when none is near enough.

    One line of bounded length without control characters: it goes into messages, and titles come from hosts.
    """
    for suspect in suspects:
        if suspect.related and suspect.score >= NAMED:
            words = " ".join(f"{suspect.change.title} {suspect.why}".split())
            shown = "".join(each for each in words if each.isprintable())
            return f"First suspect: {shown[:280].rstrip('.')}."
    return ""
