"""The catalogue of runbooks, and one runbook: its steps, its text, what it has proven, and who granted what."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import verdict_on
from watchkeeper.core.actors import Actor
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runbooks import Runbook
from watchkeeper.core.runs.values import RunState
from watchkeeper.faces.web import pages, plans
from watchkeeper.faces.web.prose import document
from watchkeeper.faces.web.services import fits
from watchkeeper.services.access import on_response

PHASES = (
    ("diagnose", "Diagnose", "read only"), ("fix", "Fix", "asks before it changes"), ("verify", "Verify", "proof, not hope"),
    ("rollback", "Rollback", "the way back"), ("text", "Never run", "no phase above it"),
)  # fmt: skip
SORTS = (
    ("", "by path"),
    ("title", "by title"),
    ("changing", "most changes first"),
    ("findings", "most findings first"),
)


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every runbook of the ops repo. q: words; service: that it answers for; sort."""
    app = application()
    words, sort = request.GET.get("q", "").strip()[:100], request.GET.get("sort", "")
    service = request.GET.get("service", "").strip()[:100]
    everything = app.runbooks.catalogue()
    rows: list[dict[str, Any]] = [
        {
            "file": file, "runbook": runbook, "services": services,
            "changing": sum(1 for step in runbook.steps if step.risk != "read"),
        }
        for file, runbook, services in everything
        if fits(words, file.path, runbook.title, *services) and (not service or service in services)
    ]  # fmt: skip
    if sort == "title":
        rows.sort(key=lambda row: row["runbook"].title.casefold())
    elif sort == "changing":
        rows.sort(key=lambda row: -row["changing"])
    elif sort == "findings":
        rows.sort(key=lambda row: -len(row["runbook"].findings))
    context = {"rows": rows, "words": words, "sort": sort, "sorts": SORTS, "wanted": service, "count": len(everything)}
    context["services"] = sorted({each for _, _, services in everything for each in services})
    return pages.render(request, "runbooks.html", pages.shared(app, "runbooks") | context)


@pages.page
def one(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """One runbook: its steps by phase, its findings, its last runs, and its text."""
    app = application()
    file, runbook, services = app.runbooks.get(name)
    base = pages.shared(app, "runbooks")
    inventory = app.holder.current
    responses = [
        each for service in inventory.services.values() for each in service.respond if each.runbook == file.path
    ]
    of_it = [run for run in app.runs.newest(limit=200) if run.plan.runbook == file.path]
    context = {
        "actor": actor, "file": file, "runbook": runbook, "services": services, "procedures": _procedures(runbook),
        "responses": [_answer(app, each, actor, base["now_at"]) for each in responses], "last": of_it[:10],
        "proven": next((run for run in of_it if run.state is RunState.PROVEN), None),
        "all_services": plans.services_of(app, services), "parameters": _parameters(runbook), "document": document(file.text),
    }  # fmt: skip
    context["record"], symptoms = app.quarantines.shown(file.path)
    context["symptoms"] = [(name, each.words) for name, each in symptoms.items()]
    return pages.render(request, "runbook.html", base | context)


def _procedures(runbook: Runbook) -> list[dict[str, Any]]:
    """Each procedure with its phases; steps are numbered through the whole document, as they are shown."""
    number = count(1)
    return [
        {
            "procedure": procedure,
            "phases": [
                {"name": word, "about": about, "steps": [(next(number), step) for step in steps]}
                for phase, word, about in PHASES
                if (steps := [step for step in procedure.steps if step.phase == phase])
            ],
        }
        for procedure in runbook.procedures
    ]


def _parameters(runbook: Runbook) -> list[Any]:
    """Every parameter once, in the order of the document."""
    found: dict[str, Any] = {}
    for step in runbook.steps:
        for each in step.parameters:
            found.setdefault(each.name, each)
    return list(found.values())


def _answer(app: Application, response: Response, actor: Actor, now: float) -> dict[str, Any]:
    """One response with its grants, and whether this person may grant it."""
    said = verdict_on(actor, "grants.add", on_response(app.holder.current, response.name))
    return {
        "response": response, "grants": plans.granted(app, now, response.name)[:5],
        "may": said.allowed or said.needs_factor, "why": said.reason,
    }  # fmt: skip
