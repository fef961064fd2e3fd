"""`wk grant`: a person's standing permission that a response may act by itself."""

from __future__ import annotations

from watchkeeper.core.errors import Forbidden, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.client import quoted
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk grant add shop/runbooks/web-down.md            90 days, changing steps, this text on these hosts
  wk grant add shop/runbooks/web-down.md --days 7
  wk grant revoke 3"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk grant ...`."""
    actions = group(
        commands, "grant", "Let a response act by itself. One changed byte of its runbook voids the grant.", EXAMPLES
    )
    verb(actions, "list", "Grants, with what they are bound to.")
    added = verb(actions, "add", "Grant a response. Shows what it would run, asks once.")
    added.add_argument("response", metavar="SERVICE/RUNBOOK", help="the response, as shop/runbooks/web-down.md")
    added.add_argument("--days", type=int, default=90, help="until it expires (default: 90)")
    added.add_argument("--destroy", action="store_true", help="also the steps that destroy")
    added.add_argument("--yes", action="store_true", help="do not ask")
    verb(actions, "revoke", "Take a grant back, from now on.").add_argument("grant", type=int, metavar="N")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "add":
        return add(client, arguments)
    if arguments.action == "revoke":
        answer = client.post(f"/grants/{arguments.grant}/revoke")
        render.show_json(answer) if arguments.json else print(
            f"Grant {arguments.grant} is revoked. Its response only proposes now."
        )
        return 0
    answer = client.get("/grants")
    render.show_json(answer) if arguments.json else print(page(answer["grants"]))
    return 0


def add(client: Client, arguments: Namespace) -> int:
    """Show the runbook's commands, ask, grant."""
    service, _, path = arguments.response.partition("/")
    if not service or not path:
        raise Usage(f"'{arguments.response}' names no response.", "Write SERVICE/RUNBOOK, as shop/runbooks/web-down.md")
    if not 1 <= arguments.days <= 366:
        raise Usage(f"--days {arguments.days}: a grant lasts 1 to 366 days.", "Grant again when it expires.")
    if not arguments.yes:
        book = client.get(f"/runbooks/{quoted(path)}")["runbook"]
        render.note(f"{path} may then run by itself for {service}, without asking:\n")
        render.note(commands_of(book))
    reach = "read, change and destroy" if arguments.destroy else "read and change; what destroys still asks"
    if not render.confirm(f"\nGrant this text for {arguments.days} days ({reach})? [y/N]", arguments.yes):
        raise Forbidden("Nothing was granted: you did not say yes.")
    body = {"response": arguments.response, "days": arguments.days, "destroy": arguments.destroy}
    answer = client.post("/grants", body)
    render.show_json(answer) if arguments.json else print(page([answer["grant"]]))
    return 0


def commands_of(book: dict[str, Any]) -> str:
    """The commands of a runbook as the API gives it, flat or by procedures."""
    steps = book.get("steps") or [step for procedure in book.get("procedures") or [] for step in procedure["steps"]]
    shown = []
    for step in steps:
        risk = render.RISK_WORDS.get(step["risk"], step["risk"])
        shown.append(f"{step['phase']}: {render.line(step['title'])} ({risk})\n{render.block(step['text'])}")
    return "\n".join(shown) or "(no commands)"


def page(grants: list[dict[str, Any]]) -> str:
    """One line per grant."""
    rows = [
        (one["id"], standing(one), one["response"], ", ".join(one["hosts"]) or "this host", one["runbook_digest"][:12],
         f"by {one['granted_by']}" + (", also destroys" if one.get("destroy") else ""))
        for one in grants
    ]  # fmt: skip
    if not rows:
        return "No grant. Every change waits for a person."
    return render.table(rows, ("N", "", "RESPONSE", "HOSTS", "TEXT", ""))


def standing(grant: dict[str, Any]) -> str:
    """Until when it holds, or why not any more."""
    if grant.get("revoked_at"):
        return f"revoked {render.clock(grant['revoked_at'])}"
    if (render.parse_time(grant["expires_at"]) or 0) < (render.parse_time(render.now_text()) or 0):
        return f"expired {render.clock(grant['expires_at'])}"
    return f"until {render.clock(grant['expires_at'])}"
