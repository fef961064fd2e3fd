"""The catalogue of runbooks, and one runbook as it would run."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.faces.web import pages

PHASES = (
    ("diagnose", "Diagnose", "read only"), ("fix", "Fix", "asks before it changes"), ("verify", "Verify", "proof, not hope"),
    ("rollback", "Rollback", "the way back"), ("text", "Never run", "no phase above it"),
)  # fmt: skip


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Every runbook of the ops repo."""
    app = application()
    rows = [
        {
            "file": file,
            "runbook": runbook,
            "services": services,
            "changing": sum(1 for step in runbook.steps if step.risk != "read"),
        }
        for file, runbook, services in app.runbooks.catalogue()
    ]
    return pages.render(request, "runbooks.html", pages.shared(app, "runbooks") | {"rows": rows})


@pages.page
def one(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """One runbook: its steps by phase, its findings, its last runs, and its text."""
    app = application()
    file, runbook, services = app.runbooks.get(name)
    procedures = [
        {
            "procedure": procedure,
            "phases": [
                {"name": word, "about": about, "steps": steps}
                for phase, word, about in PHASES
                if (steps := [step for step in procedure.steps if step.phase == phase])
            ],
        }
        for procedure in runbook.procedures
    ]
    inventory = app.holder.current
    responses = [
        each for service in inventory.services.values() for each in service.respond if each.runbook == file.path
    ]
    last = [run for run in app.runs.newest(limit=200) if run.plan.runbook == file.path][:10]
    context = {
        "file": file,
        "runbook": runbook,
        "services": services,
        "procedures": procedures,
        "responses": responses,
        "last": last,
    }
    context["record"], symptoms = app.quarantines.shown(file.path)
    context["symptoms"] = [(name, each.words) for name, each in symptoms.items()]
    return pages.render(request, "runbook.html", pages.shared(app, "runbooks") | context)
