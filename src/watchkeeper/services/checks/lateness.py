"""How late the watch starts its probes: the newest starts, what was left out, and whether that is overload."""

from __future__ import annotations

from collections import deque

LATE_S = 1.0
"""A question that begins this much after its time is late."""
SPAN_S = 60.0
OVERLOAD_STARTS, OVERLOAD_SHARE = 5, 0.01
"""Overload: so many late starts within SPAN_S, and at least this share of all."""


class Lateness:
    """A ring of the newest starts. A start's lateness is when it began minus when it was due, in seconds."""

    def __init__(self, size: int = 4096) -> None:
        self._ring: deque[float] = deque(maxlen=size)
        self._late: deque[tuple[float, float]] = deque(maxlen=size)  # (when, by how much)
        self._begun: deque[tuple[float, int]] = deque()  # (when, starts until then), one per second
        self.starts = 0

    def add(self, late_s: float, now: float) -> None:
        """Record one start at `now` (monotonic seconds)."""
        self._ring.append(max(0.0, late_s))
        if late_s > LATE_S:
            self._late.append((now, late_s))
        if not self._begun or now - self._begun[-1][0] >= 1.0:
            self._begun.append((now, self.starts))
            while now - self._begun[0][0] > SPAN_S:
                self._begun.popleft()
        self.starts += 1

    def overload(self, now: float) -> tuple[int, int, float]:
        """(late starts, all starts, the latest in seconds) of the last minute; zeros while there is no overload."""
        while self._late and now - self._late[0][0] > SPAN_S:
            self._late.popleft()
        starts = self.starts - next((count for at, count in self._begun if now - at <= SPAN_S), self.starts)
        late = len(self._late)
        if late < OVERLOAD_STARTS or late < OVERLOAD_SHARE * starts:
            return 0, 0, 0.0
        return late, max(late, starts), max(by for _, by in self._late)

    def summary(self) -> dict[str, float]:
        """``lateness_p50_s``, ``lateness_p99_s`` and ``lateness_max_s`` of the ring; zeros when it is empty."""
        ordered = sorted(self._ring)
        if not ordered:
            return {"lateness_p50_s": 0.0, "lateness_p99_s": 0.0, "lateness_max_s": 0.0}
        last = len(ordered) - 1
        return {
            "lateness_p50_s": round(ordered[round(last * 0.50)], 6),
            "lateness_p99_s": round(ordered[round(last * 0.99)], 6),
            "lateness_max_s": round(ordered[-1], 6),
        }
