"""The report of a month. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.reports import Report
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json

router = Router()


@router.get("/reports")
def report(request: HttpRequest, month: str = "", service: str = "") -> dict[str, Any]:
    """A month such as 2026-10, in the team's zone; the one under way when it is left out. service: only this one."""
    actor_of(request)
    return {"report": report_json(application().reports.make(month, service))}


@router.get("/reports/text")
def text(request: HttpRequest, month: str = "", form: str = "markdown", service: str = "") -> dict[str, Any]:
    """The same as a text. form: csv (one line per service) or markdown."""
    actor_of(request)
    return {"report": {"form": form, "text": application().reports.text(month, form, service)}}


def report_json(report: Report) -> dict[str, Any]:
    """Durations in seconds, shares 0..1, times UTC."""
    return {
        "month": report.month,
        "timezone": report.timezone,
        "since_at": utc_text(report.since),
        "until_at": utc_text(report.until),
        "complete": report.complete,
        "services": [
            {
                "service": each.service,
                "target": each.target,
                "available": each.split.available,
                "kept": each.kept,
                "budget_s": each.budget_s,
                "left_s": each.left_s,
                "up_s": round(each.split.up_s, 3),
                "degraded_s": round(each.split.degraded_s, 3),
                "down_s": round(each.split.down_s, 3),
                "maintenance_s": round(each.split.maintenance_s, 3),
                "unknown_s": round(each.split.unknown_s, 3),
                "incidents": each.incidents,
            }
            for each in report.services
        ],
        "times": {name: {"count": one.count, "p50_s": one.p50, "p95_s": one.p95} for name, one in report.times.items()},
        "automation": to_json(report.automation),
        "incidents": {
            "opened": sum(report.by_severity.values()),
            "by_severity": dict(report.by_severity),
            "by_service": dict(report.by_service),
            "by_cause": dict(report.by_cause),
        },
        "earlier": list(report.earlier),
    }
