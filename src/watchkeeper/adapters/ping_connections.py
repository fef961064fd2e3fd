"""Who is connected to the ping server, and how much of anything one may take."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and counts. head_s: until the head of a request is there; whole_s: until all of it is.

    From `connections` on those that wait for longer than spare_s give way; nobody is let in beyond `most_connections`.
    """

    head_s: float = 10.0
    whole_s: float = 30.0
    answer_s: float = 30.0
    idle_s: float = 15.0
    connections: int = 1000
    most_connections: int = 5000
    spare_s: float = 2.0
    requests: int = 1000
    head_bytes: int = 16_384


class Connections:
    """Who is connected. Those that wait and send nothing are closed to make room; a job that is only waited for is not."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._all: set[asyncio.WriteTransport] = set()
        self._waiting: dict[asyncio.WriteTransport, float] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, line: asyncio.WriteTransport) -> bool:
        """Take one in; the one that has waited longest gives way. False when there are too many that cannot."""
        if len(self._all) >= self._bounds.connections:
            oldest, since = next(iter(self._waiting.items()), (None, 0.0))
            if oldest is not None and time.monotonic() - since > self._bounds.spare_s:
                self.leave(oldest)
                oldest.abort()
            elif len(self._all) >= self._bounds.most_connections:
                return False
        self._all.add(line)
        self.waits(line)
        return True

    def waits(self, line: asyncio.WriteTransport) -> None:
        """It has sent nothing whole: it may be closed."""
        self._waiting[line] = time.monotonic()

    def works(self, line: asyncio.WriteTransport) -> None:
        """Its request is being answered."""
        self._waiting.pop(line, None)

    def leave(self, line: asyncio.WriteTransport) -> None:
        """It is gone."""
        self._all.discard(line)
        self._waiting.pop(line, None)
