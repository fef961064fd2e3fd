"""`wk tasks`: what is still to be done, from entries, incidents and shifts in one list."""

from __future__ import annotations

from watchkeeper.faces.cli import task
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk tasks                       everything open, what is due on top
  wk tasks --mine --due          exit code 1 when something of yours is due
  wk tasks --ended               what was done, dropped or proven in the last 30 days"""


def add_parser(commands: Any) -> None:
    """Parser of `wk tasks`."""
    parser = commands.add_parser(
        "tasks", help="What is to be done.", epilog=f"examples:\n{EXAMPLES}",
        description="What is to be done: follow-ups of entries, incidents and shifts. Acts on one: wk task.",
    )  # fmt: skip
    task.add_list(parser)


def run(arguments: Namespace) -> int:
    """List."""
    return task.show_list(client_of(arguments), arguments)
