"""What a drill scenario is: how it breaks the fleet, what is expected of watchkeeper, how it is judged and put right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from watchkeeper.adapters.sample.places import Places

Expected = Literal["closed", "escalated"]


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is there to be judged when a scenario has ended.

    at: when it was broken. incident: the incident of it, as the API shows it. incidents: all incidents (short form)
    that were opened since the break, this one too. pages: the messages that reached the duty phone since the break
    (`kind`, `title`, `incident`, ...). outputs: what the steps of the incident's runs said, one after the other.
    """

    places: Places
    at: float
    incident: Mapping[str, Any]
    incidents: Sequence[Mapping[str, Any]]
    pages: Sequence[Mapping[str, Any]]
    outputs: str = ""

    def tried(self) -> list[Mapping[str, Any]]:
        """The runs of the incident that changed something."""
        return [run for run in self.incident["runs"] if run["fix_started_at"]]

    def ran(self, step: str) -> bool:
        """Whether a step of this id was started in any run of the incident."""
        steps = [each for run in self.incident["runs"] for each in run["steps"] if each["plan"]["id"] == step]
        return any(each["started_at"] for each in steps)

    def missing_words(self, *words: str) -> str:
        """For `judge`: that the diagnosis does not show these words; "" when it shows them all."""
        absent = [word for word in words if word not in self.outputs]
        return f"the diagnosis does not show {' or '.join(absent)}" if absent else ""


def _nothing_else(_: Aftermath) -> str:
    return ""


def _possible() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to break the fleet.

    service: whose incident it becomes, "" for the incident of `host`. say: what was done, for people. next_step: what
    a person does when told, or after a runbook closed it. works: whether an order goes through at the end, before
    anything is put right by hand. linger_s: how long to look on after it was escalated, for what must not happen and
    may come late.
    break_it: breaks, returns when (epoch seconds). again: for a trouble that comes back: breaks a second time once the
    first incident is closed. judge: what else must be true at the end; returns what is not, "" when all is well.
    missing: why it cannot be played on this machine, "" when it can. weight_s: about how long it takes, for the order
    of play.
    """

    name: str
    expected: Expected
    service: str
    say: str
    break_it: Callable[[Places], float]
    next_step: str = ""
    works: bool = True
    again: Callable[[Places], float] | None = None
    judge: Callable[[Aftermath], str] = _nothing_else
    missing: Callable[[], str] = _possible
    weight_s: float = 10.0
    linger_s: float = 0.0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Scenarios that break the same part of the fleet.

    mend: puts right what they broke, whatever the state, at once; returns the programs (supervisor's names) that must
    be restarted for it. It must be safe to call on a fleet that is well, and must not wait for anything.
    responses: the responses that ask to act by themselves; `wk demo` adds a grant for each.
    """

    scenarios: tuple[Scenario, ...]
    mend: Callable[[Places], Sequence[str]]
    responses: tuple[str, ...] = ()


def nothing_to_mend(_: Places) -> Sequence[str]:
    """For families whose programs are only dead: the general part of healing starts them."""
    return ()
