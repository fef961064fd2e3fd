"""How runs survive: the seam between our run rows (the truth) and whatever executes them."""

from __future__ import annotations

from typing import Protocol


class EnginePort(Protocol):
    """Executes segments of runs. A run row in state `ready` is the outbox of the engine; these calls only hurry it."""

    def start(self) -> None:
        """Take up work: first every run that was left `running` by a process that died, then whatever is ready."""
        ...

    def nudge(self) -> None:
        """Look for ready runs now instead of at the next beat. Safe to call at any time, any number of times."""
        ...

    def cancel(self, run: int) -> None:
        """End the step that is at work for this run; the run row says cancelled already."""
        ...

    def busy(self) -> int:
        """How many segments are at work."""
        ...

    def stop(self, wait_s: float = 5.0) -> None:
        """Take no more work and wait for segments to end; spooled commands go on without us."""
        ...
