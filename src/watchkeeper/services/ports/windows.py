"""Windows and silences as kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.incidents.values import Event
from watchkeeper.core.recurrence import KeptPlan
from watchkeeper.core.windows import Kind, Window


class WindowRows(Protocol):
    """Within one transaction. Ids are given at `add_*`; `save_*` replaces the whole row."""

    def add_window(self, window: Window) -> Window:
        """A second one with the same occurrence is not added: the first one comes back."""
        ...

    def save_window(self, window: Window) -> None: ...
    def window(self, number: int) -> Window:
        """Raises `NotFound`."""
        ...

    def open_windows(self) -> list[Window]:
        """All that have not ended (now or planned), the next to begin first."""
        ...

    def watched_windows(self) -> list[Window]:
        """Those that ended and whose watch afterwards is not over, oldest first."""
        ...

    def windows(self, kind: Kind | None = None, limit: int = 50, before: int | None = None) -> list[Window]:
        """Newest first."""
        ...

    def windows_between(self, since: float, until: float, kind: Kind | None = None) -> list[Window]:
        """Those whose time overlaps [since, until), not taken back, oldest first."""
        ...

    def window_of(self, occurrence: str) -> Window | None:
        """The one that was made for this time of a plan."""
        ...

    def add_window_plan(self, plan: KeptPlan) -> KeptPlan:
        """Its plan gets the key ``plan:ID``."""
        ...

    def save_window_plan(self, plan: KeptPlan) -> None: ...
    def window_plans(self) -> list[KeptPlan]:
        """Those that were not ended, oldest first."""
        ...

    def muting_events(self, incidents: Sequence[int]) -> list[Event]:
        """Events of the kinds `muted` and `window` of these incidents, oldest first."""
        ...
