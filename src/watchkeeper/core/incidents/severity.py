"""The severity policy: which level an incident has, and until when somebody should have answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

from watchkeeper.core.checks.values import State
from watchkeeper.core.hours import DAY_S, Hours, after_open_seconds, is_open, local_date, moment, next_close, next_open
from watchkeeper.core.incidents.impact import dependents
from watchkeeper.core.incidents.values import Incident, Severity
from watchkeeper.core.inventory.values import Inventory

LEVELS: tuple[Severity, ...] = ("P1", "P2", "P3", "P4")
Within = float | Literal["same day", "next business day"]


@dataclass(frozen=True, slots=True)
class Condition:
    """When a level applies: everything that is given must hold. Empty: always.

    service, check, kind, owner: names or patterns (``backup*``), one of which must match. tier: these tiers.
    hours: ``open`` or ``closed``. extent: ``whole`` when every host of the service fails, ``part`` when only some do.
    blocks: at least so many services depend on it. unreachable: it is (or is not) a host that cannot be reached.
    """

    state: tuple[State, ...] = ()
    tier: tuple[int, ...] = ()
    service: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    label: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hours: Literal["open", "closed"] | None = None
    extent: Literal["whole", "part"] | None = None
    blocks: int = 0
    unreachable: bool | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One severity. when: one of these must hold. within: until when somebody acknowledges; None promises nothing.

    in_hours: the time is counted within the team's hours only.
    """

    name: Severity
    when: tuple[Condition, ...]
    within: Within | None = None
    in_hours: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of something that fails. checks: names of its failing checks, as in the service's file."""

    state: State
    tier: int
    service: str = ""
    checks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True
    blocks: int = 0
    unreachable: bool = False


DEFAULT = (
    Level("P1", (Condition(state=(State.CRIT,), tier=(1,), unreachable=False),)),
    Level("P2", (Condition(state=(State.CRIT,)),)),
    Level("P3", (Condition(),)),
)
"""What holds where the team says nothing: P1 for CRIT of tier 1, P2 for other CRIT and for hosts, P3 for the rest."""


def facts_of(incident: Incident, inventory: Inventory) -> Facts:
    """What the policy looks at. Checks that have proven well again no longer count, unless all have."""
    failing = [held for held in incident.checks if held.proven_at is None] or list(incident.checks)
    state = State.CRIT if any(held.state is State.CRIT for held in failing) else State.WARN
    checks = [inventory.checks[held.check] for held in failing if held.check in inventory.checks]
    service = inventory.services.get(incident.service)
    if not incident.service:
        here = [each for each in inventory.services.values() if incident.host in each.hosts]
        host = inventory.hosts.get(incident.host or "")
        tier = min((each.tier for each in here), default=2)
        named = {each.name for each in here} | {name for each in here for name, *_ in dependents(each.name, inventory)}
        labels = host.labels if host is not None else {}
        return Facts(State.CRIT, tier, "", ("reachable",), (), "", labels, True, len(named), True)
    if service is None:
        return Facts(state, 2, incident.service)
    hosts = {check.host for check in checks}
    return Facts(
        state=state,
        tier=service.tier,
        service=service.name,
        checks=tuple(check.name for check in checks),
        kinds=tuple(check.probe.kind for check in checks),
        owner=service.owner,
        labels=service.labels,
        whole=len(service.hosts) < 2 or set(service.hosts) <= hosts or any("@" not in check.key for check in checks),
        blocks=len(dependents(service.name, inventory)),
    )


def graded(incident: Incident, inventory: Inventory, at: float, worst: Severity | None = None) -> Incident:
    """The incident with what the policy says: its severity, no milder than `worst`, and until when somebody answers.

    A severity that a person set stays; only the time to answer is read anew.
    """
    team = inventory.team
    levels = team.severities or DEFAULT
    severity = incident.severity
    if not incident.severity_by:
        severity = severity_of(levels, facts_of(incident, inventory), team.hours, at)
        severity = severity if worst is None else min(severity, worst)
    due = respond_by(levels, severity, team.hours, team.timezone, incident.opened_at)
    return replace(incident, severity=severity, respond_by=due)


