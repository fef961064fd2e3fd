"""Which checks this node asks, where several nodes share one inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from watchkeeper.core.checks import Settled
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.nodes import owner
from watchkeeper.services.ports import Clock

WORD_S = 15.0
"""How long a watch waits for the first word of its main; then it asks everything, since two owners are no harm."""


class Taken(Protocol):
    """What is known of checks that were taken, see `store.readings.taken`."""

    @property
    def settled(self) -> Mapping[str, Settled]: ...

    @property
    def rules(self) -> Mapping[str, str]: ...

    @property
    def last_asked(self) -> Mapping[str, float]: ...


class TakingReadings(Protocol):
    """The side of the readings store that keeps one writer for each check."""

    @property
    def taken_away(self) -> Collection[str]:
        """Checks of which a write was refused, because another node took them."""
        ...

    def take(self, checks: Collection[str]) -> Taken:
        """Become the only writer of these checks, and learn where they stand."""
        ...


class Share:
    """The part of the checks that one node owns; see `core.nodes.owner`. All checks of a service stay together."""

    def __init__(self, me: str, readings: TakingReadings, monotonic: Clock) -> None:
        self._me, self.readings = me, readings
        self._begun = monotonic()
        self._nodes: tuple[str, ...] = ()
        self._done: tuple[str, tuple[str, ...]] | None = None
        self._mine: set[str] = set()

    def hear(self, nodes: Sequence[str]) -> None:
        """The nodes there are. What another one took while we were silent is taken back when it is ours after all."""
        self._nodes = tuple(sorted(nodes))
        away = set(self.readings.taken_away) & self._mine
        if away:
            self._mine -= away
            self._done = None

    def is_due(self, revision: str, now: float) -> bool:
        """Whether the share is to be looked at: other nodes, another inventory, or no word for too long at the start."""
        if not self._nodes and now - self._begun < WORD_S:
            return False
        return self._done != (revision, self._nodes)

    def of(self, inventory: Inventory) -> list[Check]:
        """The checks of the services that this node owns; all without a word."""
        nodes = self._nodes or (self._me,)
        mine = {name for name in inventory.services if owner(name, nodes) == self._me}
        return [check for check in inventory.checks.values() if check.service in mine]

    def gained(self, checks: Iterable[Check]) -> list[Check]:
        """Those among them that this node did not have."""
        return [check for check in checks if check.key not in self._mine]

    def took(self, revision: str, checks: Iterable[Check]) -> None:
        """They are ours now, and nothing else is."""
        self._mine = {check.key for check in checks}
        self._done = (revision, self._nodes)
