"""Availability of services, and the course of a check. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.readings.availability import Availability, shares
from watchkeeper.core.readings.rollup import STATES
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import actor_of

router = Router()


@router.get("/availability")
def availability(request: HttpRequest, service: str = "", since: str = "30d", until: str = "") -> dict[str, Any]:
    """since: `30d`, a date or a time; until: now when left out. Shares are of the known time, `unknown` of the whole."""
    actor_of(request)
    reader = application().availability
    start, end = reader.span(since, until)
    found = reader.of(start, end, service)
    return {
        "availability": [
            {
                "service": each.service,
                **split_json(each.whole),
                "checks": [{"check": check, **split_json(split)} for check, split in each.checks],
            }
            for each in found
        ],
        "since": utc_text(start),
        "until": utc_text(end),
    }


def split_json(split: Availability) -> dict[str, Any]:
    """One split as JSON."""
    return {
        "span_s": round(split.span_s, 3), "up_s": round(split.up_s, 3), "degraded_s": round(split.degraded_s, 3),
        "down_s": round(split.down_s, 3), "maintenance_s": round(split.maintenance_s, 3),
        "unknown_s": round(split.unknown_s, 3), "unwatched_s": round(split.unwatched_s, 3),
        "available": _rounded(split.available), "shares": {name: _rounded(share) for name, share in shares(split).items()},
    }  # fmt: skip


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 7)


@router.get("/checks/{path:key}/series")
def series(
    request: HttpRequest, key: str, since: str = "24h", until: str = "", points: int = 240, name: str = ""
) -> dict[str, Any]:
    """Percentiles of one measured name in even slots; slots without readings are left out."""
    actor_of(request)
    app = application()
    start, end = app.availability.span(since, until)
    measured, slot_s, drawn = app.series.of(key, start, end, points, name)
    return {
        "series": [
            {
                "at": utc_text(each.at), "count": each.count, "p50": each.p50, "p95": each.p95, "p99": each.p99,
                "avg": each.avg, "min": each.low, "max": each.high,
                "states": {state: count for state, count in zip(STATES, each.counts, strict=True) if count},
            }
            for each in drawn
        ],
        "check": key, "name": measured, "slot_s": slot_s, "since": utc_text(start), "until": utc_text(end),
    }  # fmt: skip
