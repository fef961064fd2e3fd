"""Which groups a check is a member of, so that a group is asked again as soon as a member flips."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watchkeeper.core.checks.groups import members
from watchkeeper.core.inventory.values import Inventory


class Groups:
    """The groups of one inventory."""

    def __init__(self) -> None:
        self._of: dict[str, list[str]] = {}
        self._members: dict[str, set[str]] = {}

    def replace(self, inventory: Inventory) -> None:
        """Take over the groups of a new inventory."""
        self._of, self._members = {}, {}
        for key, check in inventory.checks.items():
            if check.probe.kind == "group":
                self._members[key] = {each for keys in members(check).values() for each in keys}
                for member in self._members[key]:
                    self._of.setdefault(member, []).append(key)

    def of(self, check: str) -> Sequence[str]:
        """The groups that this check is a member of."""
        return self._of.get(check, ())

    def members(self, group: str) -> Collection[str]:
        """The checks behind the members of a group."""
        return self._members.get(group, ())
