"""How long readings are kept, declared once for all checks."""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """readings_s: single readings. hours_s, days_s: their roll-ups by hour and by day. Flips and gaps are kept for ever."""

    readings_s: float = 60 * DAY_S
    hours_s: float = 90 * DAY_S
    days_s: float = 5 * 365 * DAY_S
