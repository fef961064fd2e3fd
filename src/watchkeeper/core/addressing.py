"""From a step of a policy to channels: who is meant by its targets at this moment, and what when that is nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchkeeper.core.escalations import Policy, Target
from watchkeeper.core.hours import is_open
from watchkeeper.core.routing import Contact, Telling

if TYPE_CHECKING:
    from watchkeeper.core.inventory.values import Team

EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Way:
    """One message to one addressee. to: who, for people; channels: in the order they are tried until one takes it."""

    to: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addressed:
    """Who is told. unmanned: schedules that have nobody; fallback: everybody was taken as well.

    spared: people who are not told since it is outside their hours.
    """

    ways: tuple[Way, ...]
    unmanned: tuple[str, ...] = ()
    fallback: bool = False
    spared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Person:
    contact: Contact
    said: str


def team_channels(team: Team) -> tuple[str, ...]:
    """The team's own list: what is tried without any policy, and behind the channels of one person."""
    return team.escalation or tuple(channel.name for channel in team.channels)


def address(
    team: Team, policy: Policy | None, number: int, on_call: Mapping[str, str], severity: str, now: float
) -> Addressed:
    """The ways of one step. policy None, or one without a name: a plain list of channels, tried in order.

    on_call: schedule -> person who has it now, "" or missing for nobody. A step that reaches nobody reaches everybody.
    """
    if policy is None or not policy.name:
        listed = tuple(target.name for target in policy.steps[0].targets) if policy is not None else team_channels(team)
        return Addressed((Way("", listed),) if listed else ())
    step = policy.step(number)
    unmanned = tuple(
        target.name for target in step.targets if target.kind == "oncall" and not _manned(team.telling, target, on_call)
    )
    found = list(_found(team, step.targets, on_call))
    people = [each for each in found if isinstance(each, _Person)]
    awake = [each for each in people if severity == "P1" or _within(each.contact, now)]
    others = [each for each in found if isinstance(each, Way)]
    kept = awake if awake or others else people
    spared = tuple(each.contact.name for each in people if each not in kept)
    ways = [*(_person_way(team, each) for each in kept), *others]
    fallback = not ways or bool(unmanned)
    if fallback:
        ways += everybody(team)
    return Addressed(_distinct(ways), unmanned, fallback, spared)


def everybody(team: Team) -> list[Way]:
    """Every channel of the team, each with a message of its own."""
    return [Way(EVERYBODY, (channel.name,)) for channel in team.channels]


def person_way(team: Team, name: str) -> Way | None:
    """How one person is reached; None for one without channels."""
    contact = team.telling.people.get(name)
    return _person_way(team, _Person(contact, name)) if contact is not None and contact.channels else None


def _found(team: Team, targets: Sequence[Target], on_call: Mapping[str, str]) -> Iterator[_Person | Way]:
    telling = team.telling
    for target in targets:
        if target.kind == "channel":
            yield Way(target.name, _then_others(team, (target.name,)))
        elif target.kind == "everybody":
            yield from everybody(team)
        elif target.kind == "group":
            yield from _people(telling, telling.groups.get(target.name, ()), f" ({target.name})")
        elif target.kind == "person":
            yield from _people(telling, (target.name,), "")
        else:
            yield from _people(telling, (on_call.get(target.name, ""),), f" (on call {target.name})")


def _people(telling: Telling, names: Sequence[str], said: str) -> Iterator[_Person]:
    for name in names:
        contact = telling.people.get(name)
        if contact is not None and contact.channels:
            yield _Person(contact, name + said)


def _manned(telling: Telling, target: Target, on_call: Mapping[str, str]) -> bool:
    return any(_people(telling, (on_call.get(target.name, ""),), ""))


def _within(contact: Contact, now: float) -> bool:
    return contact.hours is None or is_open(contact.hours, now)


def _person_way(team: Team, person: _Person) -> Way:
    return Way(person.said, _then_others(team, person.contact.channels))


def _then_others(team: Team, first: tuple[str, ...]) -> tuple[str, ...]:
    """These channels, then the team's list: what belongs to nobody before what belongs to somebody else."""
    owned = {name for contact in team.telling.people.values() for name in contact.channels}
    rest = [name for name in team_channels(team) if name not in first]
    return (*first, *sorted(rest, key=lambda name: name in owned))


def _distinct(ways: Sequence[Way]) -> tuple[Way, ...]:
    """Each first channel once: somebody named twice is told once."""
    found: dict[str, Way] = {}
    for way in ways:
        found.setdefault(way.channels[0], way)
    return tuple(found.values())
