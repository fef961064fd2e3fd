"""Rows of incidents beyond the row itself: what hangs together, what is alike, tasks and links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.incidents.records import Link, Task
from watchkeeper.core.incidents.similar import PastRun
from watchkeeper.core.incidents.values import Incident


class IncidentRows(Protocol):
    """Part of `Session`."""

    def living_incidents(self, limit: int = 500) -> list[Incident]:
        """Open and merged ones, newest first."""
        ...

    def closed_since(self, service: str, host: str | None, since: float) -> list[Incident]:
        """Those of a service closed not before `since`, the last closed first; with service "" those of the host."""
        ...

    def closed_between(self, since: float, until: float, limit: int = 2000) -> list[Incident]:
        """Closed in since <= closed_at < until, oldest first."""
        ...

    def incidents_like(self, service: str, pattern: str, limit: int = 50) -> list[Incident]:
        """Closed ones of this service, or with this pattern of a reason; the last closed first."""
        ...

    def runs_of_incidents(self, incidents: Sequence[int]) -> list[PastRun]:
        """All runs of these incidents in short, oldest first."""
        ...

    def delivered_times(self, incidents: Sequence[int]) -> list[tuple[int, float, float]]:
        """(incident, when the message was made, when it was delivered) of all but closing messages, in order of delivery."""
        ...

    def add_task(self, task: Task) -> Task: ...
    def save_task(self, task: Task) -> None: ...
    def task(self, number: int) -> Task:
        """Raises `NotFound`."""
        ...

    def tasks(self, incident: int | None = None, open_only: bool = False, limit: int = 500) -> list[Task]:
        """Oldest first."""
        ...

    def add_link(self, link: Link) -> Link: ...
    def links(self, incident: int) -> list[Link]:
        """Oldest first."""
        ...
