"""`wk notifications`: who was told what, by which channel, and what nobody has taken yet."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk notifications                          the newest messages and what became of them
  wk notifications --undelivered            what nobody has taken yet
  wk notifications show 12                  one message with every attempt
  wk notifications retry 12 --channel mail  try it now, on that channel first
  wk notifications channels                 how each channel is
exit code of list: 1 while a message is not delivered"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk notifications ...`."""
    actions = group(
        commands, "notifications", "Messages on their way to people, and the channels they go by.", EXAMPLES
    )
    listed = verb(actions, "list", "Messages, newest first.")
    listed.add_argument("--undelivered", action="store_true", help="only those that nobody has taken yet")
    listed.add_argument("--limit", type=int, default=30, help="at most this many (default: 30)")
    listed.add_argument("--before", type=int, help="only numbers below this one")
    verb(actions, "show", "One message: its words, its attempts.").add_argument("notification", type=int, metavar="N")
    again = verb(actions, "retry", "Try it now, also on a channel that is down.")
    again.add_argument("notification", type=int, metavar="N")
    again.add_argument("--channel", default="", metavar="NAME", help="this channel first")
    verb(actions, "channels", "Every channel by its last attempts.")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "list":
        return show_list(client, arguments)
    if arguments.action == "channels":
        answer = client.get("/channels")
        render.show_json(answer) if arguments.json else print(channels_page(answer["channels"]))
        return int(any(one["down"] for one in answer["channels"]))
    if arguments.action == "show":
        answer = client.get(f"/notifications/{arguments.notification}")
        render.show_json(answer) if arguments.json else print(page(answer["notification"]))
        return 0
    answer = client.post(f"/notifications/{arguments.notification}/retry", {"channel": arguments.channel})
    said = f"Notification {answer['notification']['id']} is tried now."
    render.show_json(answer) if arguments.json else print(f"{said} 'wk notifications show {arguments.notification}'")
    return 0


def show_list(client: Any, arguments: Namespace) -> int:
    """The list, or a true sentence when it is empty; 1 while something is not delivered."""
    answer = client.get(
        "/notifications", undelivered=arguments.undelivered, limit=arguments.limit, before=arguments.before
    )
    found = answer["notifications"]
    if arguments.json:
        render.show_json(answer)
    elif found:
        print(list_page(found))
    else:
        print("Every message was taken." if arguments.undelivered else "No message was written yet.")
    return int(any(is_lost(one) for one in found))


def is_lost(one: dict[str, Any]) -> bool:
    """Nobody has it, and it is not just on its way."""
    return bool(one["state"] == "undelivered" and one["message"]["kind"] != "test")


def list_page(found: list[dict[str, Any]]) -> str:
    """One line per message."""
    rows = [
        (one["id"], render.clock(one["created_at"]), one["message"]["kind"], state(one), one["message"]["title"])
        for one in found
    ]
    return render.table(rows, ("N", "WRITTEN", "KIND", "STATE", "WHAT"))


def state(one: dict[str, Any]) -> str:
    """Where it is, in a few words."""
    if one["state"] == "told":
        return f"told by {one['delivered_by']}"
    if one["state"] == "held":
        return f"held until {render.clock(one['due_at'])}"
    return "NOT DELIVERED" if is_lost(one) else str(one["state"])


def page(one: dict[str, Any]) -> str:
    """One message."""
    message = one["message"]
    lines = [
        f"Notification {one['id']}  {message['kind']}  {render.line(message['title'])}",
        render.line(one["sentence"]),
    ]
    lines.append(f"Written {render.clock(one['created_at'])}, channels: {', '.join(one['channels']) or 'none'}")
    if message.get("incident"):
        lines.append(f"Incident: wk incidents show {message['incident']}")
    if one["carries"]:
        lines.append(
            f"It carries {render.count(len(one['carries']), 'other message')}: {', '.join(map(str, one['carries']))}"
        )
    rows = [
        (render.clock(each["at"]), each["channel"], "took it" if each["ok"] else each["error"])
        for each in reversed(one["attempts"])
    ]
    tried = "Attempts\n" + render.table(rows, indent=2) if rows else "It was not tried yet."
    return "\n".join(lines) + "\n\n" + render.block(message["body"], "  | ") + "\n\n" + tried


def channels_page(found: list[dict[str, Any]]) -> str:
    """One line per channel."""
    rows = []
    for one in found:
        words = "takes messages"
        if one["down"]:
            words = f"DOWN, tried again {render.clock(one['retry_at'])}: {one['error']}"
        elif one["failures"]:
            words = f"failed {render.count(one['failures'], 'time')}: {one['error']}"
        rows.append((one["name"], one["kind"], words))
    return render.table(rows, ("CHANNEL", "KIND", "")) if rows else "No channel is declared: nobody can be told."
