"""`wk task`: one thing to do: add, tick, drop, assign, bind to a check, log."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk tasks                                  everything open, what is due on top
  wk tasks --mine --due                     exit code 1 when something of yours is due
  wk task add "Delete the old directory" --due "next monday" --owner ana
  wk task add "Watch the new disk" --check shop/disk --stays 48h
  wk task done 12
  wk task log 14                            write the entry that it asks for"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk task ...`."""
    actions = group(commands, "task", "What is to be done: follow-ups of entries, incidents and shifts.", EXAMPLES)
    add_list(verb(actions, "list", "What is open, due first. Exit code 1 with --due when something is due."))
    verb(actions, "show", "One task.").add_argument("task", type=int, metavar="N")
    added = verb(actions, "add", "Something to do. With --stays it is done by itself once the check stayed OK so long.")
    added.add_argument("text", nargs="+", metavar="TEXT")
    added.add_argument("--owner", default="", metavar="NAME", help="whose it is")
    added.add_argument("--due", default="", metavar="WHEN", help="2026-12-01, 48h, tomorrow, 'next monday at 10:00'")
    added.add_argument("--check", default="", metavar="SERVICE/CHECK", help="shown with its state")
    added.add_argument("--stays", default="", metavar="TIME", help="done once that check stayed OK for so long, as 48h")
    added.add_argument("--entry", type=int, metavar="N", help="the entry it comes from")
    added.add_argument("--estimate", default="", metavar="TIME", help="how long it will take, as 3h")
    done = verb(actions, "done", "Tick tasks.")
    done.add_argument("task", type=int, nargs="+", metavar="N")
    done.add_argument("--undo", action="store_true", help="they are to be done again")
    done.add_argument("--entry", type=int, metavar="N", help="the entry that tells how it ended")
    drop = verb(actions, "drop", "It will not be done; says why.")
    drop.add_argument("task", type=int, metavar="N")
    drop.add_argument("--why", default="", metavar="TEXT", help="the reason")
    assign = verb(actions, "assign", "Say whose it is.")
    assign.add_argument("task", type=int, metavar="N")
    assign.add_argument("owner", nargs="?", default="", metavar="NAME", help="default: you")
    due = verb(actions, "due", "Change when it is due.")
    due.add_argument("task", type=int, metavar="N")
    due.add_argument("when", nargs="*", metavar="WHEN", help="left out: no date")
    bind = verb(actions, "check", "Show a check with it; with --stays it is done once that stayed OK so long.")
    bind.add_argument("task", type=int, metavar="N")
    bind.add_argument("check", nargs="?", default="", metavar="SERVICE/CHECK", help="left out: none")
    bind.add_argument("--stays", default="", metavar="TIME")
    log = verb(actions, "log", "Write the entry that a task asks for, prefilled with what changed.")
    log.add_argument("task", type=int, metavar="N")
    log.add_argument("--title", default="", help="another title")
    log.add_argument("--type", default="", help="another type")
    log.add_argument("--severity", default="", help="another severity")
    log.add_argument("--why", default="", metavar="TEXT", help="the Reason section")
    log.add_argument("--dry-run", action="store_true", help="only show it")


def add_list(parser: Any) -> None:
    """The flags of a list."""
    parser.add_argument("--mine", action="store_true", help="only yours")
    parser.add_argument("--owner", default="", metavar="NAME", help="only of this one")
    parser.add_argument("--due", action="store_true", help="only what is due")
    parser.add_argument("--ended", action="store_true", help="what was ended in the last 30 days")
    parser.add_argument("--entry", type=int, metavar="N", help="only of this entry")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    return {
        "list": show_list, "show": show, "add": add, "done": done, "drop": drop, "assign": assign, "due": due,
        "check": bind, "log": write_entry,
    }[arguments.action](client, arguments)  # fmt: skip


