"""Overload in words, for everybody who asks how the watch is."""

from __future__ import annotations

from watchkeeper.core.times import format_duration
from watchkeeper.services.checks.lanes import Lanes
from watchkeeper.services.checks.lateness import LATE_S, Lateness


def overloaded(lateness: Lateness, lanes: Lanes, now: float) -> str:
    """One sentence with the next step while questions begin too late or cannot begin, else "". now: monotonic seconds."""
    late, starts, worst_s = lateness.overload(now)
    waits_s = lanes.longest_wait_s
    if not late and waits_s > LATE_S:
        return (
            f"The watch is overloaded: {lanes.waiting} questions wait, the first for {format_duration(waits_s)}, since "
            f"all {lanes.limit} probes that may be open hang. Shorten timeouts, or ask less often."
        )
    if not late:
        return ""
    return (
        f"The watch is overloaded: in the last minute {late} of {starts} questions began more than 1 s late, the latest "
        f"by {format_duration(worst_s)}; {lanes.open} of {lanes.limit} probes are open, {lanes.waiting} wait. "
        "Ask less often, shorten timeouts, or give it a faster machine."
    )
