"""`wk whoami`: who calls, and what he may do here."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk whoami                             name, role, how far the token reaches, and every act with its reason
  wk whoami --service worker            what you may do on worker, and whom to ask for the rest
  WATCHKEEPER_TOKEN=... wk --json whoami --service shop"""


def add_parser(commands: Any) -> None:
    """Parser of `wk whoami`."""
    parser = verb(commands, "whoami", "Who you are here, and what you may do.", EXAMPLES)
    parser.add_argument("--service", default="", metavar="S", help="on this service; default: on what is the team's")
    parser.add_argument("--allowed", action="store_true", help="only what you may do")


def run(arguments: Namespace) -> int:
    """Ask and show."""
    query: dict[str, Any] = {"service": arguments.service} | ({"allowed": True} if arguments.allowed else {})
    answer = client_of(arguments).get("/me/may", **query)
    if arguments.json:
        render.show_json(answer)
    else:
        print(page(answer["may"]))
    return 0


def page(may: dict[str, Any]) -> str:
    """Who, then the acts: what is allowed first, then what is not, each with its reason."""
    actor = may["actor"]
    lines = [_who(actor), *_limits(actor, may)]
    where = f"on {may['service']}" if may["service"] else "on what is the team's"
    allowed = [each for each in may["acts"] if each["allowed"]]
    code = [each for each in may["acts"] if each["needs_factor"]]
    refused = [each for each in may["acts"] if not each["allowed"] and not each["needs_factor"]]
    for title, acts in (
        (f"You may, {where}", allowed), ("After a second factor", code), ("You may not", refused),
    ):  # fmt: skip
        if acts:
            lines += ["", f"{title}:"]
            width = max(len(each["action"]) for each in acts)
            lines += [f"  {each['action']:<{width}}  {_why(each)}" for each in acts]
    return "\n".join(lines)


def _who(actor: dict[str, Any]) -> str:
    roles = ", ".join([actor["role"], *(f"{each['role']} on {each['services']}" for each in actor["roles"])])
    how = f", by {actor['via']}" if actor["via"] else ""
    return f"You are {actor['name']}, {'an agent' if actor['kind'] == 'agent' else 'a ' + actor['kind']}: {roles}{how}."


def _limits(actor: dict[str, Any], may: dict[str, Any]) -> list[str]:
    lines = []
    if actor["scope"] != "admin" or actor["services"] != "*":
        on = "everything" if actor["services"] == "*" else actor["services"]
        lines.append(f"This token reaches as far as {actor['scope']}, on {on}.")
    if may["services"]:
        lines.append("By service: " + ", ".join(f"{name} {role}" for name, role in may["services"].items()) + ".")
    if may["left"]:
        left = ", ".join(f"{number} {name.replace('_per_hour', '')}" for name, number in may["left"].items())
        lines.append(f"Left in this hour: {left}.")
    return lines


def _why(act: dict[str, Any]) -> str:
    if act["allowed"]:
        return str(act["words"])
    return " ".join(word for word in (act["reason"], act["ask"]) if word)
