"""Past incidents like this one, and what proved to work then."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from watchkeeper.core.incidents.values import Incident

PROVEN, UNPROVEN, FAILED = "proven", "unproven", "failed"
_VARIES = re.compile(r"\b[0-9a-f]{8,}\b|\d+(?:[.,:]\d+)*")
_QUOTED = re.compile(r"'[^']{0,200}'|\"[^\"]{0,200}\"")
LONGEST = 160
NEAR = 0.4
"""From this likeness on what was tried then counts as tried for this."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of an incident in short. response: ``service/runbook-path``."""

    incident: int
    id: int
    response: str
    state: str
    created_at: float
    ended_at: float | None
    last_change_at: float | None

    @property
    def runbook(self) -> str:
        """The path of its runbook."""
        return self.response.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Similar:
    """A closed incident like this one. score 0..1; why: one line; fixed_by: runbook of the run that was proven, else ""."""

    incident: Incident
    score: float
    why: str
    lasted_s: float
    fixed_by: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a runbook did in incidents like this. proven of tried runs that changed something; takes_s: median of the proven."""

    runbook: str
    proven: int
    tried: int
    takes_s: float | None
    last_proven_at: float | None


def pattern_of(reason: str) -> str:
    """A reason without what differs from time to time: numbers, hashes and quoted names; at most LONGEST characters."""
    head = reason.partition("; ")[0]
    return " ".join(_VARIES.sub("#", _QUOTED.sub("'#'", head)).split())[:LONGEST].casefold()


def rank(incident: Incident, past: Iterable[Incident], runs: Sequence[PastRun], limit: int = 5) -> tuple[Similar, ...]:
    """The past incidents most like this one, best first; of equals the newest."""
    fixed = {run.incident: run.runbook for run in runs if run.state == PROVEN and run.last_change_at is not None}
    found = []
    for each in past:
        score, why = likeness(incident, each)
        if each.id != incident.id and score > 0:
            lasted = max((each.closed_at or each.opened_at) - each.opened_at, 0.0)
            found.append(Similar(each, score, why, lasted, fixed.get(each.id, "")))
    found.sort(key=lambda one: (-one.score, -(one.incident.closed_at or 0.0)))
    return tuple(found[:limit])


def likeness(incident: Incident, past: Incident) -> tuple[float, str]:
    """(0..1, why): the same check of the same service says most, the same reason elsewhere least."""
    same_service = past.service == incident.service and past.host == incident.host
    same_service = same_service or bool(incident.service and past.service == incident.service)
    same_reason = bool(incident.pattern) and past.pattern == incident.pattern
    checks = {held.check for held in incident.checks} & {held.check for held in past.checks}
    if same_service and checks and same_reason:
        return 1.0, f"{sorted(checks)[0]} failed for the same reason"
    if same_service and checks:
        return 0.8, f"{sorted(checks)[0]} failed as well"
    if same_service and same_reason:
        return 0.7, f"{incident.service or incident.host} failed for the same reason"
    if same_service:
        return 0.3, f"another check of {incident.service or incident.host}"
    return (0.4, f"{past.service or past.host} failed for the same reason") if same_reason else (0.0, "")


def remedies(runs: Iterable[PastRun], since_incidents: Iterable[int]) -> tuple[Remedy, ...]:
    """What was tried in these incidents and how often it was proven; the most often proven first."""
    wanted = set(since_incidents)
    by_runbook: dict[str, list[PastRun]] = {}
    for run in runs:
        if run.incident in wanted and run.last_change_at is not None and run.state in (PROVEN, UNPROVEN, FAILED):
            by_runbook.setdefault(run.runbook, []).append(run)
    found = []
    for runbook, tried in by_runbook.items():
        good = [run for run in tried if run.state == PROVEN]
        took = [run.ended_at - run.created_at for run in good if run.ended_at is not None]
        last = max((run.ended_at or 0.0 for run in good), default=None)
        found.append(Remedy(runbook, len(good), len(tried), median(took) if took else None, last))
    return tuple(sorted(found, key=lambda each: (-each.proven, each.tried, each.runbook)))
