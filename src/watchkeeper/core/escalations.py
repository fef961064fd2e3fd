"""Escalation: steps that follow each other until somebody acknowledges. Pure: every time is passed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from watchkeeper.core.hours import Hours, after_open_seconds

TargetKind = Literal["channel", "person", "oncall", "group", "everybody"]
LATE_S = 5.0
"""A step that is told later than this after its time says so."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who a step tells. name: of the channel, person, schedule or group; "" for everybody."""

    kind: TargetKind
    name: str = ""

    def __str__(self) -> str:
        return f"on call {self.name}" if self.kind == "oncall" else self.name or "everybody"


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told, and how long after the incident was opened. business: only seconds within business hours count."""

    after_s: float
    targets: tuple[Target, ...]
    business: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Steps in order. repeat: how often they are walked again, each time `repeat_after_s` after the last step.

    acknowledged_for_s: an acknowledgement ends after this time, and the steps go on; None: it holds.
    """

    name: str
    steps: tuple[Step, ...]
    repeat: int = 0
    repeat_after_s: float = 0.0
    acknowledged_for_s: float | None = None

    @property
    def length(self) -> int:
        """How many steps there are with all repetitions."""
        return len(self.steps) * (self.repeat + 1)

    def step(self, number: int) -> Step:
        """The step of a number, which counts on through the repetitions."""
        return self.steps[number % len(self.steps)]

    def words(self, number: int) -> str:
        """``step 2 of urgent``; in a repetition ``step 2 of urgent, round 3``."""
        rounds, place = divmod(number, len(self.steps))
        return f"step {place + 1} of {self.name}" + (f", round {rounds + 1}" if rounds else "")


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where one incident stands on its policy. step: number of the next step, 0 while nobody was told.

    opening: how often the incident had been reopened when this began. started_at: from when its steps count; moved by
    the time in which it was muted or acknowledged. severity: that the policy was chosen by. due_at: of the next step,
    None after the last; while it is paused: when the acknowledgement ends. paused_at: since when nothing is counted, None
    while it runs; why: ``muted``, ``acknowledged`` or ``merged``. told_at: when the first step was told.
    """

    incident: int
    opening: int
    policy: str
    severity: str
    started_at: float
    step: int
    due_at: float | None
    paused_at: float | None = None
    paused_why: str = ""
    told_at: float | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The step to take now: its number, those before it that were due and never told, and the ladder after it."""

    number: int
    missed: tuple[int, ...]
    due_at: float
    after: Ladder


def due_at(policy: Policy, number: int, started_at: float, hours: Hours | None) -> float | None:
    """When a step is due; None after the last. Never before the step above it.

    hours: the business hours; without any, or when they never open, a step of business hours counts every second.
    """
    if number >= policy.length:
        return None
    first = max(number - len(policy.steps), 0)  # a whole round back is enough: rounds only go on
    return max(_own_time(policy, each, started_at, hours) for each in range(first, number + 1))


def _own_time(policy: Policy, number: int, started_at: float, hours: Hours | None) -> float:
    step = policy.step(number)
    once_s = policy.steps[-1].after_s + policy.repeat_after_s
    after_s = step.after_s + (number // len(policy.steps)) * once_s
    if step.business and hours is not None:
        at = after_open_seconds(hours, started_at, after_s)
        if at is not None:
            return at
    return started_at + after_s


def begin(policy: Policy, incident: int, opening: int, severity: str, started_at: float, hours: Hours | None) -> Ladder:
    """A ladder on which nobody was told yet."""
    return Ladder(incident, opening, policy.name, severity, started_at, 0, due_at(policy, 0, started_at, hours))


def move(ladder: Ladder, policy: Policy, now: float, hours: Hours | None) -> Move | None:
    """What is to be told now; None while nothing is due. Of several steps that are due the last is taken, the others missed."""
    if ladder.paused_at is not None or ladder.due_at is None or ladder.due_at > now:
        return None
    number, due = ladder.step, ladder.due_at
    missed: list[int] = []
    while (following := due_at(policy, number + 1, ladder.started_at, hours)) is not None and following <= now:
        missed.append(number)
        number, due = number + 1, following
    if number >= policy.length:  # the policy was made shorter meanwhile
        return None
    told = now if ladder.told_at is None else ladder.told_at
    after = replace(ladder, step=number + 1, due_at=following, told_at=told)
    return Move(number, tuple(missed), due, after)


def pause(ladder: Ladder, now: float, why: str, until: float | None = None) -> Ladder:
    """The ladder while nothing is counted; an earlier beginning of a pause stays. until: when it ends by itself."""
    since = now if ladder.paused_at is None else ladder.paused_at
    return replace(ladder, paused_at=since, paused_why=why, due_at=until)


def go_on(ladder: Ladder, policy: Policy, now: float, hours: Hours | None) -> Ladder:
    """The ladder that runs again: what was left of the time to the next step is left still."""
    if ladder.paused_at is None:
        return ladder
    started = ladder.started_at + max(now - ladder.paused_at, 0.0)
    due = due_at(policy, ladder.step, started, hours)
    return replace(ladder, started_at=started, due_at=due, paused_at=None, paused_why="")


def lapse(ladder: Ladder, policy: Policy, now: float, hours: Hours | None) -> Ladder:
    """The acknowledgement ended: the next step is due at once, or the last one again when all were told."""
    again = replace(ladder, step=min(ladder.step, policy.length - 1))
    return replace(go_on(again, policy, now, hours), due_at=now)
