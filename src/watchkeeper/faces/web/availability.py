"""Availability of one service as rows of a table: the day, the week, the month, the quarter."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web.draw import percent

SPANS = (("24 hours", 1), ("7 days", 7), ("30 days", 30), ("90 days", 90))
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Row:
    """One span: each part as a share of the known time with its length beside it."""

    name: str
    up: str
    degraded: str
    down: str
    maintenance: str
    unknown: str


def rows(app: Application, service: str, now: float) -> list[Row]:
    """The usual spans of one service that end now."""
    found = []
    for name, days in SPANS:
        whole = app.availability.of(now - days * DAY_S, now, service)[0].whole
        found.append(
            Row(
                name,
                _part(whole, whole.up_s, lengths=False),
                _part(whole, whole.degraded_s),
                _part(whole, whole.down_s),
                _part(whole, whole.maintenance_s),
                format_duration(whole.unknown_s) if whole.unknown_s >= 0.5 else "none",
            )
        )
    return found


def _part(whole: Availability, seconds: float, lengths: bool = True) -> str:
    share = whole.share(seconds)
    if share is None:
        return "nothing known"
    if seconds < 0.0005:
        return "none"
    return percent(share) + (f", {format_duration(seconds)}" if lengths else "")
