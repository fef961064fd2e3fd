"""How many probes may be open at once, without the hanging ones starving the others.

A probe begins in the quick lane, one that was slow the last time in the slow lane. One that has been open for longer than
`slow_after_s` moves to the slow lane as soon as somebody waits for its place. So a thousand targets that hang take places
from each other, not from those that answer.
Only when both lanes are full does anybody wait: that is overload, and it is counted.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque

from watchkeeper.services.ports import Clock

_LOOK_S = 0.05
"""How often those who wait look whether an open probe has become slow."""


class Lanes:
    """Two bounds on open probes. Used within one event loop; `monotonic` gives seconds."""

    def __init__(self, quick: int, slow: int, slow_after_s: float, monotonic: Clock) -> None:
        self._quick_limit, self._slow_limit, self._slow_after_s = quick, slow, slow_after_s
        self._monotonic = monotonic
        self._tickets = itertools.count()
        self._quick: dict[int, float] = {}  # ticket to when it began, oldest first
        self._slow: set[int] = set()
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()  # with when it began to wait
        self._looking: asyncio.TimerHandle | None = None
        self._promised = 0  # places of those who were let in and have not gone on yet
        self.waited = 0

    @property
    def open(self) -> int:
        """Probes that are open now."""
        return len(self._quick) + len(self._slow)

    @property
    def slow(self) -> int:
        """Those of them in the slow lane."""
        return len(self._slow)

    @property
    def waiting(self) -> int:
        """Probes that are due and wait for a place."""
        return len(self._waiting)

    @property
    def longest_wait_s(self) -> float:
        """How long the first of them has waited, seconds."""
        return self._monotonic() - self._waiting[0][1] if self._waiting else 0.0

    @property
    def limit(self) -> int:
        """The most that can be open at once."""
        return self._quick_limit + self._slow_limit

    async def enter(self, hung: bool = False) -> int:
        """Take a place, in turn; the ticket is given back with `leave`. hung: it was slow the last time."""
        if hung and len(self._slow) < self._slow_limit:
            ticket = next(self._tickets)
            self._slow.add(ticket)
            return ticket
        if self._waiting or not self._has_room():
            self.waited += 1
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            mine = (place, self._monotonic())
            self._waiting.append(mine)
            self._look_again()
            try:
                await place
            except asyncio.CancelledError:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                else:  # it had just been let in: the next one may go instead
                    self._promised -= 1
                    self._admit()
                raise
            self._promised -= 1
        ticket = next(self._tickets)
        self._quick[ticket] = self._monotonic()
        return ticket

    def leave(self, ticket: int) -> None:
        """Give a place back."""
        if self._quick.pop(ticket, None) is None:
            self._slow.discard(ticket)
        self._admit()

    def _has_room(self) -> bool:
        """Whether the quick lane has a place; slow probes are moved over for it."""
        if len(self._quick) + self._promised < self._quick_limit:
            return True
        now = self._monotonic()
        while self._quick and len(self._slow) < self._slow_limit:
            ticket, began = next(iter(self._quick.items()))
            if now - began < self._slow_after_s:
                break
            del self._quick[ticket]
            self._slow.add(ticket)
        return len(self._quick) + self._promised < self._quick_limit

    def _admit(self) -> None:
        while self._waiting and self._has_room():
            place, _ = self._waiting.popleft()
            if not place.done():
                self._promised += 1
                place.set_result(None)

    def _look_again(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._looking = None
        self._admit()
        if self._waiting:
            self._look_again()
