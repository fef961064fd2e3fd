"""Tools that write. None of them runs anything: a run that is asked for waits until a person has approved each step."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from watchkeeper.faces.mcp.bounds import quoted
from watchkeeper.faces.mcp.calls import Api, Refused, path_of
from watchkeeper.faces.mcp.tools.base import FOREIGN, Foreign, Given, Name, Number, Tool
from watchkeeper.faces.mcp.tools.duties import tasks_text
from watchkeeper.faces.mcp.tools.values import (
    EntryLine,
    IncidentLine,
    RunLine,
    StepLine,
    TaskLine,
    entry_of,
    run_of,
    steps_of,
)

MOST_VALUES = 30


class AskedFor(Given):
    """A runbook of the catalogue, for a service, with values for what it asks for."""

    runbook: Annotated[str, Field(min_length=1, max_length=300, description="Its path, as `runbooks` lists it.")]
    service: Name = Field("", description="The service it is for; its hosts are where it runs.")
    values: Annotated[dict[str, str], Field(max_length=MOST_VALUES, description="Values for its placeholders.")] = {}
    why: Annotated[str, Field(min_length=1, max_length=1000, description="What you saw, for the person who decides.")]


class Requested(Foreign):
    """The run that was made. Nothing of it has run."""

    run: RunLine
    steps: list[StepLine]
    approve_at: str = Field(description="Where a person looks at it and approves or denies.")
    approve_with: str = Field(description="The same on the command line.")


def _request(api: Api, given: AskedFor) -> dict[str, Any]:
    found = api.get(f"/runbooks/{path_of(given.runbook)}")["runbook"]  # only what is in the catalogue, by its own path
    body = {"runbook": found["path"], "service": given.service, "params": given.values, "why": given.why}
    run = api.post("/mcp/requests", body)
    made = run["run"]
    return {
        "run": run_of(made),
        "steps": steps_of(made),
        "approve_at": run["approve_at"],
        "approve_with": f"wk runs approve {made['id']}",
    }


def _request_text(found: dict[str, Any]) -> str:
    run = found["run"]
    lines = [
        f"{each['index']} [{each['phase']}, {each['risk']}] on {each['host']}: {each['text']}"
        for each in found["steps"]
    ]
    head = f"Run {run['id']} waits for a person: {found['approve_at']} or {found['approve_with']}. Nothing has run."
    return f"{head}\n{quoted('its steps', chr(10).join(lines))}"


class NewNote(Given):
    """A note for the timeline of an incident."""

    incident: Number
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Noted(Foreign):
    """The incident that has the note now."""

    incident: IncidentLine


class NewEntry(Given):
    """An entry of the operations log; the team's words are used for type, severity and status."""

    title: Annotated[str, Field(min_length=3, max_length=200)]
    text: Annotated[
        str, Field(min_length=1, max_length=8000, description="What changed, why, how you know that it worked.")
    ]
    type: Name = Field("", description="Such as Deployment, Maintenance, Incident.")
    severity: Name = ""
    status: Name = ""
    service: Name = ""
    host: Name = ""
    tags: Annotated[list[Name], Field(max_length=10)] = []


class Written(Foreign):
    """The entry as it stands. redacted: something that looked like a secret was taken out."""

    entry: EntryLine
    redacted: bool = False


def _write(api: Api, given: NewEntry) -> dict[str, Any]:
    body = {name: value for name, value in given.model_dump().items() if name != "text" and value}
    entry = api.post("/log", {**body, "body": given.text})["entry"]
    return {"entry": entry_of(entry), "redacted": entry["redacted"]}


class NewTask(Given):
    """Something that a person or an agent should do."""

    text: Annotated[str, Field(min_length=3, max_length=500)]
    due: Annotated[str, Field(max_length=60, description="A date, 48h, tomorrow, next monday; empty for never.")] = ""
    owner: Name = ""
    check: Annotated[str, Field(max_length=200, description="A check that is shown with it.")] = ""


class OldTask(Given):
    """A task that is done."""

    task: Number
    why: Annotated[
        str, Field(max_length=500, description="How you know; written as a note of the task's incident.")
    ] = ""


class OneTask(Foreign):
    """The task as it is now."""

    task: TaskLine


def _task_text(found: dict[str, Any]) -> str:
    return quoted("task", tasks_text({"tasks": [found["task"]]}))


def _done(api: Api, given: OldTask) -> dict[str, Any]:
    task = api.get(f"/tasks/{given.task}")["task"]
    if task["state"] != "open":
        raise Refused("usage", f"Task {given.task} is {task['state']} already.", "List the open ones: tasks.")
    if given.why and task["incident"]:
        api.post(f"/incidents/{task['incident']}/note", {"text": f"Task {given.task} is done: {given.why}"})
    return api.post(f"/tasks/{given.task}/done", {"done": True})


TOOLS = (
    Tool("request_runbook", "Ask for a runbook", "Asks for one runbook of the catalogue. A run is made that waits: nothing "
         "runs until a person has approved each step. No command of yours can be part of it. Tell the person where to approve."
         + FOREIGN, AskedFor, Requested, _request, _request_text, acts=True, about="runbook"),
    Tool("note", "Write a note", "Writes a note into the timeline of an incident, under your name." + FOREIGN,
         NewNote, Noted, lambda api, given: api.post(f"/incidents/{given.incident}/note", {"text": given.text}),
         lambda found: f"Noted at incident {found['incident']['id']}.", acts=True, about="incident"),
    Tool("write_log_entry", "Write a log entry", "Appends an entry to the operations log under your name. Entries are never "
         "changed; corrections are new entries. Never write secrets." + FOREIGN,
         NewEntry, Written, _write, lambda found: f"Entry {found['entry']['number']} is written.",
         acts=True, about="title"),
    Tool("add_task", "Add a task", "Adds something to do to the team's list." + FOREIGN, NewTask, OneTask,
         lambda api, given: api.post("/tasks", given.model_dump()), _task_text,
         acts=True, about="text"),
    Tool("done_task", "Finish a task", "Marks an open task as done." + FOREIGN, OldTask, OneTask, _done,
         _task_text, acts=True, about="task"),
)  # fmt: skip
