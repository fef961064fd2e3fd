"""The operations log: entries by day, one entry, Markdown out."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.log.values import Entry
from watchkeeper.faces.web import marks, pages, runs

PAGE = 50
_RULES = {"Critical": "crit", "High": "crit", "Medium": "warn"}


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Newest first, under their days; `text` filters."""
    app = application()
    base = pages.shared(app, "log")
    text = request.GET.get("text", "").strip()[:200]
    entries = app.log.newest(PAGE, runs.whole_number(request.GET.get("before")), text)
    days = []
    for _, group in groupby(entries, lambda entry: marks.local(entry.draft.at, base["zone"]).date()):
        same = list(group)
        moment = marks.local(same[0].draft.at, base["zone"])
        days.append({"name": f"{moment:%a} {moment.day} {moment:%b}", "rows": [row(entry) for entry in same]})
    more = entries[-1].number if len(entries) == PAGE else None
    context = {"days": days, "text": text, "total": app.log.count(), "more": more, "found": len(entries)}
    return pages.render(request, "log.html", base | context)


def row(entry: Entry) -> dict[str, Any]:
    """An entry with the class of its rule."""
    kind = entry.draft.type.lower()
    css = (
        _RULES.get(entry.draft.severity, "")
        if kind == "incident"
        else "fix"
        if kind in ("change", "runbook", "run")
        else ""
    )
    return {
        "entry": entry,
        "draft": entry.draft,
        "css": css,
        "incident": entry.draft.facts.get("incident"),
        "run": entry.draft.facts.get("run"),
    }


@pages.page
def one(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """One entry with its place in the chain."""
    app = application()
    return pages.render(request, "entry.html", pages.shared(app, "log") | row(app.log.get(number)))


@pages.page
def export(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The whole log as a Markdown file."""
    answer = HttpResponse(application().log.export(), content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="OPERATIONS_LOG.md"'
    return answer
