"""`wk user`: people and agents, their roles, and how they get in."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of, ops_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk user add ada --role admin     prints a link by which she sets her password; the first is an admin
  wk user add ben --role operator --on shop --on tier=1
  wk user add ben --role approver --token    prints a token instead
  wk user add robo --agent --unix-user robo --limit requests_per_hour=20
  wk user second-factor                      set up an authenticator for yourself
  wk user recover ada                        an admin who is locked out; only while watchkeeper is stopped"""
ROLE_WORDS = "viewer, operator, approver or admin"
NAMED = (
    ("disable", "Nothing opens for this account any more, until it is enabled again."),
    ("enable", "The account may come again, with the tokens that still hold."),
    ("remove", "The account ends: its tokens, its second factors, and where it is signed in."),
)


def add_parser(commands: Any) -> None:
    """Parsers of `wk user ...`."""
    actions = group(
        commands, "user",
        "People and agents. From the first person on, whoever calls without a token is an agent, not a person.", EXAMPLES,
    )  # fmt: skip
    verb(actions, "list", "Accounts with their roles.")
    added = verb(actions, "add", "A new person, who gets a link to set a password, or a new agent.")
    _roles(added)
    added.add_argument("--agent", action="store_true", help="a program, which gets in by token or Unix user only")
    added.add_argument("--token", action="store_true", help="print a token instead of a link")
    _facts(added)
    changed = verb(actions, "change", "Other roles, address, Unix user or limits; what is not named stays.")
    _roles(changed)
    _facts(changed)
    for name, summary in NAMED:
        verb(actions, name, summary).add_argument("name", metavar="NAME")
    invited = verb(actions, "invite", "A new link by which this person sets a password; the one before is void.")
    invited.add_argument("name", metavar="NAME")
    invited.add_argument("--reset-factors", action="store_true", help="the authenticators of before are lost: they go")
    recovered = verb(
        actions, "recover", "An admin who is locked out gets in again, with a token; watchkeeper must be stopped."
    )
    recovered.add_argument("name", metavar="NAME")
    verb(actions, "second-factor", "Set up an authenticator for whoever calls: key, QR code, recovery codes.")


def _roles(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--role", default="", metavar="ROLE", help=f"{ROLE_WORDS}; default: what watchkeeper.yaml says")
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="SERVICE",
        help="only there: a service, or label=value (again for more)",
    )


def _facts(parser: ArgumentParser) -> None:
    parser.add_argument("--email", default=None, metavar="ADDRESS", help="for messages about the account")
    parser.add_argument(
        "--unix-user", default=None, metavar="NAME", help="of an agent: whose calls on this machine are its"
    )
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=N", help="of an agent: calls_per_hour, requests_per_hour"
    )


def run(arguments: Namespace) -> int:
    """Do the action."""
    action = arguments.action
    if action == "second-factor":
        from watchkeeper.faces.cli.second_factor import set_up

        return set_up(client_of(arguments), arguments.json)
    if action == "recover":
        return show_made(owner_of_state(arguments).post("/users/recover", {"name": arguments.name}), arguments)
    client = client_of(arguments)
    if action == "add":
        return show_made(client.post("/users", _new(arguments)), arguments)
    if action == "change":
        return _told(client.post("/users/change", _changes(arguments)), arguments)
    if action == "invite":
        body = {"name": arguments.name, "reset_factors": arguments.reset_factors}
        return show_made(client.post("/users/invite", body), arguments)
    if action in {name for name, _ in NAMED}:
        return _told(client.post(f"/users/{action}", {"name": arguments.name}), arguments)
    answer = client.get("/users")
    render.show_json(answer) if arguments.json else print(page(answer["users"]))
    return 0


