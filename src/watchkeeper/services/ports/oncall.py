"""Escalations and on-call schedules as kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.escalations import Ladder
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.oncall.values import Override, Turn


class OnCallRows(Protocol):
    """Within one transaction. Ids are given at `add_*`; `save_*` replaces the whole row."""

    def ladder(self, incident: int) -> Ladder | None:
        """Where an incident stands on its policy; of its newest opening only."""
        ...

    def save_ladder(self, ladder: Ladder) -> None:
        """Adds it, or replaces the one of the same incident."""
        ...

    def ladders(self, incidents: Sequence[int] = ()) -> list[Ladder]:
        """Those of open incidents whose next step has a time or is paused, the next to be told first; or of these only."""
        ...

    def without_ladder(self, limit: int = 100) -> list[Incident]:
        """Open incidents whose newest opening has none, oldest first."""
        ...

    def ladders_to_look_at(self, now: float, limit: int = 200) -> list[int]:
        """Numbers of incidents whose ladder is due (the most severe first), or does not fit its incident any more."""
        ...

    def add_override(self, override: Override) -> Override: ...
    def save_override(self, override: Override) -> None: ...
    def override(self, number: int) -> Override:
        """Raises `NotFound`."""
        ...

    def overrides(self, since: float | None = None, removed: bool = False) -> list[Override]:
        """Those that end after `since`, oldest first; without those that were taken back unless `removed`."""
        ...

    def turns(self) -> list[Turn]:
        """Who has each schedule, as it was told last, by name."""
        ...

    def save_turn(self, turn: Turn) -> None: ...
