"""How late the watch starts its probes: the newest starts, and what was left out."""

from __future__ import annotations

from collections import deque


class Lateness:
    """A ring of the newest starts. A start's lateness is when it began minus when it was due, in seconds."""

    def __init__(self, size: int = 4096) -> None:
        self._ring: deque[float] = deque(maxlen=size)
        self.starts = 0

    def add(self, late_s: float) -> None:
        """Record one start."""
        self._ring.append(max(0.0, late_s))
        self.starts += 1

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
