"""Automation: what it brought and would have brought, per response, and the kill switch as a form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.runs.automation_report import OUTCOMES, ResponseReport
from watchkeeper.core.runs.causes import CAUSES
from watchkeeper.faces.web import pages, plans, quarantine
from watchkeeper.faces.web.runs import whole_number

SPANS = (7, 14, 30, 90)


def whole(request: HttpRequest) -> HttpResponse:
    """GET: the report; POST: the switch."""
    return switch(request) if request.method == "POST" else report(request)


@dataclass(frozen=True, slots=True)
class ResponseView:
    """One response with its counts in words."""

    report: ResponseReport

    @property
    def service(self) -> str:
        return self.report.response.partition("/")[0]

    @property
    def runbook(self) -> str:
        return self.report.response.partition("/")[2]

    @property
    def matched(self) -> str:
        return times(self.report.matched)

    @property
    def acted(self) -> str:
        return times(self.report.acted)

    @property
    def would_act(self) -> str:
        return times(self.report.would_act)

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """(words, count) of what came of it."""
        return [(words, self.report.counts[name]) for name, words in OUTCOMES.items() if self.report.counts[name]]

    @property
    def blocked(self) -> list[tuple[str, int]]:
        """(words, count) of what stood against it."""
        return [(CAUSES.get(cause, cause), count) for cause, count in self.report.blocked.items()]


def times(number: int) -> str:
    """``never``, ``once``, ``3 times``."""
    return {0: "never", 1: "once"}.get(number, f"{number} times")


@pages.page
def report(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Each response, those that matched first. days: how far to look back."""
    app = application()
    made = app.automation_reports.make(float(whole_number(request.GET.get("days")) or 14))
    context = {
        "report": made,
        "incidents": _words(made.incidents),
        "runs": _words(made.runs),
        "responses": [ResponseView(each) for each in sorted(made.responses, key=lambda each: -each.matched)],
        "spans": SPANS,
    }
    base = pages.shared(app, "automation")
    context["granted"] = plans.granted(app, base["now_at"])
    context |= quarantine.context(app, request.GET.get("month", "")[:7])
    return pages.render(request, "automation.html", base | context)


def _words(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(name.replace("_", " "), count) for name, count in counts.items()]


@pages.act
def switch(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST on=1 or on=0, with a reason."""
    wanted = request.POST.get("on", "")
    if wanted not in ("0", "1"):
        raise Usage("The form does not say whether automation shall be on or off.", "Use the buttons on the bridge.")
    application().automation.switch(wanted == "1", actor, request.POST.get("reason", "")[:500])
    return pages.go("/#automation")
