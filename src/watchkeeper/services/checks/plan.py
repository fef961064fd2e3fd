"""When each check is asked: stable phases spread over the interval, a heap of what is due next.

Phases lie on beats (decision 0055), so that the checks of one beat share the wakings of the loop and of the HTTP client.
The checks of one far host have one phase, so that those of the same interval, and of its multiples, come due at the same
moment and reach the host as one command. Hosts stay spread.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from watchkeeper.core.checks import Judged
from watchkeeper.core.inventory.values import Check

BEAT_S = 0.04
_FIRST_WITHIN_S = 30.0
_TOGETHER = 32  # checks of one tick of a host; a host with more has several phases
_PHASES_S = 86_400.0  # phases of hosts are spread over this, and so over every interval
_SAME_S = 1e-6  # closer times are the same moment


@dataclass(slots=True)
class Slot:
    """One check in the plan. Times are monotonic seconds.

    hung: its last ask was slow, see `lanes`. running: the ask under way. soon: one that somebody wants now and that has not
    begun. forced_at: the last of these.
    """

    check: Check
    due: float
    phase: float
    last_start: float = -math.inf
    forced_at: float = -math.inf
    hung: bool = False
    running: asyncio.Task[Judged] | None = None
    soon: asyncio.Task[Judged] | None = field(default=None)


def fraction(key: str) -> float:
    """A number in [0, 1) that is always the same for this check, so that restarts keep the spread."""
    return zlib.crc32(key.encode()) / 2**32


def _own(check: Check, now: float) -> tuple[float, float]:
    """(first time, phase): first asked within 30 s or its interval, then at its own phase of the interval."""
    part = fraction(check.key)
    return _on_beat(now + part * min(check.every_s, _FIRST_WITHIN_S)), _on_beat(now + part * check.every_s)


def _on_beat(moment: float) -> float:
    """The first beat that is not before this moment."""
    return math.ceil(moment / BEAT_S) * BEAT_S


def _following(begin: float, every_s: float, at: float) -> float:
    """The first of the moments ``begin + n * every_s`` that is not before `at`; `at` itself when it is one of them."""
    moment = begin + math.ceil((at - begin) / every_s) * every_s
    return at if min(moment - at, every_s - (moment - at)) < _SAME_S else moment


class Plan:
    """All checks with their next due times."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self._heap: list[tuple[float, str]] = []
        self._begun: float | None = None
        self.missed = 0

    def replace(
        self, checks: Iterable[Check], now: float, together: Collection[str] = ()
    ) -> tuple[list[Slot], list[str]]:
        """Take over the checks of a new inventory: (slots that are new or have another rule, keys that are gone).

        A check that stays keeps its rhythm, unless its interval changed. together: hosts whose checks come due at the
        same moments.
        """
        self._begun = now if self._begun is None else self._begun
        wanted = {check.key: check for check in checks}
        many = Counter(check.host for check in wanted.values() if check.where == "host" and check.host in together)
        gone = [key for key in self.slots if key not in wanted]
        for key in gone:
            del self.slots[key]
        changed = []
        for key, check in wanted.items():
            slot = self.slots.get(key)
            if slot is None or slot.check.every_s != check.every_s:
                times = self._of_host(check, now, many[check.host]) if check.where == "host" else None
                changed.append(self._add(check, times or _own(check, now), slot))
            else:
                if slot.check.rule_hash != check.rule_hash:
                    changed.append(slot)
                slot.check = check
        return changed, gone

    def _of_host(self, check: Check, now: float, count: int) -> tuple[float, float] | None:
        """(first time, phase) of a check that is asked together with `count` others of its host; None for 0."""
        if not count or self._begun is None:
            return None
        groups = math.ceil(count / _TOGETHER)
        group = zlib.crc32(check.key.encode()) % groups
        begin = self._begun + fraction(f"{check.host}#{group}" if group else str(check.host)) * _PHASES_S
        due = _following(begin, min(check.every_s, _FIRST_WITHIN_S), now)
        return due, _following(begin, check.every_s, due)

    def _add(self, check: Check, times: tuple[float, float], before: Slot | None) -> Slot:
        due, phase = times
        slot = before or Slot(check, due, phase)
        slot.check, slot.due, slot.phase = check, due, phase
        self.slots[check.key] = slot
        heapq.heappush(self._heap, (due, check.key))
        return slot

    def take_due(self, now: float) -> list[tuple[Slot, float]]:
        """Slots that are due with the time they were due, each scheduled again; whole intervals missed are counted."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            slot = self.slots.get(key)
            if slot is None or slot.due != due:
                continue  # gone, or planned anew
            found.append((slot, due))
            following = slot.phase if slot.phase > due else due + slot.check.every_s
            if following <= now:
                skipped = math.floor((now - following) / slot.check.every_s) + 1
                self.missed += skipped
                following += skipped * slot.check.every_s
            slot.due = following
            heapq.heappush(self._heap, (following, key))
        return found

    def next_due(self) -> float | None:
        """When something is due next; None when the plan is empty."""
        return self._heap[0][0] if self._heap else None
