"""`wk webhooks`: programs that are told what happens."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.client import quoted
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk webhooks                            how far each receiver is
  wk webhooks test bot
  wk webhooks replay bot --entry 120     send again what came after entry 120"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk webhooks ...`."""
    actions = group(commands, "webhooks", "Programs of watchkeeper.yaml that are told what happens.", EXAMPLES)
    verb(actions, "list", "Receivers, how far they are, and why not further.")
    verb(actions, "test", "Send one test event now.").add_argument("name", metavar="NAME")
    again = verb(actions, "replay", "Send again what came behind a number.")
    again.add_argument("name", metavar="NAME")
    again.add_argument("--entry", type=int, metavar="N", help="behind this entry of the log; 0: all")
    again.add_argument("--event", type=int, metavar="N", help="behind this line of a timeline; 0: all")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "test":
        answer = client.post(f"/webhooks/{quoted(arguments.name, '')}/test")
        if arguments.json:
            render.show_json(answer)
        else:
            print(f"{arguments.name} took it." if answer["test"]["ok"] else render.line(answer["test"]["error"]))
        return 0 if answer["test"]["ok"] else 6
    if arguments.action == "replay":
        body = {"entry": arguments.entry, "event": arguments.event}
        answer = client.post(f"/webhooks/{quoted(arguments.name, '')}/replay", body)
        if arguments.json:
            render.show_json(answer)
        else:
            one = answer["webhook"]
            print(f"{one['name']} begins again behind entry {one['entry']} and line {one['event']} of the timelines.")
        return 0
    answer = client.get("/webhooks")
    render.show_json(answer) if arguments.json else print(page(answer["webhooks"]))
    return 0


def page(webhooks: list[dict[str, Any]]) -> str:
    """A line per receiver."""
    if not webhooks:
        return "None. Declare one in watchkeeper.yaml under webhooks:."
    rows = [
        (one["name"], ", ".join(one["events"]), f"entry {one['entry']}",
         render.line(f"failed {one['tries']} times: {one['error']}") if one["error"] else
         f"last {render.clock(one['delivered_at'])}" if one["delivered_at"] else "nothing sent yet")
        for one in webhooks
    ]  # fmt: skip
    return render.table(rows, ("NAME", "EVENTS", "UP TO", ""))
