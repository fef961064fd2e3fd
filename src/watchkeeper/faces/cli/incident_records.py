"""`wk incidents assign|severity|task|...|postmortem`: what people add to incidents, and what is read out of them."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Any

LEVELS = ("P1", "P2", "P3", "P4")


def add_parsers(actions: Any) -> None:
    """The actions beyond list, show, ack, escalate, close and note."""
    assign = verb(actions, "assign", "Say who has it; you, when nobody is named.")
    assign.add_argument("incident", type=int, metavar="N")
    assign.add_argument("--to", metavar="NAME", default="", help="a person or a team (default: you)")
    severity = verb(actions, "severity", "Change its severity, with a reason. The time to answer follows.")
    severity.add_argument("incident", type=int, metavar="N")
    severity.add_argument("severity", choices=LEVELS, metavar="P1|P2|P3|P4")
    severity.add_argument("text", metavar="REASON", nargs="+", help="in your own words")
    task = verb(actions, "task", "Add something that is to be done because of it.")
    task.add_argument("incident", type=int, metavar="N")
    task.add_argument("text", metavar="TEXT", nargs="+", help="in your own words")
    task.add_argument("--owner", default="", help="who does it")
    task.add_argument("--due", default="", metavar="TIME", help="until when: 2026-12-01, or a time in UTC")
    done = verb(actions, "done", "Tick a task, by the number of the task.")
    done.add_argument("task", type=int, metavar="TASK")
    done.add_argument("--undo", action="store_true", help="take the tick back")
    listed = verb(actions, "tasks", "Tasks of all incidents that are still to be done.")
    listed.add_argument("--all", action="store_true", help="also those that are done")
    link = verb(actions, "link", "Link a web address, or a run, a log entry or another incident.")
    link.add_argument("incident", type=int, metavar="N")
    link.add_argument("target", nargs="+", metavar="TARGET", help="https://..., run 12, entry 3, incident 7")
    link.add_argument("--title", default="", help="what it is called")
    verb(actions, "similar", "Past incidents like it, and what proved to work then.").add_argument(
        "incident", type=int, metavar="N"
    )
    stages = verb(actions, "stages", "Medians per stage, and response times kept, of closed incidents.")
    stages.add_argument("--since", default="", metavar="TIME", help="default: 30 days ago")
    stages.add_argument("--until", default="", metavar="TIME", help="default: now")
    postmortem = verb(actions, "postmortem", "A draft of the post-mortem in Markdown, from what was recorded.")
    postmortem.add_argument("incident", type=int, metavar="N")
    postmortem.add_argument(
        "--out", metavar="FILE", default="", help="write it there; an existing file is not replaced"
    )


def run(client: Any, arguments: Namespace) -> int:
    """Do the action."""
    return ACTIONS[arguments.action](client, arguments)


def _say(arguments: Namespace, answer: dict[str, Any], sentence: str) -> int:
    render.show_json(answer) if arguments.json else print(sentence)
    return 0


def _assign(client: Any, arguments: Namespace) -> int:
    answer = client.post(f"/incidents/{arguments.incident}/assign", {"owner": arguments.to})
    return _say(arguments, answer, f"{render.line(answer['incident']['owner'])} has incident {arguments.incident}.")


def _severity(client: Any, arguments: Namespace) -> int:
    body = {"severity": arguments.severity, "reason": " ".join(arguments.text)}
    answer = client.post(f"/incidents/{arguments.incident}/severity", body)
    promise = answer["incident"].get("response")
    due = f" Answer due {render.clock(answer['incident']['respond_by'])}: {promise}." if promise else ""
    return _say(arguments, answer, f"Incident {arguments.incident} is {arguments.severity} now.{due}")


def _task(client: Any, arguments: Namespace) -> int:
    body = {"text": " ".join(arguments.text), "owner": arguments.owner, "due_at": arguments.due}
    answer = client.post(f"/incidents/{arguments.incident}/tasks", body)
    number = answer["task"]["id"]
    return _say(
        arguments, answer, f"Task {number} of incident {arguments.incident}. When done: wk incidents done {number}"
    )


def _done(client: Any, arguments: Namespace) -> int:
    answer = client.post(f"/incidents/tasks/{arguments.task}", {"done": not arguments.undo})
    words = "is to be done again" if arguments.undo else "is done"
    return _say(arguments, answer, f"Task {arguments.task} {words}.")


def _tasks(client: Any, arguments: Namespace) -> int:
    answer = client.get("/incidents/tasks", all="true" if arguments.all else None)
    return _say(arguments, answer, tasks(answer["tasks"], with_incident=True) or "No task is open.")


def _link(client: Any, arguments: Namespace) -> int:
    body = {"target": " ".join(arguments.target), "title": arguments.title}
    answer = client.post(f"/incidents/{arguments.incident}/links", body)
    return _say(arguments, answer, f"Linked to incident {arguments.incident}.")


def _similar(client: Any, arguments: Namespace) -> int:
    answer = client.get(f"/incidents/{arguments.incident}/similar")
    return _say(arguments, answer, alike(answer) or "No earlier incident is like this one.")


def _stages(client: Any, arguments: Namespace) -> int:
    answer = client.get("/incidents/stages", since=arguments.since or None, until=arguments.until or None)
    return _say(arguments, answer, _figures(answer["stages"]))


def _postmortem(client: Any, arguments: Namespace) -> int:
    from watchkeeper.core.errors import Usage

    answer = client.get(f"/incidents/{arguments.incident}/postmortem")
    text = answer["postmortem"]["markdown"]
    if not arguments.out:
        render.show_json(answer) if arguments.json else print(text, end="")
        return 0
    try:
        with open(arguments.out, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Usage(f"{arguments.out} is there already, and is not replaced.", "Name another file.") from None
    except OSError as error:
        raise Usage(f"{arguments.out} cannot be written: {error.strerror}.", "Name another file.") from None
    return _say(arguments, answer, f"Written to {arguments.out}.")


ACTIONS: dict[str, Callable[[Any, Namespace], int]] = {
    "assign": _assign, "severity": _severity, "task": _task, "done": _done, "tasks": _tasks, "link": _link,
    "similar": _similar, "stages": _stages, "postmortem": _postmortem,
}  # fmt: skip


# ---- parts of a page -------------------------------------------------------------------------------------------------------


def clock(incident: dict[str, Any]) -> str:
    """The stages that were reached, each after the first bad reading."""
    from watchkeeper.core.times import format_duration

    rows = [
        (one["name"], render.clock(one["at"]), format_duration(one["after_s"]) if one["after_s"] is not None else "")
        for one in incident.get("stages") or []
        if one["at"]
    ]
    return "Clock, from the first bad reading\n" + render.table(rows, indent=2) if rows else ""


def impact(incident: dict[str, Any]) -> str:
    """Who is blocked."""
    rows = [
        (one["state"], one["service"], one["owner"], f"needs {one['through']}", one["reason"])
        for one in incident.get("impact") or []
    ]
    return f"Who is blocked ({len(rows)})\n" + render.table(rows, indent=2, state_column=0) if rows else ""


def parts(incident: dict[str, Any]) -> str:
    """What failed because of it, with its truth."""
    rows = [(one["state"], one["service"], one["words"], one["reason"]) for one in incident.get("parts") or []]
    return "Failed because of it\n" + render.table(rows, indent=2, state_column=0) if rows else ""


def alike(answer: dict[str, Any]) -> str:
    """Past incidents and remedies."""
    from watchkeeper.core.times import format_duration

    found = []
    remedies = [
        (one["runbook"], f"proven {one['proven']} of {one['tried']}", format_duration(one["takes_s"] or 0.0))
        for one in answer.get("remedies") or []
    ]
    if remedies:
        found.append("What worked then\n" + render.table(remedies, indent=2))
    rows = [
        (
            one["incident"]["id"], render.clock(one["incident"]["closed_at"]), format_duration(one["lasted_s"]), one["why"],
            f"fixed by {one['fixed_by']}" if one["fixed_by"] else "",
        )
        for one in answer.get("similar") or []
    ]  # fmt: skip
    if rows:
        found.append("Incidents like it\n" + render.table(rows, indent=2))
    return "\n\n".join(found)


def tasks(found: list[dict[str, Any]], with_incident: bool = False) -> str:
    """Tasks, the open ones first."""
    rows = []
    for one in sorted(found, key=lambda each: (each["done_at"] is not None, each["id"])):
        state = (
            f"done by {one['done_by']}"
            if one["done_at"]
            else f"due {render.clock(one['due_at'])}"
            if one["due_at"]
            else ""
        )
        where = (f"incident {one['incident']}",) if with_incident else ()
        rows.append((one["id"], *where, one["text"], one["owner"], state))
    return "Tasks\n" + render.table(rows, indent=2) if rows else ""


def links(found: list[dict[str, Any]]) -> str:
    """Links."""
    rows = [
        (one["title"], one["target"] if one["kind"] == "url" else f"{one['kind']} {one['target']}") for one in found
    ]
    return "Links\n" + render.table(rows, indent=2) if rows else ""


def _figures(found: dict[str, Any]) -> str:
    from watchkeeper.core.times import format_duration

    between = f"{render.clock(found['since'])} to {render.clock(found['until'])}"
    head = f"{render.count(found['counted'], 'incident')} closed, {between}"
    rows = [
        (name, format_duration(found["medians"][f"{name}_s"]) if count else "never", f"{count} of {found['counted']}")
        for name, count in found["reached"].items()
    ]
    promise = f"Answered in time: {found['in_time']}; late: {found['late']}."
    return f"{head}\n{render.table(rows, ('STAGE', 'MEDIAN', 'REACHED'), indent=2)}\n{promise}"
