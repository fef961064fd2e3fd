"""Availability of one service as rows of a table: the day, the week, the month, the quarter."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web.draw import percent

SPANS = (("24 hours", 1), ("7 days", 7), ("30 days", 30), ("90 days", 90), ("365 days", 365))
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
    budget: str = ""


def target_words(target: float | None) -> str:
    """``99.9 %``; "" where nothing is promised."""
    return "" if target is None else f"{target * 100:.5f}".rstrip("0").rstrip(".") + " %"


def budget_words(whole: Availability, target: float | None) -> str:
    """How much of the error budget of a span is spent: the time that it may be down, planned maintenance left out."""
    if target is None or whole.available is None:
        return ""
    may_s = (1.0 - target) * (whole.known_s - whole.maintenance_s)
    spent = f"{format_duration(round(whole.down_s))} of {format_duration(round(may_s))} spent"
    return f"{spent}, over by {format_duration(round(whole.down_s - may_s))}" if whole.down_s > may_s + 0.5 else spent


def rows(app: Application, service: str, now: float) -> list[Row]:
    """The usual spans of one service that end now."""
    found = []
    target = app.holder.current.services[service].target
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
                budget_words(whole, target),
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
