"""Routing: which escalation policy or channels a message goes to. The first route that matches decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from watchkeeper.core.escalations import Policy, Step, Target
from watchkeeper.core.hours import Hours, is_open

if TYPE_CHECKING:
    from watchkeeper.core.incidents.values import Incident
    from watchkeeper.core.inventory.values import Inventory, Team
    from watchkeeper.core.oncall.values import Schedule

DEFAULT = "default"
"""The policy of what no route matches; without it the team's list of channels."""
WhenOpen = Literal["", "business", "outside"]


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as messages reach him: channels in the order they are tried.

    hours: outside of them only a P1 reaches this person, unless nobody else would be told.
    """

    name: str
    channels: tuple[str, ...] = ()
    timezone: str = "UTC"
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """What a message must be like, and where it goes then; an empty field matches everything.

    services, hosts, owners: names, ``*`` stands for any letters. labels: of the service, its hosts or the host of the
    incident. hours: within or outside the business hours. Either a policy, or channels in the order they are tried.
    """

    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severities: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    hours: WhenOpen = ""
    kinds: tuple[str, ...] = ()
    escalation: str = ""
    channels: tuple[str, ...] = ()

    @property
    def matches_all(self) -> bool:
        """Whether no message gets past it."""
        return not any((self.services, self.hosts, self.labels, self.severities, self.owners, self.hours, self.kinds))


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told and when, as watchkeeper.yaml says it; all empty for a team that only lists channels."""

    routes: tuple[Route, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    people: Mapping[str, Contact] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """What routes look at. labels: every value that a label has on the service or its hosts."""

    service: str
    hosts: tuple[str, ...]
    labels: Mapping[str, frozenset[str]]
    severity: str
    owner: str
    kind: str


def subject_of(inventory: Inventory, incident: Incident, kind: str) -> Subject:
    """An incident as routes see it. One of a host has the labels of the host."""
    service = inventory.services.get(incident.service)
    hosts = tuple(dict.fromkeys([*((incident.host,) if incident.host else ()), *(service.hosts if service else ())]))
    labels: dict[str, set[str]] = {}
    owners = [service.labels] if service else []
    owners += [inventory.hosts[name].labels for name in hosts if name in inventory.hosts]
    for each in owners:
        for name, value in each.items():
            labels.setdefault(name, set()).add(value)
    frozen = {name: frozenset(values) for name, values in labels.items()}
    owner = service.owner if service else ""
    return Subject(incident.service, hosts, frozen, incident.severity, owner, kind)


def matches(route: Route, subject: Subject, hours: Hours | None, now: float) -> bool:
    """Whether a route takes this message at `now`."""
    return (
        _named(route.services, subject.service)
        and (not route.hosts or any(_named(route.hosts, host) for host in subject.hosts))
        and all(_labelled(subject.labels.get(name), wanted) for name, wanted in route.labels.items())
        and (not route.severities or subject.severity in route.severities)
        and _named(route.owners, subject.owner)
        and (not route.kinds or subject.kind in route.kinds)
        and _at_hours(route.hours, hours, now)
    )


def _named(patterns: tuple[str, ...], name: str) -> bool:
    return not patterns or any(fnmatchcase(name, each) for each in patterns)


def _labelled(values: frozenset[str] | None, wanted: tuple[str, ...]) -> bool:
    return values is not None and any(fnmatchcase(value, each) for value in values for each in wanted)


def _at_hours(when: WhenOpen, hours: Hours | None, now: float) -> bool:
    if not when:
        return True
    opened = hours is None or is_open(hours, now)
    return opened if when == "business" else not opened


def policy_for(team: Team, subject: Subject, now: float) -> Policy | None:
    """The policy of a message: of the first route that matches, else the default one; None: the team's list of channels.

    A route to channels is a policy of one step without a name.
    """
    telling = team.telling
    for route in telling.routes:
        if matches(route, subject, team.hours, now):
            found = telling.policies.get(route.escalation)
            return found if found is not None else straight(route.channels)
    return telling.policies.get(DEFAULT)


def straight(channels: tuple[str, ...]) -> Policy:
    """A policy of one step: these channels, in the order they are tried."""
    return Policy("", (Step(0.0, tuple(Target("channel", name) for name in channels)),))
