"""`wk locks`: one changing run per host, one deployment per service, one run per incident."""

from __future__ import annotations

from watchkeeper.core.errors import Forbidden, NotFound, Usage
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
  wk locks                                                    who holds what, and until when
  wk locks take deploy:shop --for 30m --why "release 2.4"     nothing changes shop by itself meanwhile
  wk locks release deploy:shop"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk locks ...`."""
    actions = group(commands, "locks", "Who holds what: hosts, deployments, incidents. Each lock has an end.", EXAMPLES)
    verb(actions, "list", "Locks that are held, oldest first.")
    taken = verb(actions, "take", "Take the deploy lock of a service, or renew it.")
    taken.add_argument("name", metavar="deploy:SERVICE")
    taken.add_argument("--for", dest="lasts", default="30m", metavar="TIME", help="until it ends (default: 30m)")
    taken.add_argument("--why", required=True, metavar="TEXT", help="what for; others read it")
    released = verb(actions, "release", "Let go of a lock, also another's; the log keeps that.")
    released.add_argument("name", metavar="NAME")
    released.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "take":
        answer = client.post(
            "/locks", {"name": arguments.name, "lasts_s": seconds(arguments.lasts), "why": arguments.why}
        )
        render.show_json(answer) if arguments.json else print(render.line(answer["lock"]["sentence"]))
        return 0
    if arguments.action == "release":
        return release(client, arguments)
    answer = client.get("/locks")
    render.show_json(answer) if arguments.json else print(page(answer["locks"]))
    return 0


def seconds(text: str) -> float:
    """``30m`` in seconds. Raises `Usage`."""
    from watchkeeper.core.times import parse_duration

    found = parse_duration(text)
    if found is None:
        raise Usage(f"--for {text} is no time.", "Write 30m, 2h or 1h30m.")
    return found


def release(client: Client, arguments: Namespace) -> int:
    """Show who holds it, ask, release."""
    held = next((one for one in client.get("/locks")["locks"] if one["name"] == arguments.name), None)
    if held is None:
        raise NotFound(f"Nobody holds {arguments.name}.", "List them: wk locks.")
    render.note(render.line(held["sentence"]))
    warning = " A command of it may still be at work there." if held["name"].startswith("host:") else ""
    if not render.confirm(f"Let go of {render.line(held['name'])}?{warning} [y/N]", arguments.yes):
        raise Forbidden("Nothing was changed: you did not say yes.")
    answer = client.post("/locks/release", {"name": arguments.name})
    render.show_json(answer) if arguments.json else print(f"{render.line(held['name'])} is free.")
    return 0


def page(locks: list[dict[str, Any]]) -> str:
    """One line per lock."""
    rows = [
        (render.line(one["name"]), render.line(one["holder"]), render.clock(one["taken_at"]),
         render.clock(one["expires_at"]), render.line(one["why"]))
        for one in locks
    ]  # fmt: skip
    return render.table(rows, ("NAME", "HOLDER", "SINCE", "UNTIL", "")) if rows else "Nobody holds anything."
