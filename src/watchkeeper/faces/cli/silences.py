"""`wk silence`: nobody is paged for a while. The checks go on, and their time counts as what it is."""

from __future__ import annotations

from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of
from watchkeeper.faces.cli.windows import add, add_lasting, add_schedule, add_wish, common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk silence add shop/disk --for 4h --why "disk ordered, arrives today"
  wk silence add label:env=test --for 1d --why "load test" --until-green
  wk silence add shop/queue --cron "0 3 * * *" --for 30m --why "nightly vacuum"
  wk silence extend 3 --for 1h
  wk silence end 3                     what still fails is told at once"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk silence ...`."""
    summary = "Mute alerts for a while, with a reason and an end. Checks go on, and the end of a trouble is still told."
    actions = group(commands, "silence", summary, EXAMPLES)
    verb(actions, "list", "What is silenced now, what comes next, and what was.")
    added = verb(actions, "add", "Silence from now or later on, once or recurring.")
    add_wish(added)
    add_schedule(added)
    add_lasting(actions, "silence")


def run(arguments: Namespace) -> int:
    """Do the action of `wk silence`."""
    client = client_of(arguments)
    if arguments.action == "add":
        return add(client, arguments, "silence")
    return common(client, arguments, "silence")
