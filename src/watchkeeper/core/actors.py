"""Who did it. Nothing happens without an actor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "agent", "watchkeeper", "drill"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an agent, the drill of the sample fleet, or watchkeeper itself."""

    kind: ActorKind
    name: str

    @property
    def is_person(self) -> bool:
        """Only a person may grant, approve or close as unproven (the drill stands in on the sample fleet)."""
        return self.kind in ("person", "drill")

    def __str__(self) -> str:
        return self.name


WATCHKEEPER = Actor("watchkeeper", "watchkeeper")
LOCAL = Actor("person", "local")
DRILL = Actor("drill", "drill")
