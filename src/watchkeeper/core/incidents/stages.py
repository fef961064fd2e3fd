"""The clock of an incident: when it failed, was seen, told, acknowledged, diagnosed, fixed and proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from watchkeeper.core.incidents.values import Ending, Incident, Status

NAMES = ("detected", "told", "acknowledged", "diagnosed", "fixed", "proven")
WORDS: Mapping[str, str] = {
    "detected": "Detected", "told": "Told", "acknowledged": "Acknowledged", "diagnosed": "Diagnosed", "fixed": "Fixed",
    "proven": "Proven",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. at: None while (or since) it was not reached. after_s: seconds from the first bad reading to it."""

    name: str
    at: float | None
    after_s: float | None


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Medians over the incidents of a time; a stage that none reached is None.

    counted: incidents closed in that time. in_time, late: of those with a promised response time, how many were
    acknowledged (or proven well) before it, and how many were not.
    """

    since_at: float
    until_at: float
    counted: int
    medians: Mapping[str, float | None]
    reached: Mapping[str, int]
    in_time: int
    late: int


def stages(incident: Incident, told: Sequence[tuple[float, float]] = ()) -> tuple[Stage, ...]:
    """The stages of the present opening, in order.

    told: (made, delivered) of its messages; those of earlier openings do not count. The clock starts at the first bad
    reading; where that is not known, at the flip. A stage of a later time than the end (a late acknowledgement) stays.
    """
    began = began_at(incident)
    flipped = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
    told_at = min((at for made, at in told if made >= incident.opened_at - 1.0), default=None)
    times = {
        "detected": max(flipped, began),
        "told": told_at,
        "acknowledged": incident.acknowledged_at,
        "diagnosed": incident.diagnosed_at,
        "fixed": incident.last_change_at if incident.fix_started_at is not None else None,
        "proven": _proven(incident),
    }
    return tuple(Stage(name, at, None if at is None else max(at - began, 0.0)) for name, at in times.items())


def began_at(incident: Incident) -> float:
    """When it began: the first bad reading, else the first flip of this opening."""
    flipped = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
    return min(incident.failed_at or flipped, flipped)


def _proven(incident: Incident) -> float | None:
    """When the last of its checks had proven; a person who closes without proof proves nothing."""
    if incident.status is not Status.CLOSED or incident.ending is Ending.UNPROVEN:
        return None
    return max((held.proven_at for held in incident.checks if held.proven_at is not None), default=incident.closed_at)


def figures(
    found: Iterable[tuple[Incident, Sequence[tuple[float, float]]]], since: float, until: float
) -> StageFigures:
    """Medians per stage of (incident, its told times), and how the promised response times were kept."""
    took: dict[str, list[float]] = {name: [] for name in NAMES}
    counted = in_time = late = 0
    for incident, told in found:
        counted += 1
        for stage in stages(incident, told):
            if stage.after_s is not None:
                took[stage.name].append(stage.after_s)
        kept = kept_promise(incident)
        in_time += kept is True
        late += kept is False
    medians = {name: round(median(values), 3) if values else None for name, values in took.items()}
    reached = {name: len(values) for name, values in took.items()}
    return StageFigures(since, until, counted, medians, reached, in_time, late)


def kept_promise(incident: Incident, now: float | None = None) -> bool | None:
    """Whether somebody acknowledged in time (or it was over by then); None without a promise, and while there is time."""
    if incident.respond_by is None:
        return None
    answered = min((at for at in (incident.acknowledged_at, incident.closed_at) if at is not None), default=None)
    if answered is not None:
        return answered <= incident.respond_by
    return False if now is not None and now > incident.respond_by else None
