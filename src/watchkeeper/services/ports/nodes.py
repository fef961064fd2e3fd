"""The nodes of one database: joining, being seen, taking over from the dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from watchkeeper.core.nodes import Node


@dataclass(frozen=True, slots=True)
class Beat:
    """What a node learned at its beat. now: clock of the database. before: when it was seen the last time itself."""

    now: float
    before: float
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish that the owner of checks asks them now."""

    id: int
    node: str
    checks: tuple[str, ...]


class NodesPort(Protocol):
    """The node table. Everything raises `StoreAway` while the database cannot be reached."""

    def join(self) -> Node:
        """Become a node, with a new epoch; runs of an earlier life of it become ready. Raises `Locked` when it runs."""
        ...

    def beat(self, revision: str) -> Beat | None:
        """Be seen and see the others; None when this node was declared dead and may do nothing any more."""
        ...

    def take_over(self, dead: Node) -> list[int] | None:
        """Declare a silent node dead: its row goes, its runs become ready with their next segment; their numbers.

        None when it is not dead after all, or another node was first.
        """
        ...

    def adopt(self) -> list[int]:
        """Runs at work for nobody (their node has no row) become ready with their next segment; their numbers."""
        ...

    def leave(self) -> list[int]:
        """End in order: what this node still has at work becomes ready, its row and its lock go."""
        ...

    # the inventory in force
    def revision(self) -> str:
        """Revision of the inventory that is in force; "" before the first."""
        ...

    def inventory(self) -> dict[str, bytes]:
        """Its files."""
        ...

    def keep_inventory(self, revision: str, files: dict[str, bytes]) -> None:
        """Put an inventory into force."""
        ...

    # asking checks of another owner
    def want(self, node: str, checks: Sequence[str]) -> Ask: ...

    def wanted(self) -> list[Ask]:
        """What others want to be asked here, oldest first."""
        ...

    def done(self, ask: Ask) -> None: ...

    def is_done(self, ask: Ask) -> bool: ...
