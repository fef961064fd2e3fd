"""What the MCP face asks of the API besides the usual: who calls, that a tool is used, and a run that waits for a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.incidents.values import Event
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import run_json

router = Router()


class ToolCall(Schema):
    """A tool that is used. about: what it acts on, as the caller named it."""

    tool: str = Field(pattern=r"^[a-z_]{1,40}$")
    about: str = Field("", max_length=200)


class RunRequest(Schema):
    """A run that waits for a person from its first step. why: for the person who decides."""

    runbook: str = Field(max_length=300)
    service: str = Field("", max_length=200)
    params: dict[str, str] = {}
    why: str = Field("", max_length=1000)


@router.get("/mcp")
def caller(request: HttpRequest) -> dict[str, Any]:
    """Who calls; refuses everybody who is not known."""
    actor = actor_of(request)
    return {"mcp": {"actor": actor.name, "kind": actor.kind, "role": actor.role, "scope": actor.scope}}


@router.post("/mcp/calls")
def call(request: HttpRequest, body: ToolCall) -> dict[str, Any]:
    """One use of a tool: counted like every call of an agent, and kept in the audit trail."""
    actor = actor_of(request)
    application().audit.note(actor, f"mcp.{body.tool}", body.about)
    return {"call": {"tool": body.tool, "actor": actor.name}}


@router.post("/mcp/requests")
def ask_for_run(request: HttpRequest, body: RunRequest) -> dict[str, Any]:
    """Ask for a runbook: the run waits for an approval of each step, also when a person's token asks."""
    app = application()
    actor = actor_of(request)
    asker = replace(actor, kind="agent")  # what speaks here is a program, whoever lent it his name
    run = app.runs.start(body.runbook, body.service, body.params, (), asker)
    if run.incident is not None and body.why.strip():
        incident, at = run.incident, app.clock()
        text = f"{actor.name} asks for run {run.id}: {body.why.strip()}"
        event = Event(0, incident, at, "note", actor.name, text, detail={"run": run.id})
        app.store.write(lambda session: session.add_event(event))
    app.audit.note(actor, "run.request", f"run {run.id}", f"{run.plan.runbook}: {body.why.strip()}")
    address = app.holder.current.team.web_url or app.web_url
    return {"run": run_json(run), "approve_at": f"{address}/runs/{run.id}"}
