"""`wk user`: people, their roles, and the tokens they prove themselves with until there is a sign-in."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of, ops_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk user add ada --role admin          prints her token once; the first person must be an admin
  wk user add ben --role approver
  WATCHKEEPER_TOKEN=... wk runs approve 4
  wk user recover ada                   a new token for a lost one; only while watchkeeper is stopped"""
ROLE_WORDS = "viewer, operator, approver or admin"


def add_parser(commands: Any) -> None:
    """Parsers of `wk user ...`."""
    actions = group(
        commands, "user",
        "People and roles. From the first person on, whoever calls without a token is an agent, not a person.", EXAMPLES,
    )  # fmt: skip
    verb(actions, "list", "People with their roles.")
    added = verb(actions, "add", "A person with a role, or a new token and role for one who is there.")
    added.add_argument("name", metavar="NAME")
    added.add_argument("--role", default="", metavar="ROLE", help=f"{ROLE_WORDS}; default: what watchkeeper.yaml says")
    verb(actions, "remove", "Her token ends at once.").add_argument("name", metavar="NAME")
    recovered = verb(
        actions, "recover", "A new token of an admin, by the owner of the state; watchkeeper must be stopped."
    )
    recovered.add_argument("name", metavar="NAME")


def run(arguments: Namespace) -> int:
    """Do the action."""
    if arguments.action == "recover":
        return show_token(
            owner_of_state(arguments).post("/users", {"name": arguments.name, "role": "admin"}), arguments
        )
    client = client_of(arguments)
    if arguments.action == "add":
        return show_token(client.post("/users", {"name": arguments.name, "role": arguments.role}), arguments)
    if arguments.action == "remove":
        answer = client.post("/users/remove", {"name": arguments.name})
        render.show_json(answer) if arguments.json else print(f"{arguments.name} is removed; the token has ended.")
        return 0
    answer = client.get("/users")
    render.show_json(answer) if arguments.json else print(page(answer["users"]))
    return 0


def owner_of_state(arguments: Namespace) -> Client:
    """The API in this process, as the owner of the state directory. Raises `Locked` while a daemon holds it."""
    import atexit
    from pathlib import Path

    from watchkeeper.bootstrap.main import local_client
    from watchkeeper.faces.cli.client import Client

    local = local_client(Path(ops_of(arguments)), Path(state_of(arguments)), way="state")
    atexit.register(local.close)
    return Client(transport=local)


def show_token(answer: dict[str, Any], arguments: Namespace) -> int:
    """The token goes to standard output alone, so it can be sent into a file; what it is stands beside it."""
    if arguments.json:
        render.show_json(answer)
        return 0
    person = answer["user"]
    render.note(
        f"{person['name']} is {person['role']}. This token is shown once; keep it where only {person['name']} reads:"
    )
    print(answer["token"])
    render.note("It is used as WATCHKEEPER_TOKEN, or in a file (chmod 600) that WATCHKEEPER_TOKEN_FILE names.")
    return 0


def page(users: list[dict[str, Any]]) -> str:
    """One line per person."""
    if not users:
        return "Nobody yet: the owner of the state directory acts as 'local', with every right."
    rows = [
        (one["name"], one["role"], f"given {one['given']}, lowered by watchkeeper.yaml" if one["given"] != one["role"] else "",
         f"since {render.clock(one['added_at'])}, by {one['added_by']}")
        for one in users
    ]  # fmt: skip
    return render.table(rows, ("NAME", "ROLE", "", ""))
