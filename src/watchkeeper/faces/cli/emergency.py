"""`wk emergency`: everybody out at once."""

from __future__ import annotations

import os

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk emergency --why "laptop of ben was stolen"
  wk emergency --why "token in a public repository" --automation off --yes
  sudo systemctl stop watchkeeper; wk emergency --why "no admin can be reached"    by the owner of the state"""


def add_parser(commands: Any) -> None:
    """Parser of `wk emergency`."""
    parser = verb(
        commands, "emergency",
        "Revoke all tokens, sign everybody out, end links and invitations, replace all keys. There is no undo.", EXAMPLES,
    )  # fmt: skip
    parser.add_argument("--why", required=True, metavar="TEXT", help="for the log; others read it first")
    parser.add_argument(
        "--automation", choices=("off", "as-is"), default="as-is", help="off: nothing acts by itself any more"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: Namespace) -> int:
    """Ask once, do it, say per item what was done and what is left to do."""
    if not arguments.why.strip():
        raise Usage("An emergency needs a reason: others read it first.", "Give --why TEXT.")
    question = "Sign out everybody, yourself included, and end every token and key now? [y/N]"
    if not render.confirm(question, arguments.yes):
        render.note("Nothing was done.")
        return 1
    body = {"why": arguments.why, "automation_off": arguments.automation == "off"}
    answer = _client(arguments).post("/emergency", body)
    render.show_json(answer) if arguments.json else print(page(answer["emergency"]))
    return 0


def _client(arguments: Namespace) -> Any:
    """The running daemon; without one the owner of the state acts, whoever has an account."""
    from watchkeeper.faces.cli.client import answers
    from watchkeeper.faces.cli.user import owner_of_state

    state = arguments.state or os.environ.get("WATCHKEEPER_STATE", "")
    if answers(os.path.join(os.path.abspath(state) if state else state_of(arguments), "main.sock")):
        return client_of(arguments)
    return owner_of_state(arguments)


def page(told: dict[str, Any]) -> str:
    """What was done, then what a person must do."""
    lines = ["Done:"]
    lines += [f"  {each['what']}" + (f": {each['many']}" if each["many"] is not None else "") for each in told["done"]]
    lines += ["", "To do outside, by a person:"]
    lines += [
        f"  replace the secret {each['name']} where it comes from ({each['where']})"
        + (f", owner {each['owner']}" if each["owner"] else "")
        for each in told["outside"]
    ] or ["  secrets.yaml names no secret"]
    lines += [
        "  replace SSH keys and passwords that who came in could read",
        "  hand out new keys: wk keys show, wk oncall export; new tokens: wk token add",
        "",
        f"It is entry {told['entry']} of the log. Sign in again with password and second factor; an admin who cannot:",
        "  stop watchkeeper, then wk user recover NAME",
    ]
    return "\n".join(lines)
