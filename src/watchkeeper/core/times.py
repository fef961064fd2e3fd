"""Times and durations: epoch seconds inside, words outside. No clock is read here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h|d|w)")


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as ``30s``, ``1h30m`` or ``800ms``; None when the text is not one."""
    position, total = 0, 0.0
    compact = text.strip()
    while position < len(compact):
        match = _DURATION.match(compact, position)
        if match is None:
            return None
        total += float(match.group(1)) * _UNITS[match.group(2)]
        position = match.end()
    return total if compact else None


def format_duration(seconds: float) -> str:
    """A duration for people: ``240 ms``, ``4.2 s``, ``14 min``, ``3 h 5 min``, ``12 days``."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + " s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min" if not rest or minutes >= 10 else f"{minutes} min {rest} s"
    if seconds < 2 * 86400:
        hours, rest = divmod(round(seconds / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{seconds / 86400:.0f} days"


def read_time(text: str) -> float | None:
    """Epoch seconds of an ISO time as ``2026-12-01T09:00:00Z`` (without a zone: UTC) or a date; None for another text."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def utc_words(at: float | None) -> str:
    """An epoch time for people who read a record later: ``2026-11-21 10:20:24 UTC``."""
    return "an unknown time" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def utc_text(at: float | None) -> str | None:
    """An epoch time as JSON shows it: UTC with Z and milliseconds; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone_of(timezone: str) -> tzinfo:
    """The zone of an IANA name; UTC when this machine does not know it."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # the command line starts without it

    try:
        return ZoneInfo(timezone)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return UTC