def show_list(client: Client, arguments: Namespace) -> int:
    """One line each."""
    answer = client.get(
        "/tasks", mine=arguments.mine or None, owner=arguments.owner, due=arguments.due or None,
        ended=arguments.ended or None, entry=arguments.entry,
    )  # fmt: skip
    found = answer["tasks"]
    render.show_json(answer) if arguments.json else print(page(found) or _none(arguments))
    return 1 if arguments.due and found else 0


def _none(arguments: Namespace) -> str:
    return (
        "No task was ended in the last 30 days."
        if arguments.ended
        else "No task is due."
        if arguments.due
        else "No task is open."
    )


def page(found: list[dict[str, Any]]) -> str:
    """The table."""
    rows = [
        (one["id"], when_of(one), one["owner"] or "-", from_of(one), check_of(one) or "-", one["text"]) for one in found
    ]
    return render.table(rows, ("N", "DUE", "OWNER", "FROM", "CHECK", "WHAT")) if rows else ""


def when_of(task: dict[str, Any]) -> str:
    """When it is due, or how it ended."""
    if task["state"] != "open":
        return f"{task['state']} {render.clock(task['done_at'])}"
    return task["due"].removeprefix("due ") if task["due"] else "-"


def from_of(task: dict[str, Any]) -> str:
    """``entry 12``, ``incident 3``, ``shift 4``, ``change``, or who made it."""
    if task["asks_to_log"]:
        return "change"
    for name in ("incident", "entry", "shift"):
        if task[name]:
            return f"{name} {task[name]}"
    return str(task["created_by"])


def check_of(task: dict[str, Any]) -> str:
    """``shop/web OK for 3 h of 48 h``."""
    from watchkeeper.core.times import format_duration

    if not task["check"]:
        return ""
    if task["state"] != "open" or task["check_state"] is None:
        return str(task["check"])
    need = f" of {format_duration(task['stays_s'])}" if task["stays_s"] else ""
    lasted = f" for {format_duration(task['ok_s'])}{need}" if task["check_state"] == "OK" else ""
    return f"{task['check']} {task['check_state']}{lasted}"


def show(client: Client, arguments: Namespace) -> int:
    """Everything of one task."""
    answer = client.get(f"/tasks/{arguments.task}")
    if arguments.json:
        render.show_json(answer)
        return 0
    task = answer["task"]
    from watchkeeper.core.times import format_duration

    rows = [
        ("state", task["state"]), ("owner", task["owner"] or "nobody yet"),
        ("due", (render.clock(task["due_at"]) or "no date") + (f" ({task['due']})" if task["due"] else "")),
        ("from", from_of(task)), ("made", f"{render.clock(task['created_at'])} by {task['created_by']}"),
        ("check", check_of(task)), ("says", task["check_reason"] or ""),
        ("estimate", format_duration(task["estimate_s"]) if task["estimate_s"] else ""),
        ("worked", format_duration(task["worked_s"]) if task["worked_s"] else ""),
        ("ended", f"{render.clock(task['done_at'])} by {task['done_by']}" if task["done_at"] else ""),
        ("why", task["why"]), ("told in", f"entry {task['closing_entry']}" if task["closing_entry"] else ""),
    ]  # fmt: skip
    print(f"{task['id']}  {render.line(task['text'])}")
    print(render.table([row for row in rows if row[1]], indent=2))
    return 0


def seconds(text: str, flag: str) -> float | None:
    """The length of a flag; None when it is left out. Raises `Usage`."""
    from watchkeeper.core.times import parse_duration

    if not text:
        return None
    found = parse_duration(text)
    if not found:
        raise Usage(f"{flag} {text} is no time.", f"Write {flag} 48h.")
    return found


