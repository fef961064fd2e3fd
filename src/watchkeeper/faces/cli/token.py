"""`wk token`: API tokens of people and agents."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk token add laptop                          one of your own: act, for 90 days
  wk token add "mobile app" --scope approve --expires 30d
  wk token add ci --user robo --scope act --services shop
  wk token revoke 7
  wk token revoke --all                        all of your own; of somebody: --user NAME"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk token ...`."""
    actions = group(
        commands, "token", "API tokens. One is shown once, when it is made; only its digest is kept.", EXAMPLES
    )
    listed = verb(actions, "list", "Tokens with scope, end, and last use.")
    listed.add_argument("--user", default="", metavar="NAME", help="of this account; * for everybody (admins)")
    added = verb(actions, "add", "A new token; it goes to standard output alone.")
    added.add_argument("label", metavar="LABEL", help="where it is used")
    added.add_argument("--user", default="", metavar="NAME", help="of this account (admins; default: your own)")
    added.add_argument("--scope", default="act", metavar="SCOPE", help="read, act, approve or admin (default: act)")
    added.add_argument("--services", default="*", metavar="SEL", help="a service or label=value (default: * for all)")
    added.add_argument(
        "--expires", default="90d", metavar="TIME", help="30d, 12h; never: for agents only (default: 90d)"
    )
    revoked = verb(actions, "revoke", "It is refused from the next call on.")
    revoked.add_argument("id", nargs="?", type=int, metavar="ID")
    revoked.add_argument("--all", action="store_true", help="all of your own, or of --user NAME (* for everybody)")
    revoked.add_argument("--user", default="", metavar="NAME")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "add":
        body = {
            "label": arguments.label, "account": arguments.user, "scope": arguments.scope,
            "services": arguments.services, "expires_s": seconds(arguments.expires),
        }  # fmt: skip
        return _show(client.post("/tokens", body), arguments)
    if arguments.action == "revoke":
        return _revoke(arguments, client)
    answer = client.get("/tokens", account=arguments.user)
    render.show_json(answer) if arguments.json else print(page(answer["tokens"]))
    return 0


def seconds(text: str) -> float | None:
    """How long a token holds; None for ``never``. Raises `Usage`."""
    from watchkeeper.core.times import parse_duration

    if text == "never":
        return None
    found = parse_duration(text)
    if found is None:
        raise Usage(f"--expires {text} is no time.", "Give it as 90d or 12h.")
    return float(found)


def _show(answer: dict[str, Any], arguments: Namespace) -> int:
    if arguments.json:
        render.show_json(answer)
        return 0
    token = answer["token"]
    until = render.clock(token["expires_at"]) if token["expires_at"] else "no end"
    render.note(f"Token {token['id']} of {token['account']}: {token['scope']} on {token['services']}, until {until}.")
    render.note("It is shown once:")
    print(token["text"])
    render.note("It is used as WATCHKEEPER_TOKEN, or over TCP as Authorization: Bearer.")
    return 0


def _revoke(arguments: Namespace, client: Any) -> int:
    if arguments.all == (arguments.id is not None):
        raise Usage("Say which: a number, or --all.", "List them: wk token.")
    if arguments.all:
        answer = client.post("/tokens/revoke-all", {"account": arguments.user})
        told = f"{render.count(answer['revoked'], 'token')} ended."
    else:
        answer = client.post("/tokens/revoke", {"id": arguments.id})
        told = f"Token {arguments.id} of {answer['token']['account']} ended."
    render.show_json(answer) if arguments.json else print(told)
    return 0


def page(tokens: list[dict[str, Any]]) -> str:
    """One line per token."""
    if not tokens:
        return "No tokens. Make one: wk token add LABEL."
    rows = [
        (one["id"], one["account"], one["label"], f"{one['scope']} on {one['services']}", one["state"],
         f"until {render.clock(one['expires_at'])}" if one["expires_at"] else "no end",
         f"used {render.clock(one['last_used_at'])} from {one['last_used_from']}" if one["last_used_at"] else "never used")
        for one in tokens
    ]  # fmt: skip
    return render.table(rows, ("ID", "OF", "LABEL", "REACHES", "STATE", "", ""))
