"""How often an agent may call and ask for runs: counted in the memory of main, over the last hour.

People are not counted: what they may is said by their roles. A restart of main forgets the counts, which only lets an agent
begin its hour anew; where several nodes serve the API, each counts its own calls.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from math import ceil
from typing import Literal

from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import TooMany
from watchkeeper.core.times import format_duration
from watchkeeper.services.ports import Clock

Counted = Literal["calls_per_hour", "requests_per_hour"]
DEFAULTS: Mapping[Counted, float] = {"calls_per_hour": 3600, "requests_per_hour": 12}
"""What holds for an agent whose account says nothing else, and for one without an account."""
WORDS: Mapping[Counted, str] = {"calls_per_hour": "called", "requests_per_hour": "asked for a run"}
WITHIN_S = 3600.0
LOOK_S = 5.0
"""How long a limit that was looked up counts."""
MOST_AGENTS = 1000
MOST_KEPT = 100_000
"""Times kept of one agent: the highest limit that can be counted exactly."""


class Limits:
    """Counts what agents do. given: the limits of an account, by its name; an empty mapping for the usual ones."""

    def __init__(self, clock: Clock, given: Callable[[str], Mapping[str, float]]) -> None:
        self._clock, self._given = clock, given
        self._guard = threading.Lock()
        self._looked: dict[str, tuple[float, Mapping[str, float]]] = {}
        self._seen: dict[tuple[str, Counted], deque[float]] = {}

    def count(self, actor: Actor, what: Counted) -> None:
        """One more of these by this actor. Raises `TooMany`, with the time when the next one is allowed."""
        if actor.kind != "agent":
            return
        now, most = self._clock(), self._most(actor, what)
        with self._guard:
            seen = self._times(actor.name, what)
            while seen and not 0 <= now - seen[0] < WITHIN_S:
                seen.popleft()
            if len(seen) < most:
                seen.append(now)
                return
            wait_s = max(1.0, seen[len(seen) - most] + WITHIN_S - now)
        raise TooMany(
            f"{actor.name} is an agent and has {WORDS[what]} {len(seen)} times within an hour; its limit is {most}.",
            f"Again in {format_duration(wait_s)}. An admin may give it more: wk user change {actor.name}.",
            retry_after_s=ceil(wait_s),
        )

    def called(self, actor: Actor) -> None:
        """One more call of the API. Raises `TooMany`."""
        self.count(actor, "calls_per_hour")

    def requested(self, actor: Actor) -> None:
        """One more run that was asked for. Raises `TooMany`."""
        self.count(actor, "requests_per_hour")

    def left(self, actor: Actor) -> dict[str, int]:
        """How many of each this agent still has in this hour; empty for anybody else."""
        if actor.kind != "agent":
            return {}
        now = self._clock()
        with self._guard:
            used = {
                what: sum(1 for at in self._seen.get((actor.name, what), ()) if 0 <= now - at < WITHIN_S)
                for what in DEFAULTS
            }
        return {what: max(0, self._most(actor, what) - used[what]) for what in DEFAULTS}

    def _most(self, actor: Actor, what: Counted) -> int:
        """The limit, looked up anew every few seconds."""
        now = self._clock()
        at, given = self._looked.get(actor.name, (0.0, {}))
        if not 0 <= now - at < LOOK_S:
            given = self._given(actor.name)
            if len(self._looked) >= MOST_AGENTS:
                self._looked.clear()
            self._looked[actor.name] = (now, given)
        return max(1, min(MOST_KEPT, int(given.get(what, DEFAULTS[what]))))

    def _times(self, name: str, what: Counted) -> deque[float]:
        key = (name, what)
        if key not in self._seen and len(self._seen) >= MOST_AGENTS:  # only names of accounts come here
            del self._seen[next(iter(self._seen))]
        return self._seen.setdefault(key, deque())
