"""A span of time as people say it: ``30d``, ``2026-11-01``, ``2026-11-01T08:00Z``, in the time zone of the team."""

from __future__ import annotations

from datetime import datetime, tzinfo

from watchkeeper.core.errors import Usage
from watchkeeper.core.times import parse_duration

LONGEST_S = 10 * 366 * 86_400.0


def parse_span(since: str, until: str, zone: tzinfo, now: float) -> tuple[float, float]:
    """(since, until) as epoch seconds; a duration counts back from `until`, an empty `until` is now. Raises `Usage`.

    A date alone is its midnight in `zone`; a time without an offset is one of `zone`.
    """
    end = now if not until.strip() else _moment(until, zone)
    length_s = parse_duration(since.strip())
    start = end - length_s if length_s is not None else _moment(since, zone)
    if not start < end:
        raise Usage(
            f"The time from {since} to {until or 'now'} is empty.", "Write the earlier time first: --since 30d."
        )
    if end - start > LONGEST_S:
        raise Usage(f"The time from {since} is longer than ten years.", "Write a shorter one: --since 365d.")
    return start, end


def _moment(text: str, zone: tzinfo) -> float:
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
        return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise Usage(f"'{text[:40]}' is no time.", "Write 30d, 2026-11-01 or 2026-11-01T08:00Z.") from error
