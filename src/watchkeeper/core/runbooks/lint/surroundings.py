"""What the rules may know about the world of a document: its ops repo, the files around it, what was proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.core.inventory.values import Inventory, Response


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the answer of a response was ever proven. at: epoch seconds of the last proof; within_s: how long it
    counts; now: epoch seconds."""

    at: float | None
    within_s: float
    now: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known about one document's world; None means not known, and then nothing is said about it.

    targets: for every path that a link may lead to, relative to the root, the anchors of that document (None for what is
    no Markdown); a path that is not in it is not there. proofs: by name of the response.
    """

    inventory: Inventory | None = None
    targets: Mapping[str, frozenset[str] | None] | None = None
    proofs: Mapping[str, Proof] = field(default_factory=dict)

    def responses(self, path: str) -> tuple[Response, ...]:
        """The responses that answer with this document, and may do something."""
        if self.inventory is None:
            return ()
        services = self.inventory.services.values()
        return tuple(each for service in services for each in service.respond if each.runbook == path)
