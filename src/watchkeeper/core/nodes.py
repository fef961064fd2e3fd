"""Nodes: the `wk up` of several machines that stand one watch together, who of them leads, and who owns what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BEAT_S = 1.0
"""How often a node says that it lives, and looks at the others."""
GRACE_S = 6.0
"""A node that was silent for this long is dead: its runs and checks go to the others."""
GONE_S = 3.0
"""The same for a node whose connection has ended as well: its process is gone, so nothing is waited for."""


@dataclass(frozen=True, slots=True)
class Node:
    """One `wk up`. id: of its state directory. epoch: grows with every start. number: order of joining, for the leader.

    revision: of the inventory it watches by. seen_at, started_at: clock of the database. age_s: seconds since it was
    seen, when this was read.
    """

    id: str
    epoch: int
    number: int
    host: str
    pid: int
    version: str
    started_at: float
    seen_at: float
    revision: str = ""
    age_s: float = 0.0

    @property
    def name(self) -> str:
        """For people: ``app-a (3f2c)``."""
        return f"{self.host} ({self.id[:4]})"


def leader(nodes: Iterable[Node]) -> Node | None:
    """The one that does what is done once: of all that are there, the one that joined first.

    A node that is silent still leads until it is declared dead, so there are never two.
    """
    return min(nodes, key=lambda node: node.number, default=None)


def owner(service: str, nodes: Sequence[str]) -> str:
    """The node that asks the checks of a service: the highest hash of both (rendezvous). "" without nodes.

    When a node comes or goes only the services move that it gets or had.
    """
    return max(nodes, key=lambda node: hashlib.sha256(f"{service}\0{node}".encode()).digest(), default="")


def owned(services: Iterable[str], me: str, nodes: Sequence[str]) -> set[str]:
    """The services of which `me` asks the checks."""
    return {service for service in services if owner(service, nodes) == me}
