"""`wk runs`: executions of runbooks, and the decisions they wait for."""

from __future__ import annotations

from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.faces.cli import plans, render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of
from watchkeeper.faces.cli.run import follow, parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk runs                            the newest
  wk runs show 4                     every command with its result
  wk runs show 4 --output 2          the whole output of step 2
  wk runs approve 4                  shows the exact bytes and what they touch, asks, approves
  wk runs approve 4 --param age=24h  gives the value that is missing; the text with it is what you approve
  wk runs show 4 --follow            as it goes
  wk runs undo 4                     takes back what it did, then verifies
  wk runs cancel 4                   ends the whole process group on the host"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk runs ...`."""
    actions = group(commands, "runs", "Runs of runbooks: list, show, decide.", EXAMPLES)
    listed = verb(actions, "list", "Runs, newest first.")
    listed.add_argument("--incident", type=int, metavar="N", help="only of this incident")
    listed.add_argument("--active", action="store_true", help="only those that have not ended")
    shown = verb(actions, "show", "One run: every command, where it ran, how it ended.")
    shown.add_argument("run", type=int, metavar="N")
    shown.add_argument("--output", type=int, metavar="STEP", help="print the output of this step instead")
    shown.add_argument("--attempt", type=int, metavar="K", help="with --output: of an earlier attempt of the step")
    shown.add_argument("--follow", action="store_true", help="show its commands and their output as they go")
    for name, summary in (
        ("approve", "Approve the waiting step: its exact bytes, on its host, with its values."),
        ("deny", "Deny the waiting step; the run ends without it."),
    ):
        parser = verb(actions, name, summary)
        parser.add_argument("run", type=int, metavar="N")
        parser.add_argument("--step", type=int, metavar="INDEX", help="which, when several wait")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        if name == "approve":
            parser.add_argument("--binds", default="", metavar="SHA256", help="only if the step still has this hash")
            parser.add_argument(
                "--param", action="append", default=[], metavar="K=V", help="a missing value; may be repeated"
            )
    for name, summary in (
        ("cancel", "End a run, also on the host."),
        ("resume", "Let a parked run go on, or a failed one from its failed step; what was done is not done again."),
        ("undo", "Take back what an ended run did: its undo steps in reverse order, then its verification."),
    ):
        verb(actions, name, summary).add_argument("run", type=int, metavar="N")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "list":
        return show_list(client, arguments)
    if arguments.action == "show":
        return show(client, arguments)
    if arguments.action in ("approve", "deny"):
        return decide(client, arguments)
    answer = client.post(f"/runs/{arguments.run}/{arguments.action}")
    render.show_json(answer) if arguments.json else print(plans.run_head(answer["run"]))
    return 0


def show_list(client: Client, arguments: Namespace) -> int:
    """One line per run."""
    answer = client.get("/runs", incident=arguments.incident, active=True if arguments.active else None)
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [
        (one["id"], one["state"], render.clock(one["created_at"]), one.get("incident") or "", one["plan"]["runbook"],
         one.get("message") or one.get("parked_why") or "")
        for one in answer["runs"]
    ]  # fmt: skip
    empty = "Nothing runs." if arguments.active else "No run yet."
    print(render.table(rows, ("N", "STATE", "STARTED", "INCIDENT", "RUNBOOK", "")) if rows else empty)
    return 0


def show(client: Client, arguments: Namespace) -> int:
    """A run, or the whole output of one of its steps as it was received (escaped on a terminal)."""
    if arguments.output is not None:
        attempt = f"?attempt={arguments.attempt}" if arguments.attempt is not None else ""
        for chunk in client.stream(f"/runs/{arguments.run}/steps/{arguments.output}/output{attempt}"):
            print(render.clean(chunk.decode("utf-8", "replace")), end="", flush=True)
        return 0
    if arguments.follow and not arguments.json:
        final = follow(client, arguments.run)
        return finish_following(final)
    answer = client.get(f"/runs/{arguments.run}")
    render.show_json(answer) if arguments.json else print(plans.run_page(answer["run"]))
    return 0


