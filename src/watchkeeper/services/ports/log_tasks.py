"""Rows behind the tasks of the log: what may have to be logged, and the numbers of daily issues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.changes import Change
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.log.values import Entry
from watchkeeper.core.runs.values import Run


class LogTaskRows(Protocol):
    """Part of `Session`. Tasks themselves: `IncidentRows`."""

    def add_task_once(self, task: Task) -> Task | None:
        """None when one was made from the same `source` before, however it ended."""
        ...

    def open_tasks(self, limit: int = 500) -> list[Task]:
        """Of incidents, entries, shifts and of nothing: due first on top, those without a date last."""
        ...

    def tasks_of_entry(self, entry: int) -> list[Task]:
        """Oldest first."""
        ...

    def tasks_ended(self, since: float, until: float, limit: int = 500) -> list[Task]:
        """Over in since <= done_at < until, oldest first."""
        ...

    def changes_after(self, number: int, limit: int = 200) -> list[Change]:
        """Changes with a greater number, lowest first."""
        ...

    def newest_change(self) -> int:
        """The greatest number of a change; 0 when there is none."""
        ...

    def entries_between(self, since: float, until: float, limit: int = 1000) -> list[Entry]:
        """Entries whose time is in since <= at < until, in the order they were written."""
        ...

    def runs_between(self, since: float, until: float, limit: int = 500) -> list[Run]:
        """Runs without their steps that were at work in that time, oldest first."""
        ...

    def incidents_between(self, since: float, until: float, limit: int = 500) -> list[Incident]:
        """Incidents that were open at some moment of since <= at < until, oldest first."""
        ...

    def daily_numbers(self, day: str, sources: Sequence[str]) -> dict[str, int]:
        """The number of each source on that day; a new one gets the next, in the order given. Writes."""
        ...

    def daily_known(self, day: str) -> dict[str, int]:
        """The numbers given on that day so far, by source."""
        ...
