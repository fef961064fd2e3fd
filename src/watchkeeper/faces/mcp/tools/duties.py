"""Tools that read the day's work: runs, changes, who is on call, windows, expiries, availability, tasks, shifts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from watchkeeper.faces.mcp.calls import Api
from watchkeeper.faces.mcp.tools.base import (
    FOREIGN,
    Answer,
    Foreign,
    Given,
    Name,
    Next,
    Nothing,
    Number,
    Tool,
    listed,
    when,
)
from watchkeeper.faces.mcp.tools.looking import Paged
from watchkeeper.faces.mcp.tools.outputs import outputs_of
from watchkeeper.faces.mcp.tools.values import Change, Output, RunLine, StepLine, TaskLine, run_of, steps_of

# ---- runs ------------------------------------------------------------------------------------------------------------


class WhichRuns(Paged):
    """Which runs, newest first."""

    incident: Annotated[int | None, Field(ge=1)] = None
    active: bool = Field(False, description="Only those that have not ended.")


class Runs(Foreign):
    """Runs, newest first."""

    runs: list[RunLine]
    next_cursor: Next = None


def _runs(api: Api, given: WhichRuns) -> dict[str, Any]:
    found = api.get("/runs", incident=given.incident, active=given.active, limit=given.limit, cursor=given.cursor)
    return {"runs": [run_of(each) for each in found["runs"]], "next_cursor": found.get("next")}


def _runs_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['id']} {each['state']} {each['runbook']} by {each['actor']} ({when(each['created_at'])})"
        + (f": {each['parked_why'] or each['message']}" if each["parked_why"] or each["message"] else "")
        for each in found["runs"]
    ]
    return listed(lines, "No run matches.", found["next_cursor"])


class WhichRun(Given):
    """One run. step: only the output of that step, with more of it."""

    run: Number
    step: Annotated[int | None, Field(ge=0, le=10_000)] = None


class Run(Foreign):
    """One run with its steps and the ends of their outputs."""

    run: RunLine
    steps: list[StepLine]
    outputs: list[Output]


def _run(api: Api, given: WhichRun) -> dict[str, Any]:
    found = api.get(f"/runs/{given.run}")["run"]
    wanted = [each for each in found["steps"] if given.step is None or each["index"] == given.step]
    return {"run": run_of(found), "steps": steps_of(found), "outputs": outputs_of(api, found, wanted)}


def _run_text(found: dict[str, Any]) -> str:
    run = found["run"]
    lines = [
        f"Run {run['id']} {run['state']}: {run['runbook']} by {run['actor']}. {run['parked_why'] or run['message']}"
    ]
    lines += [
        f"{each['index']} [{each['phase']}, {each['risk']}] {each['state']}: {each['text']}" for each in found["steps"]
    ]
    lines += [f"Printed by step {each['step']} on {each['host']}:\n{each['text'][:2000]}" for each in found["outputs"]]
    return "\n".join(lines)


# ---- changes ---------------------------------------------------------------------------------------------------------


class WhichChanges(Paged):
    """Changes of the last days, newest first. service: on it, its hosts and what it needs."""

    days: Annotated[float, Field(gt=0, le=366)] = 1.0
    service: Name = ""


class Changes(Foreign):
    """What altered the world."""

    changes: list[Change]
    next_cursor: Next = None


def _changes(api: Api, given: WhichChanges) -> dict[str, Any]:
    found = api.get("/changes", hours=given.days * 24.0, service=given.service, limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def _changes_text(found: dict[str, Any]) -> str:
    lines = [
        f"{when(each['at'])} {each['kind']} {each['service'] or each['host']}: {each['title']} by {each['actor']}"
        for each in found["changes"]
    ]
    return listed(lines, "Nothing is known to have changed.", found["next_cursor"])


# ---- people, windows, ends -------------------------------------------------------------------------------------------


class Duty(Answer):
    """A schedule at this moment; person null for nobody."""

    schedule: str
    person: str | None = None
    since: str | None = None
    until: str | None = None
    following: Any = None
    reason: str | None = None


class OnCall(Answer):
    """Who is on call."""

    oncall: list[Duty]


def _oncall_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['schedule']}: {each['person'] or 'nobody'} until {when(each['until'])}" for each in found["oncall"]
    ]
    return listed(lines, "The team has no on-call schedule.")


class Window(Answer):
    """Planned maintenance, or muted alerts."""

    id: int
    kind: str
    state: str
    targets: list[str] = []
    why: str = ""
    actor: str = ""
    starts_at: str | None = None
    ends_at: str | None = None


class Windows(Foreign):
    """Windows and silences: those that hold, come, and ended lately."""

    windows: list[Window]
    silences: list[Window]


def _windows(api: Api, given: Nothing) -> dict[str, Any]:
    return {"windows": api.get("/windows", limit=30)["windows"], "silences": api.get("/silences", limit=30)["silences"]}


def _windows_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['kind']} {each['id']} {each['state']} on {', '.join(each['targets'])} until {when(each['ends_at'])}: "
        f"{each['why']}"
        for each in (*found["windows"], *found["silences"])
    ]
    return listed(lines, "No window and no silence.")


class Within(Given):
    """How far ahead."""

    days: Annotated[float, Field(gt=0, le=3660)] = 60.0


class Expiry(Answer):
    """One thing that runs out."""

    kind: str
    name: str
    what: str
    ends_at: str | None = None
    left_s: float
    owner: str = ""
    next_step: str = ""


class Expiries(Foreign):
    """What runs out, the first end on top."""

    expiries: list[Expiry]


def _expiries_text(found: dict[str, Any]) -> str:
    lines = [f"{when(each['ends_at'])[:10]} {each['kind']}: {each['what']}" for each in found["expiries"]]
    return listed(lines, "Nothing runs out in that time.")


class Span(Given):
    """Of which service, and over how long."""

    service: Name = ""
    days: Annotated[float, Field(gt=0, le=3660)] = 30.0


class Available(Answer):
    """How one service was. available: share of watched time, null while nothing is known."""

    service: str
    available: float | None = None
    up_s: float = 0.0
    degraded_s: float = 0.0
    down_s: float = 0.0
    maintenance_s: float = 0.0
    unknown_s: float = 0.0


class Availability(Answer):
    """Availability of a span; unknown time counts as unknown, never as up."""

    availability: list[Available]
    since: str | None = None
    until: str | None = None


def _availability_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['service']}: " + ("not known" if each["available"] is None else f"{each['available'] * 100:.3f} %")
        + f" available, down {each['down_s']:.0f} s, unknown {each['unknown_s']:.0f} s"
        for each in found["availability"]
    ]  # fmt: skip
    return listed(lines, "No service.")


# ---- tasks and shifts ------------------------------------------------------------------------------------------------


class WhichTasks(Paged):
    """Which tasks. ended: those of the last 30 days instead of the open ones."""

    owner: Name = ""
    due: bool = Field(False, description="Only those whose time has come.")
    ended: bool = False


class Tasks(Foreign):
    """What is to be done, due first."""

    tasks: list[TaskLine]
    next_cursor: Next = None


def _tasks(api: Api, given: WhichTasks) -> dict[str, Any]:
    query = {"owner": given.owner, "due": given.due, "ended": given.ended}
    found = api.get("/tasks", **query, limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def tasks_text(found: dict[str, Any]) -> str:
    """Tasks in lines."""
    lines = [
        f"{each['id']} {each['state']}: {each['text']}"
        + (f", due {when(each['due_at'])}" if each["due_at"] else "")
        + (f", {each['owner']}" if each["owner"] else "")
        for each in found["tasks"]
    ]
    return listed(lines, "No task.", found.get("next_cursor"))


class Shift(Foreign):
    """The newest shifts and what they say; `notes` and `tasks` are of the newest."""

    shifts: list[dict[str, Any]]
    notes: list[dict[str, Any]] = []
    tasks: list[TaskLine] = []


_SHIFT = ("id", "person", "agent", "state", "started_at", "ended_at", "handed_to", "accepted_by", "entry")
_NOTE = ("at", "kind", "actor", "text", "over_at")


def _shift(api: Api, given: Nothing) -> dict[str, Any]:
    every = api.get("/shifts", limit=5)["shifts"]
    whole = api.get(f"/shifts/{every[0]['id']}")["shift"] if every else {"notes": [], "tasks": []}
    return {
        "shifts": [{name: each.get(name) for name in _SHIFT} for each in every],
        "notes": [{name: each.get(name) for name in _NOTE} for each in whole["notes"][-50:]],
        "tasks": whole["tasks"][:50],
    }


def _shift_text(found: dict[str, Any]) -> str:
    lines = [f"Shift {each['id']} of {each['person']}: {each['state']}" for each in found["shifts"]]
    lines += [f"{when(each['at'])} {each['kind']} {each['actor']}: {each['text']}" for each in found["notes"]]
    return listed(lines, "There was no shift yet.")


TOOLS = (
    Tool("runs", "Runs", "Runs of runbooks, newest first." + FOREIGN, WhichRuns, Runs, _runs, _runs_text, about="incident"),
    Tool("run", "One run", "One run: its steps with their risk and state, and the ends of what they printed." + FOREIGN,
         WhichRun, Run, _run, _run_text, about="run"),
    Tool("changes", "Changes", "What changed on hosts and services: deployments, packages, files, reboots, commits." + FOREIGN,
         WhichChanges, Changes, _changes, _changes_text, about="service"),
    Tool("on_call", "On call", "Who is on call now, until when, and who comes next.",
         Nothing, OnCall, lambda api, given: api.get("/oncall"), _oncall_text),
    Tool("windows", "Windows and silences", "Planned maintenance and muted alerts." + FOREIGN,
         Nothing, Windows, _windows, _windows_text),
    Tool("expiries", "What runs out", "Certificates, secrets, disks, grants and dates that end soon." + FOREIGN,
         Within, Expiries, lambda api, given: api.get("/expiries", days=given.days), _expiries_text),
    Tool("availability", "Availability", "How available services were over a span.",
         Span, Availability, lambda api, given: api.get("/availability", service=given.service, since=f"{given.days:g}d"),
         _availability_text, about="service"),
    Tool("tasks", "Tasks", "What is to be done: follow-ups of entries, incidents and shifts." + FOREIGN,
         WhichTasks, Tasks, _tasks, tasks_text, about="owner"),
    Tool("shift", "Shifts", "The newest shifts, what was reported in the last one, and its tasks." + FOREIGN,
         Nothing, Shift, _shift, _shift_text),
)  # fmt: skip
