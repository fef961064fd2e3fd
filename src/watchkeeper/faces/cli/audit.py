"""`wk audit`: who did, or was refused, what matters to security."""

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
  wk audit                            the newest acts
  wk audit --actor ada --since 7d
  wk audit --act token                all about tokens
  wk audit --outcome refused"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk audit ...`."""
    actions = group(commands, "audit", "The audit trail: sign-ins, refusals, tokens, roles, approvals.", EXAMPLES)
    listed = verb(actions, "list", "Acts, newest first.")
    listed.add_argument("--actor", default="", metavar="NAME")
    listed.add_argument("--act", default="", metavar="ACT", help="approve, token.add; token for all about tokens")
    listed.add_argument("--since", default="", metavar="TIME", help="as 24h or 7d")
    listed.add_argument("--outcome", default="", metavar="WORD", help="done, refused or failed")
    listed.add_argument("--limit", type=int, default=50, metavar="N")
    listed.add_argument("--before", type=int, default=None, metavar="ID", help="older than this one")


def run(arguments: Namespace) -> int:
    """Do the action."""
    answer = client_of(arguments).get(
        "/audit", actor=arguments.actor, act=arguments.act, since_s=_seconds(arguments.since), outcome=arguments.outcome,
        limit=arguments.limit, before=arguments.before,
    )  # fmt: skip
    render.show_json(answer) if arguments.json else print(page(answer["events"]))
    return 0


def _seconds(text: str) -> float | None:
    from watchkeeper.core.times import parse_duration

    found = parse_duration(text) if text else None
    if text and found is None:
        raise Usage(f"--since {text} is no time.", "Give it as 24h or 7d.")
    return found


def page(events: list[dict[str, Any]]) -> str:
    """One line per act."""
    if not events:
        return "Nothing."
    rows = [
        (one["id"], render.clock(one["at"]), one["actor"], one["act"], one["outcome"] if one["outcome"] != "done" else "",
         one["resource"], one["via"], one["address"], one["detail"])
        for one in events
    ]  # fmt: skip
    return render.table(rows, ("ID", "AT", "WHO", "ACT", "", "ON", "BY", "FROM", ""))
