"""Whether somebody is on call whenever a message may need it: the gaps, found before they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from watchkeeper.core.escalations import Step
from watchkeeper.core.hours import Hours, is_open, spans
from watchkeeper.core.oncall.rotation import shifts
from watchkeeper.core.oncall.values import Override
from watchkeeper.core.routing import DEFAULT, Route, Telling, WhenOpen


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which a schedule has nobody, though a policy would ask it."""

    schedule: str
    since: float
    until: float


def gaps(telling: Telling, hours: Hours | None, overrides: Sequence[Override], since: float, until: float) -> list[Gap]:
    """All gaps of schedules that policies name, in order of time."""
    found: list[Gap] = []
    for name, schedule in telling.schedules.items():
        if not any(_uses(telling, name)):
            continue
        for shift in shifts(schedule, overrides, since, until):
            if not shift.person or not _reachable(telling, shift.person):
                found += _needed_parts(telling, hours, name, shift.since, shift.until)
    return sorted(found, key=lambda gap: (gap.since, gap.schedule))


def is_needed(telling: Telling, hours: Hours | None, schedule: str, at: float) -> bool:
    """Whether a message of this moment could be for who is on call there."""
    opened = hours is None or is_open(hours, at)
    return any(
        (not step.business or opened) and any(_at(each, opened) for each in whens)
        for step, whens in _uses(telling, schedule)
    )


def _reachable(telling: Telling, person: str) -> bool:
    contact = telling.people.get(person)
    return contact is not None and bool(contact.channels)


def _uses(telling: Telling, schedule: str) -> Iterator[tuple[Step, tuple[WhenOpen, ...]]]:
    """Every step that names a schedule, with the hours at which routes lead to its policy."""
    routed = _routed(telling.routes)
    for name, policy in telling.policies.items():
        whens = (*routed.get(name, ()), *(("",) if name == DEFAULT and not _all_routed(telling.routes) else ()))
        for step in policy.steps if whens else ():
            if any(target.kind == "oncall" and target.name == schedule for target in step.targets):
                yield step, whens


def _routed(routes: Sequence[Route]) -> Mapping[str, tuple[WhenOpen, ...]]:
    found: dict[str, tuple[WhenOpen, ...]] = {}
    for route in routes:
        if route.escalation:
            found[route.escalation] = (*found.get(route.escalation, ()), route.hours)
    return found


def _all_routed(routes: Sequence[Route]) -> bool:
    return any(route.matches_all for route in routes)


def _at(when: WhenOpen, opened: bool) -> bool:
    return when == "" or opened == (when == "business")


def _needed_parts(telling: Telling, hours: Hours | None, schedule: str, since: float, until: float) -> Iterator[Gap]:
    """The parts of a span in which the schedule is asked; business hours divide it."""
    edges = {since, until}
    if hours is not None:
        for opened, closed in spans(hours, since, until):
            edges |= {opened, closed}
    held: Gap | None = None
    for start, end in pairwise(sorted(edges)):
        if not is_needed(telling, hours, schedule, start):
            continue
        if held is not None and held.until == start:
            held = Gap(schedule, held.since, end)
            continue
        if held is not None:
            yield held
        held = Gap(schedule, start, end)
    if held is not None:
        yield held
