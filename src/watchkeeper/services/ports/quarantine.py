"""Rows of what keeps automation from doing harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.runs.quarantine import Quarantine
from watchkeeper.core.runs.rate_limits import Backoff
from watchkeeper.core.runs.results import Result


class QuarantineRows(Protocol):
    """A part of `Session`. Lists are newest first."""

    def add_quarantine(self, held: Quarantine) -> Quarantine: ...

    def save_quarantine(self, held: Quarantine) -> None:
        """Replaces the row; raises `NotFound`."""
        ...

    def quarantines(self, response: str = "", active: bool = False, limit: int = 100) -> list[Quarantine]:
        """Of one response or of all; active: only those nobody released."""
        ...

    def note_result(self, result: Result) -> None:
        """Keeps how a run ended; a second note of the same run replaces the first."""
        ...

    def results(
        self, since: float = 0.0, service: str = "", response: str = "", runbook: str = "", limit: int = 500
    ) -> list[Result]:
        """How runs ended, by their end."""
        ...

    def did_not_hold(self, incident: int, since: float) -> int:
        """The proofs for this incident since then did not hold; how many these were."""
        ...

    def backoff(self, service: str, now: float) -> Backoff | None:
        """The backoff of a service that lasts at `now`."""
        ...

    def backoffs(self, services: Sequence[str] = ()) -> list[Backoff]:
        """All that are kept, also those that are over, by service."""
        ...

    def set_backoff(self, held: Backoff) -> None: ...

    def end_backoff(self, service: str) -> None:
        """Forget it."""
        ...
