"""The report of a month as a page that prints well, and as a file."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.reports import TIMES, Report, ServiceReport, Took, budget_words, percent
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import pages

SORTS = {"service": "name", "available": "availability", "left": "budget", "incidents": "incidents"}
_TYPES = {"csv": "text/csv; charset=utf-8", "markdown": "text/markdown; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Row:
    """One service as the page shows it. css: crit when its promise is broken."""

    one: ServiceReport
    css: str
    available: str
    target: str
    budget: str
    down: str
    unknown: str
    maintenance: str


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page. month, service: which; sort: a key of `SORTS`; form: csv or markdown for a file."""
    app, asked = application(), request.GET
    month, service, form = asked.get("month", "")[:7], asked.get("service", "")[:80], asked.get("form", "")
    if form in _TYPES:
        made = app.reports.make(month, service)
        answer = HttpResponse(app.reports.text(month, form, service), content_type=_TYPES[form])
        ending = "csv" if form == "csv" else "md"
        answer["Content-Disposition"] = f'attachment; filename="report-{made.month}.{ending}"'
        return answer
    report = app.reports.make(month, service)
    sort = asked.get("sort", "service")
    base = pages.shared(app, "reports")
    context = {
        "report": report, "rows": [_row(each) for each in _sorted(report, sort)], "sorts": SORTS, "sort": sort,
        "times": [(words, what, _took(report.times[name])) for name, (words, what) in TIMES.items()],
        "counts": (("severity", report.by_severity), ("service", report.by_service), ("cause", report.by_cause)),
        "service": service, "services": sorted(base["now"].inventory.services), "broken": _broken(report),
        "promised": sum(each.target is not None for each in report.services),
        "opened": sum(report.by_severity.values()),
    }  # fmt: skip
    return pages.render(request, "reports.html", base | context)


def _sorted(report: Report, sort: str) -> list[ServiceReport]:
    """The worst first, but by name from A."""
    if sort == "available":
        return sorted(report.services, key=lambda each: (each.split.available is None, each.split.available or 0.0))
    if sort == "left":
        return sorted(report.services, key=lambda each: (each.left_s is None, each.left_s or 0.0))
    if sort == "incidents":
        return sorted(report.services, key=lambda each: (-each.incidents, each.service))
    return sorted(report.services, key=lambda each: each.service)


def _broken(report: Report) -> list[str]:
    return [each.service for each in report.services if each.kept is False]


def _row(one: ServiceReport) -> Row:
    split = one.split
    return Row(
        one, "crit" if one.kept is False else "", percent(split.available, 2),
        "" if one.target is None else percent(one.target), budget_words(one), format_duration(split.down_s),
        format_duration(split.unknown_s), format_duration(split.maintenance_s),
    )  # fmt: skip


def _took(one: Took) -> tuple[int, str, str]:
    shown = ["none" if each is None else format_duration(each) for each in (one.p50, one.p95)]
    return one.count, shown[0], shown[1]