def add(client: Client, arguments: Namespace) -> int:
    """Make one."""
    body = {
        "text": " ".join(arguments.text), "owner": arguments.owner, "due": arguments.due, "check": arguments.check,
        "stays_s": seconds(arguments.stays, "--stays"), "entry": arguments.entry,
        "estimate_s": seconds(arguments.estimate, "--estimate"),
    }  # fmt: skip
    answer = client.post("/tasks", body)
    task = answer["task"]
    due = f", {task['due']}" if task["due"] else ""
    closes = f" It is done once {task['check']} stayed OK." if task["stays_s"] else ""
    return _say(arguments, answer, f"Task {task['id']}{due}.{closes} When done: wk task done {task['id']}")


def done(client: Client, arguments: Namespace) -> int:
    """Tick."""
    answers = [
        client.post(f"/tasks/{number}/done", {"done": not arguments.undo, "entry": arguments.entry})
        for number in arguments.task
    ]
    if arguments.json:
        render.show_json({"tasks": [each["task"] for each in answers]})
        return 0
    words = "is to be done again" if arguments.undo else "is done"
    print("\n".join(f"Task {each['task']['id']} {words}: {render.line(each['task']['text'])}" for each in answers))
    return 0


def drop(client: Client, arguments: Namespace) -> int:
    """Leave it out."""
    answer = client.post(f"/tasks/{arguments.task}/drop", {"why": arguments.why})
    return _say(arguments, answer, f"Task {arguments.task} is dropped: {render.line(answer['task']['why'])}")


def assign(client: Client, arguments: Namespace) -> int:
    """Give it to somebody."""
    answer = client.post(f"/tasks/{arguments.task}/assign", {"owner": arguments.owner})
    return _say(arguments, answer, f"Task {arguments.task} belongs to {render.line(answer['task']['owner'])}.")


def due(client: Client, arguments: Namespace) -> int:
    """Another date."""
    answer = client.post(f"/tasks/{arguments.task}/due", {"due": " ".join(arguments.when)})
    at = answer["task"]["due_at"]
    return _say(
        arguments,
        answer,
        f"Task {arguments.task} is due {render.clock(at)}." if at else f"Task {arguments.task} has no date.",
    )


def bind(client: Client, arguments: Namespace) -> int:
    """Bind it to a check."""
    body = {"check": arguments.check, "stays_s": seconds(arguments.stays, "--stays")}
    answer = client.post(f"/tasks/{arguments.task}/check", body)
    said = check_of(answer["task"])
    return _say(
        arguments, answer, f"Task {arguments.task}: {said}." if said else f"Task {arguments.task} has no check."
    )


def write_entry(client: Client, arguments: Namespace) -> int:
    """`wk log add` with what the task knows already; the task is over once the entry is written."""
    found = client.get(f"/tasks/{arguments.task}/draft")["draft"]
    body: dict[str, Any] = {
        "title": arguments.title or found["title"], "type": arguments.type or found["type"],
        "severity": arguments.severity or found["severity"], "body": found["body"], "service": found["service"],
        "host": found["host"], "sections": [{"heading": "Reason", "text": arguments.why}] if arguments.why else [],
    }  # fmt: skip
    if arguments.dry_run:
        answer: dict[str, Any] = {"draft": {**found, **body}}
        return _say(
            arguments, answer, "\n".join((f"{body['title']}", f"{body['type']}, {body['severity']}", "", body["body"]))
        )
    if sys.stdin.isatty() and sys.stdout.isatty() and not arguments.json:
        print(f"{body['title']}\n{body['type']}, {body['severity']}\n\n{render.block(body['body'], '  ')}\n")
        if not render.confirm("Write this entry? [y/N]", False):
            print("Nothing was written.")
            return 1
    entry = client.post("/log", body)["entry"]
    answer = client.post(f"/tasks/{arguments.task}/done", {"done": True, "entry": entry["number"]})
    return _say(
        arguments, {"entry": entry, "task": answer["task"]},
        f"Entry {entry['number']} is written; task {arguments.task} is over.",
    )  # fmt: skip


def _say(arguments: Namespace, answer: dict[str, Any], sentence: str) -> int:
    render.show_json(answer) if arguments.json else print(sentence)
    return 0
