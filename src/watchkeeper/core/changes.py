"""Changes: anything that altered the world, and which of them is suspect when something breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChangeKind = Literal[
    "configuration", "commit", "run", "deployment", "log", "package", "reboot", "image", "window", "migration"
]


@dataclass(frozen=True, slots=True)
class Change:
    """One change. service and host: where known. own: made by watchkeeper, never a suspect."""

    id: int
    at: float
    kind: ChangeKind
    title: str
    actor: str
    service: str = ""
    host: str = ""
    detail: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Suspect:
    """A change ranked as a cause. score 0..1; why: one line."""

    change: Change
    score: float
    why: str


_KIND_WEIGHT: dict[ChangeKind, float] = {
    "configuration": 1.0, "deployment": 1.0, "migration": 1.0, "image": 0.9, "package": 0.8, "reboot": 0.8,
    "commit": 0.6, "run": 0.5, "window": 0.5, "log": 0.4,
}  # fmt: skip
_HORIZON_S = 24 * 3600.0
_HALF_LIFE_S = 3600.0


def rank(
    changes: tuple[Change, ...],
    service: str,
    hosts: tuple[str, ...],
    depends_on: tuple[str, ...],
    flipped_at: float,
    grace_s: float = 2.0,
) -> tuple[Suspect, ...]:
    """Changes of the 24 h before `flipped_at` as suspects, best first.

    Relation weighs first (same service 1.0, dependency 0.6, same host 0.5, else 0.15), then kind, then age with a
    half-life of one hour. `grace_s`: clocks and file times are coarse, so a change dated this little after the
    flip still counts; what came later may be the repair, never the cause.
    """
    suspects = []
    for change in changes:
        age = flipped_at - change.at
        if change.own or age > _HORIZON_S or age < -grace_s:
            continue
        relation, phrase = _relation(change, service, hosts, depends_on)
        freshness = 0.5 ** (max(age, 0.0) / _HALF_LIFE_S)
        score = relation * _KIND_WEIGHT[change.kind] * (0.25 + 0.75 * freshness)
        suspects.append(Suspect(change, round(score, 2), f"{_before(age)}, {phrase}, by {change.actor}"))
    return tuple(sorted(suspects, key=lambda suspect: (-suspect.score, -suspect.change.at)))


def _relation(change: Change, service: str, hosts: tuple[str, ...], depends_on: tuple[str, ...]) -> tuple[float, str]:
    if change.service == service:
        return 1.0, "same service"
    if change.service and change.service in depends_on:
        return 0.6, f"{change.service}, on which {service} depends"
    if change.host and change.host in hosts:
        return 0.5, f"same host {change.host}"
    return 0.15, "no known relation"


def _before(age: float) -> str:
    from watchkeeper.core.times import format_duration

    return f"{format_duration(max(age, 0.0))} before"
