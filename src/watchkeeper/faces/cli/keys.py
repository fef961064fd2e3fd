"""`wk keys`: the lasting keys of addresses that other programs use: pings, alerts, metrics, health."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

PURPOSES = ("ping", "alerts", "metrics", "health")
EXAMPLES = """\
  wk keys show metrics            the bearer token with which Prometheus reads /metrics
  wk keys show alerts             for Alertmanager's webhook: /alerts/KEY
  wk keys show health             for the other watchkeeper: /health/KEY
  wk keys rotate alerts           a new one; the old one is refused from now on"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk keys ...`."""
    actions = group(
        commands, "keys", "Keys of addresses that other programs use. Whoever has one may use it.", EXAMPLES
    )
    for name, summary in (
        ("show", "Print a key that holds now."),
        ("rotate", "Replace a key; the old one is refused."),
    ):
        parser = verb(actions, name, summary)
        parser.add_argument("purpose", choices=PURPOSES)
        parser.add_argument("check", nargs="?", default="", metavar="SERVICE/CHECK", help="of a ping key")


def run(arguments: Namespace) -> int:
    """Do the action."""
    if (arguments.purpose == "ping") != bool(arguments.check):
        raise Usage("A ping key is one of a check; the others stand alone.", "wk keys show ping SERVICE/CHECK")
    client = client_of(arguments)
    if arguments.action == "show":
        answer = client.get(f"/keys/{arguments.purpose}", subject=arguments.check)
    else:
        answer = client.post(f"/keys/{arguments.purpose}/rotate", {"subject": arguments.check})
    render.show_json(answer) if arguments.json else print(answer["key"])
    return 0