def _new(arguments: Namespace) -> dict[str, object]:
    given = {
        "name": arguments.name, "kind": "agent" if arguments.agent else "person", "role": arguments.role,
        "on": arguments.on, "email": arguments.email, "unix_user": arguments.unix_user,
        "limits": limits(arguments.limit), "token": arguments.token,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _changes(arguments: Namespace) -> dict[str, object]:
    given: dict[str, object] = {"name": arguments.name, "role": arguments.role, "on": arguments.on}
    given |= {"email": arguments.email, "unix_user": arguments.unix_user}
    given |= {"limits": limits(arguments.limit)} if arguments.limit else {}
    return {name: value for name, value in given.items() if value is not None}


def limits(words: list[str]) -> dict[str, float]:
    """``NAME=N`` words as numbers. Raises `Usage`."""
    found: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise Usage(f"--limit {word} has no number.", "Give it as --limit requests_per_hour=20.") from None
    return found


def owner_of_state(arguments: Namespace) -> Client:
    """The API in this process, as the owner of the state directory. Raises `Locked` while a daemon holds it."""
    import atexit
    from pathlib import Path

    from watchkeeper.bootstrap.local import local_client
    from watchkeeper.faces.cli.client import Client

    local = local_client(Path(ops_of(arguments)), Path(state_of(arguments)), way="state")
    atexit.register(local.close)
    return Client(transport=local)


def show_made(answer: dict[str, Any], arguments: Namespace) -> int:
    """The token or link goes to standard output alone, so it can be sent into a file; what it is stands beside it."""
    if arguments.json:
        render.show_json(answer)
        return 0
    account = answer["user"]
    name, kind = account["name"], account["kind"]
    render.note(f"{name} is {roles_line(account['roles'])}.")
    if "token" in answer:
        render.note(f"This token is shown once; keep it where only {name} reads:")
        print(answer["token"])
        render.note("It is used as WATCHKEEPER_TOKEN, or in a file (chmod 600) that WATCHKEEPER_TOKEN_FILE names.")
    elif "invitation" in answer:
        render.note(f"By this link {name} sets a password, once, until {render.clock(answer['invitation']['until'])}:")
        print(answer["invitation"]["url"])
    elif kind == "agent":
        how = f"Its calls come from Unix user {account['unix_user']}." if account["unix_user"] else ""
        render.note(how or f"It needs a token: wk token add LABEL --user {name}.")
    return 0


def _told(answer: dict[str, Any], arguments: Namespace) -> int:
    if arguments.json:
        render.show_json(answer)
        return 0
    account = answer["user"]
    ends = {"disable": "is disabled", "remove": "is removed; the tokens have ended"}
    print(f"{account['name']} {ends.get(arguments.action) or 'is ' + roles_line(account['roles'])}.")
    return 0


def roles_line(roles: list[dict[str, str]]) -> str:
    """``operator on shop, tier=1``; a role on everything stands alone."""
    by_role: dict[str, list[str]] = {}
    for each in roles:
        by_role.setdefault(each["role"], []).append(each["services"])
    return "; ".join(
        role if "*" in places else f"{role} on {', '.join(places)}" for role, places in by_role.items()
    ) or "viewer"  # fmt: skip


def page(users: list[dict[str, Any]]) -> str:
    """One line per account."""
    if not users:
        return "Nobody yet: the owner of the state directory acts as 'local', with every right."
    rows = [
        (one["name"], one["kind"], roles_line(one["roles"]), _state(one),
         f"since {render.clock(one['added_at'])}, by {one['added_by']}")
        for one in users
    ]  # fmt: skip
    return render.table(rows, ("NAME", "KIND", "ROLES", "", ""))


def _state(one: dict[str, Any]) -> str:
    said = []
    if one["given"] != one["roles"]:
        said.append(f"given {roles_line(one['given'])}, lowered by watchkeeper.yaml")
    if one["disabled_at"]:
        said.append("disabled")
    elif one["invited_until"]:
        said.append(f"invited until {render.clock(one['invited_until'])}")
    said += [f"Unix user {one['unix_user']}"] if one["unix_user"] else []
    return "; ".join([*said, *(f"{name} {number:g}" for name, number in one["limits"].items())])
