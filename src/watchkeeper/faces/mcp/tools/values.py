"""The values that tools answer with. Times are UTC text with Z, durations seconds named `_s`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from watchkeeper.faces.mcp.tools.base import Answer


class Check(Answer):
    """One check as it is now."""

    check: str
    state: str
    reason: str = ""
    since: str | None = None
    at: str | None = None
    latency_s: float | None = None


class Waiting(Answer):
    """A step that waits for a person."""

    run: int
    step: int
    text: str = ""
    host: str = ""
    risk: str = ""
    why: str = ""
    needs: str = ""
    expires_at: str | None = None


class IncidentLine(Answer):
    """An incident in a list."""

    id: int
    service: str
    host: str | None = None
    status: str
    severity: str
    title: str
    opened_at: str | None = None
    closed_at: str | None = None
    ending: str | None = None
    acknowledged_by: str | None = None
    escalated_at: str | None = None
    owner: str | None = None
    why_not_acted: str | None = None


class Event(Answer):
    """One line of a timeline."""

    at: str | None = None
    kind: str
    actor: str = ""
    text: str


class Change(Answer):
    """Something that altered the world."""

    at: str | None = None
    kind: str
    title: str
    actor: str = ""
    service: str = ""
    host: str = ""
    detail: str = ""


class Suspect(Answer):
    """A change that may be the cause."""

    change: Change
    score: float
    why: str


class Output(Answer):
    """What a step printed. text: its end when it is long; more_at: the offset to go on from in the API."""

    run: int
    step: int
    host: str = ""
    title: str = ""
    exit_code: int | None = None
    text: str
    size: int = 0
    cut: bool = Field(False, description="There is more than what stands here.")


class StepLine(Answer):
    """One step of a run."""

    index: int
    id: str
    phase: str
    title: str = ""
    text: str = ""
    risk: str
    host: str = ""
    state: str
    exit_code: int | None = None
    message: str = ""
    decided_by: str = ""


class RunLine(Answer):
    """A run in a list."""

    id: int
    runbook: str
    service: str = ""
    incident: int | None = None
    mode: str
    state: str
    actor: str
    created_at: str | None = None
    ended_at: str | None = None
    parked_why: str = ""
    message: str = ""


class ServiceLine(Answer):
    """A service as its file describes it, with its state."""

    name: str
    description: str = ""
    state: str
    reason: str = ""
    hosts: list[str] = []
    depends_on: list[str] = []
    needed_by: list[str] = []
    owner: str = ""
    tier: int = 2
    labels: dict[str, str] = {}
    docs: list[str] = []
    logs: list[str] = []
    config: list[str] = []
    repository: str = ""
    checks: list[str] = []
    runbooks: list[str] = []


class EntryLine(Answer):
    """An entry of the operations log."""

    number: int
    at: str | None = None
    type: str = ""
    title: str
    actor: str = ""
    severity: str = ""
    status: str = ""
    text: str = ""
    tags: list[str] = []
    corrected_by: list[int] = []


class TaskLine(Answer):
    """Something to do."""

    id: int
    text: str
    owner: str = ""
    state: str
    due_at: str | None = None
    overdue: bool = False
    incident: int | None = None
    entry: int | None = None
    check: str = ""
    check_state: str | None = None


def run_of(run: dict[str, Any]) -> dict[str, Any]:
    """A run of the API as `RunLine` reads it."""
    return {**run, "runbook": run["plan"]["runbook"], "service": run["plan"]["service"]}


def steps_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of a run of the API as `StepLine` reads them."""
    return [{**step["plan"], **{name: step[name] for name in ("state", "exit_code", "message", "decided_by")}}
            for step in run["steps"]]  # fmt: skip


def entry_of(entry: dict[str, Any], longest: int = 1500) -> dict[str, Any]:
    """An entry of the API as `EntryLine` reads it: its sections as one text."""
    sections = "\n\n".join(f"{each['heading']}: {each['text']}" for each in entry.get("sections", []))
    fields = "\n".join(f"{each[0]}: {each[1]}" for each in entry.get("fields", []) if len(each) == 2)
    text = "\n\n".join(part for part in (fields, sections) if part)
    status = entry.get("status_now") or entry.get("status") or ""
    return {**entry, "text": text[:longest] + (" [cut]" if len(text) > longest else ""), "status": status}


def service_of(service: dict[str, Any]) -> dict[str, Any]:
    """A service of the API as `ServiceLine` reads it."""
    return {**service, "runbooks": sorted({each["runbook"] for each in service.get("respond", [])})}
