"""What is kept of readings for long: blobs, roll-ups of hours and days."""

from __future__ import annotations

import math
from typing import Protocol

from watchkeeper.core.checks import Flip, Judged
from watchkeeper.core.readings.rollup import Rollup
from watchkeeper.core.readings.sketch import Sketch


class RollupsPort(Protocol):
    """The past of a check. Times are epoch seconds; all of it works while a fold is under way."""

    def readings(self, check: str, since: float, limit: int = 1000, until: float = math.inf) -> list[Judged]:
        """Readings with since <= at < until, oldest first, folded or not."""
        ...

    def sketch(self, check: str, name: str, since: float, until: float) -> Sketch:
        """All numbers of one measured name within [since, until)."""
        ...

    def hours(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        """(start, roll-up) of the folded hours that begin within [since, until), oldest first."""
        ...

    def days(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        """(start, roll-up) of the UTC days that begin within [since, until), oldest first; also of days under way."""
        ...

    def flips_of(self, check: str, since: float, until: float, limit: int = 200) -> list[Flip]:
        """The newest flips of one check with since <= at < until, newest first."""
        ...
