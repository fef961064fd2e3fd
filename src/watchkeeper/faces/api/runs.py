"""Runbooks and runs: read, start, decide, follow. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.runbooks import Runbook, show
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.quarantine import record_json
from watchkeeper.faces.api.render import draft_json, run_json, runbook_json
from watchkeeper.services.runbooks import last_proofs

router = Router()


class StartRun(Schema):
    """A run started by hand. hosts: only on these; failed_of: only where that run did not get through."""

    runbook: str
    service: str = ""
    params: dict[str, str] = {}
    steps: list[str] = []
    hosts: list[str] = []
    failed_of: int | None = None
    dry_run: bool = False
    digest: str = ""
    pins: str = ""


class Decide(Schema):
    """Which step, and the hash that was shown."""

    step: int | None = None
    binds: str = ""
    reason: str = ""


class Values(Schema):
    """Values for the placeholders of what waits."""

    params: dict[str, str]


@router.get("/runbooks")
def runbooks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"runbooks": [runbook_json(*each) for each in application().runbooks.catalogue()]}


@router.get("/runbooks/{path:path}")
def runbook(request: HttpRequest, path: str) -> dict[str, Any]:
    actor_of(request)
    file, read, services = application().runbooks.get(path)
    record = record_json(application().quarantines.shown(file.path)[0])
    return {"runbook": {**runbook_json(file, read, services), **_shown(read), "record": record}}


@router.get("/proofs")
def proofs(request: HttpRequest) -> dict[str, Any]:
    """When each response was last proven."""
    actor_of(request)
    rows = last_proofs(application().store, application().holder)
    return {
        "proofs": [
            {
                "response": each.response,
                "runbook": each.runbook,
                "proven_at": utc_text(each.proven_at),
                "within_s": each.within_s,
            }
            for each in rows
        ]
    }


def _shown(runbook: Runbook) -> dict[str, Any]:
    whole: Any = show(runbook)["runbook"]
    steps = [step for procedure in whole["procedures"] for step in procedure["steps"]]
    return {**whole, "steps": steps}


@router.post("/runs")
def start_run(request: HttpRequest, body: StartRun) -> dict[str, Any]:
    actor = actor_of(request)
    app = application()
    runs, hosts = app.runs, body.hosts or (app.runs.failed_hosts(body.failed_of) if body.failed_of is not None else ())
    if body.dry_run:
        draft = runs.plan(body.runbook, body.service, body.params, body.steps, actor, hosts)
        return {"run": draft_json(draft, app.holder.current.hosts)}
    started = runs.start(body.runbook, body.service, body.params, body.steps, actor, body.digest, body.pins, hosts)
    return {"run": run_json(started)}


@router.get("/runs")
def list_runs(
    request: HttpRequest, incident: int | None = None, active: bool = False, limit: int = 50, before: int | None = None
) -> dict[str, Any]:
    """Newest first. before: only numbers below."""
    actor_of(request)
    return {"runs": [run_json(run) for run in application().runs.newest(incident, active, limit, before)]}


@router.get("/runs/{number}")
def run(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    app = application()
    found = app.runs.get(number)
    record = record_json(app.quarantines.shown_for(found))
    return {"run": {**run_json(found, app.approvals.of_run(number)), "record": record}}


@router.get("/runs/{number}/steps/{index}/output")
def output(request: HttpRequest, number: int, index: int, offset: int = 0, attempt: int | None = None) -> HttpResponse:
    actor_of(request)
    data, following, done = application().runs.output(number, index, max(0, offset), attempt=attempt)
    answer = HttpResponse(data, content_type="application/octet-stream")
    answer["X-Next-Offset"] = str(following)
    answer["X-Done"] = "1" if done else "0"
    return answer


@router.post("/runs/{number}/approve")
def approve(request: HttpRequest, number: int, body: Decide) -> dict[str, Any]:
    approvals = application().approvals
    run = approvals.approve(number, actor_of(request), body.step, body.binds)
    return {"run": run_json(run, approvals.of_run(number))}


@router.post("/runs/{number}/values")
def give_values(request: HttpRequest, number: int, body: Values) -> dict[str, Any]:
    approvals = application().approvals
    return {"run": run_json(approvals.fill(number, actor_of(request), body.params), approvals.of_run(number))}


@router.post("/runs/{number}/deny")
def deny(request: HttpRequest, number: int, body: Decide) -> dict[str, Any]:
    return {"run": run_json(application().approvals.deny(number, actor_of(request), body.reason))}


@router.post("/runs/{number}/cancel")
def cancel(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"run": run_json(application().runs.cancel(number, actor_of(request)))}


@router.post("/runs/{number}/resume")
def resume(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"run": run_json(application().runs.resume(number, actor_of(request)))}


@router.post("/runs/{number}/undo")
def undo(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"run": run_json(application().runs.undo(number, actor_of(request)))}
