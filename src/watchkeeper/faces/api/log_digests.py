"""Digests of the operations log and the compliance report. Parse, call one service, render."""

from __future__ import annotations

import csv
import io
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.log.digest import (
    COLUMNS,
    Compliance,
    Digest,
    Period,
    Shown,
    compliance_markdown,
    compliance_rows,
    digest_markdown,
)
from watchkeeper.core.times import utc_text, zone_of
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json

router = Router()


@router.get("/log/digest")
def digest(request: HttpRequest, period: str = "day", date: str = "") -> dict[str, Any]:
    """The digest of the day, week or month in which `date` lies (default: now). markdown: the same as a page."""
    actor_of(request)
    app = application()
    found, team = app.logbook.digests.digest(cast(Period, period), date), app.holder.current.team
    return {"digest": digest_json(found) | {"markdown": digest_markdown(found, zone_of(team.timezone), team.name)}}


@router.get("/log/compliance")
def compliance(request: HttpRequest, date: str = "", period: str = "month") -> dict[str, Any]:
    """Who changed what in the month in which `date` lies, approved by whom, proven how. markdown: the same as a page."""
    actor_of(request)
    app = application()
    found, team = app.logbook.digests.compliance(date, cast(Period, period)), app.holder.current.team
    told = compliance_json(found) | {"markdown": compliance_markdown(found, zone_of(team.timezone), team.name)}
    return {"compliance": told}


@router.get("/log/compliance.csv")
def compliance_csv(request: HttpRequest, date: str = "", period: str = "month") -> HttpResponse:
    """The same as a table for a spreadsheet."""
    actor_of(request)
    app = application()
    found = app.logbook.digests.compliance(date, cast(Period, period))
    answer = HttpResponse(table(found, app.holder.current.team.timezone), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="changes.csv"'
    return answer


def table(found: Compliance, timezone: str) -> str:
    """The report as comma-separated values, with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(compliance_rows(found, zone_of(timezone)))
    return out.getvalue()


def digest_json(found: Digest) -> dict[str, Any]:
    """Counts, and the entries by number and title."""
    return {
        "period": found.period,
        "name": found.name,
        "since": utc_text(found.since),
        "until": utc_text(found.until),
        "entries": found.total,
        "by_type": dict(found.by_type),
        "by_severity": dict(found.by_severity),
        "by_person": dict(found.by_person),
        "important": [_short(each) for each in found.important],
        "incidents": [_short(each) for each in found.incidents],
        "unfinished": [_short(each) for each in found.unfinished],
        "tasks": to_json(found.tasks),
    }


def compliance_json(found: Compliance) -> dict[str, Any]:
    """Every change with its gaps."""
    return {
        "name": found.name,
        "since": utc_text(found.since),
        "until": utc_text(found.until),
        "complete": found.complete,
        "changes": to_json(found.changes),
    }


def _short(shown: Shown) -> dict[str, Any]:
    draft = shown.entry.draft
    return {
        "number": shown.entry.number,
        "at": utc_text(draft.at),
        "title": draft.title,
        "type": draft.type,
        "severity": draft.severity,
        "status": shown.status,
        "actor": draft.actor,
        "corrected_by": list(shown.corrected_by),
    }
