"""What a schedule is made of. Times are epoch seconds; what people write as local time is made one when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watchkeeper.core.hours import Hours

Reason = Literal["rotation", "holiday", "override", "nobody"]
"""Why somebody is on call: the rotation's turn, the cover of a holiday, or an override."""


@dataclass(frozen=True, slots=True)
class Layer:
    """People in turn. every_s: local seconds between two hand-overs, so a day is a day also when the clocks change.

    anchor: local date of the hand-over that begins the turn of the first person; hand_over: seconds after its midnight.
    starts: local date before whose hand-over nobody of this layer is on call, "" for always. restrict: only within these.
    """

    rotation: tuple[str, ...]
    every_s: int
    anchor: str
    hand_over: int
    starts: str = ""
    restrict: Hours | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else for a while. id 0: it stands in the file. The one made last wins; one of the file loses to any command."""

    id: int
    schedule: str
    person: str
    since: float
    until: float
    made_at: float = 0.0
    made_by: str = ""
    why: str = ""
    removed_at: float | None = None
    removed_by: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who is on call: the newest override, else who covers a holiday, else the first layer that has somebody.

    holidays: local dates in order; the n-th is covered by the n-th of `cover`, and again from its start.
    """

    name: str
    timezone: str
    layers: tuple[Layer, ...]
    holidays: tuple[str, ...] = ()
    cover: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who may be on call by the file, in the order they are named."""
        named = [name for layer in self.layers for name in layer.rotation]
        return tuple(dict.fromkeys([*named, *self.cover, *(each.person for each in self.overrides)]))


@dataclass(frozen=True, slots=True)
class Shift:
    """A span with one person on call, or with nobody (person ""). The end does not count."""

    schedule: str
    person: str
    since: float
    until: float
    reason: Reason
    override: int = 0


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call at a moment, since when and until when that person is; None: further away than a year.

    person: "" for nobody.
    """

    schedule: str
    person: str
    since: float | None
    until: float | None
    reason: Reason
    following: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who was last told that a schedule is his, so that each hand-over is told once."""

    schedule: str
    person: str
    since: float