def finish_following(final: dict[str, Any]) -> int:
    """The last words of a run that was followed."""
    print(plans.ending(final) if final["state"] in plans.ENDED else plans.run_head(final))
    return 0 if plans.ended_well(final) else 1


def decide(client: Client, arguments: Namespace) -> int:
    """Show the exact bytes, ask, then send the decision bound to their hash."""
    params = parameters(getattr(arguments, "param", []))
    found = client.get(f"/runs/{arguments.run}")["run"]
    if params:
        waiting_step(found, arguments.step)
        found = client.post(f"/runs/{arguments.run}/values", {"params": params})["run"]
    approval, step = waiting_step(found, arguments.step)
    if arguments.action == "approve":
        refuse_missing(found["id"], step)
    binds = getattr(arguments, "binds", "") or approval["binds"]
    size = len(str(step["text"]).encode())
    where = step["host"] or "this host"
    if not arguments.yes:
        render.note(plans.step_text(step))
        if approval.get("touches"):
            render.note(f"    {render.line(approval['touches'])}")
        for line in (*plans.script_lines(approval.get("pins")), plans.needs_line(approval)):
            render.note(f"    {line}") if line else None
        expires = render.clock(approval.get("expires_at"))
        render.note(f"    bound to {binds[:12]}" + (f", expires {expires}" if expires else ""))
    destroys = arguments.action == "approve" and step["risk"] == "destroy"
    typed = where if destroys else "y"
    verb_word = arguments.action.capitalize()
    ask = f"It destroys. Type {where} to approve:" if destroys else f"{verb_word} these {size} bytes on {where}? [y/N]"
    if not render.confirm(ask, arguments.yes, typed):
        raise Forbidden("Nothing was decided: the step still waits.")
    body = {"step": approval["step"], "binds": binds}
    answer = client.post(f"/runs/{arguments.run}/{arguments.action}", body)
    word = "Approved" if arguments.action == "approve" else "Denied"
    after = answer["run"].get("approvals") or []
    halves = [one["so_far"] for one in after if one["step"] == approval["step"] and one["so_far"]]
    if halves and word == "Approved":
        word = f"Yours is kept, {halves[0]}; another person is needed"
    if arguments.json:
        render.show_json(answer)
    else:
        print(f"{word}: step {approval['step']} of run {arguments.run}. 'wk runs show {arguments.run}' shows it.")
    return 0


def refuse_missing(number: int, step: dict[str, Any]) -> None:
    """Raises `Usage` for a step whose placeholders have no values yet: it cannot be approved as it is."""
    missing = step.get("missing") or []
    if missing:
        words = " ".join(f"--param {name}=VALUE" for name in missing)
        raise Usage(
            f"Step {step['index']} of run {number} needs a value for {', '.join(missing)}. Nothing was decided.",
            f"Give it: wk runs approve {number} --step {step['index']} {words}",
        )


def waiting_step(found: dict[str, Any], index: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """(pending approval, its plan step) of a run. Raises `NotFound` or `Usage` with what there is."""
    pending = [one for one in found.get("approvals") or [] if not one.get("decided")]
    chosen = [one for one in pending if index is None or one["step"] == index]
    if not chosen:
        waits = ", ".join(str(one["step"]) for one in pending)
        what = "" if index is None else f" of step {index}"
        raise NotFound(
            f"Run {found['id']} ({found['state']}) waits for no approval{what}.",
            f"Step {waits} waits." if waits else f"'wk runs show {found['id']}' shows what it did.",
        )
    if len(chosen) > 1:
        steps = ", ".join(str(one["step"]) for one in chosen)
        raise Usage(f"Run {found['id']} waits for one of several steps: {steps}.", "Pick one with --step INDEX.")
    planned = {step["index"]: step for step in plans.planned_steps(found)}
    return chosen[0], planned[chosen[0]["step"]]
