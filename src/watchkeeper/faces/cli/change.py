"""`wk change add`: a deploy script tells what it did, so that it is a suspect of what breaks next."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk change add --service shop "shop 2.14.1"                     a deployment, also in the log
  wk change add --service shop --key "$CI_JOB" "shop 2.14.1"     told once, however often the job runs
  wk change add --host app1 --kind configuration "opened port 8443" """


def add_parser(commands: Any) -> None:
    """Parsers of `wk change ...`."""
    actions = group(commands, "change", "Tell of a change, for deploy scripts.", EXAMPLES)
    added = verb(actions, "add", "Tell of a change.")
    added.add_argument("title", metavar="TITLE", nargs="+", help='what changed, as "shop 2.14.1"')
    added.add_argument("--service", default="", metavar="NAME", help="the service it is about")
    added.add_argument("--host", default="", metavar="NAME", help="the host it is about")
    added.add_argument(
        "--kind", default="deployment", metavar="KIND", help="deployment (default), configuration or migration"
    )
    added.add_argument("--detail", default="", metavar="TEXT", help="more about it")
    added.add_argument("--key", default="", metavar="KEY", help="the same key again changes nothing")
    added.add_argument("--at", default="", metavar="TIME", help="when, in UTC, as 2026-11-21T10:20:00Z (default: now)")


def run(arguments: Namespace) -> int:
    """Tell."""
    body = {name: getattr(arguments, name) for name in ("service", "host", "kind", "detail", "key", "at")}
    answer = client_of(arguments).post("/changes", body | {"title": " ".join(arguments.title)})
    change = answer["change"]
    about = render.line(change["service"] or change["host"])
    said = f"Change {change['id']}: {render.line(change['title'])}, on {about}, {render.clock(change['at'])}."
    render.show_json(answer) if arguments.json else print(said)
    return 0