def severity_of(levels: Sequence[Level], facts: Facts, hours: Hours | None, at: float) -> Severity:
    """The first level, from P1 on, one of whose conditions holds; where none does, what holds without a policy."""
    for level in sorted(levels, key=lambda each: each.name):
        if any(holds(condition, facts, hours, at) for condition in level.when):
            return level.name
    return severity_of(DEFAULT, facts, hours, at) if levels is not DEFAULT else "P3"


def holds(condition: Condition, facts: Facts, hours: Hours | None, at: float) -> bool:
    """Whether everything that this condition names is so."""
    if condition.state and facts.state not in condition.state:
        return False
    if condition.tier and facts.tier not in condition.tier:
        return False
    listed: tuple[tuple[tuple[str, ...], Collection[str]], ...] = (
        (condition.service, (facts.service,)),
        (condition.check, facts.checks),
        (condition.kind, facts.kinds),
        (condition.owner, (facts.owner,)),
    )
    if any(patterns and not _matches(patterns, values) for patterns, values in listed):
        return False
    if any(not _matches(wanted, (facts.labels.get(name, ""),)) for name, wanted in condition.label.items()):
        return False
    if condition.hours is not None and (hours is None or is_open(hours, at)) is not (condition.hours == "open"):
        return False
    if condition.extent is not None and facts.whole is not (condition.extent == "whole"):
        return False
    if condition.unreachable is not None and facts.unreachable is not condition.unreachable:
        return False
    return facts.blocks >= condition.blocks


def _matches(patterns: Collection[str], values: Collection[str]) -> bool:
    return any(fnmatchcase(value, pattern) for value in values if value for pattern in patterns)


def respond_by(
    levels: Sequence[Level], severity: Severity, hours: Hours | None, timezone: str, at: float
) -> float | None:
    """Until when an incident of this severity that opened at `at` should be acknowledged; None without a promise."""
    level = next((each for each in levels if each.name == severity), None)
    if level is None or level.within is None:
        return None
    if level.within == "same day":
        return _end_of_day(hours, timezone, at)
    if level.within == "next business day":
        return _end_of_next_day(hours, timezone, at)
    if level.in_hours and hours is not None:
        return after_open_seconds(hours, at, level.within)
    return at + level.within


def _end_of_day(hours: Hours | None, timezone: str, at: float) -> float:
    """The end of the working day that is going on, else of the next one; without hours midnight."""
    closes = next_close(hours, at) if hours is not None else None
    return closes if closes is not None else moment(local_date(at, timezone), DAY_S, timezone)


def _end_of_next_day(hours: Hours | None, timezone: str, at: float) -> float:
    """The end of the next working day that begins after `at`; without hours Monday to Friday count, to midnight."""
    days = hours or Hours((0, 1, 2, 3, 4), 0, DAY_S, timezone)
    midnight = moment(local_date(at, days.timezone), DAY_S, days.timezone)
    opened = next_open(days, midnight)
    if opened is None:
        return midnight + DAY_S
    return moment_of_close(days, opened)


def moment_of_close(hours: Hours, opened: float) -> float:
    """When the hours that hold at `opened` end; hours that never end are cut at midnight."""
    midnight = moment(local_date(opened, hours.timezone), DAY_S, hours.timezone)
    closes = next_close(hours, opened)
    return midnight if closes is None or (hours.opens == 0 and hours.closes == DAY_S) else closes


def promise_words(respond_by: float, at: float, now: float, answered: float | None) -> str:
    """The response time in words, without the clock time: ``4 min left``, ``late by 3 min``, ``answered in time``."""
    from watchkeeper.core.times import format_duration

    if answered is not None:
        if answered <= respond_by:
            return f"answered after {format_duration(max(answered - at, 0.0))}, in time"
        return f"answered late by {format_duration(answered - respond_by)}"
    if now <= respond_by:
        return f"{format_duration(_whole(respond_by - now))} left"
    return f"late by {format_duration(_whole(now - respond_by))}"


def _whole(seconds: float) -> float:
    """Whole minutes from a minute on, so that a page does not change every second."""
    return float(round(seconds)) if seconds < 60 else seconds // 60 * 60
