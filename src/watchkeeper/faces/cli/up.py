"""`wk up`: become the supervisor of the two programs."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import Locked, Usage
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import find_state, ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk up                        the watch over ./ops; Ctrl-C ends it
  wk --ops /srv/ops up --port 8765"""


def add_parser(commands: Any) -> None:
    """Parser of `wk up`."""
    parser = verb(commands, "up", "Start the watch and the web page, in the foreground.", EXAMPLES)
    parser.add_argument("--port", type=int, default=None, help="of the web page on loopback (default: 8600, or a free one)")


def run(arguments: Namespace) -> int:
    """Replace this process by the supervisor, so that a service manager sees one process from the start."""
    from watchkeeper.faces.cli.client import answers

    ops = ops_of(arguments)
    state = find_state(arguments.state, ops)
    if arguments.port is not None and not 0 <= arguments.port <= 65535:
        raise Usage(f"--port {arguments.port} is not a port.", "Give one between 1 and 65535, or 0 for a free one.")
    if answers(os.path.join(state, "main.sock")):
        raise Locked(f"watchkeeper already runs for {ops}.", "'wk status' asks it; end it where it was started.")
    sys.stdout.flush()
    os.execv(sys.executable, command(ops, state, arguments.port))
    return 0


def command(ops: str, state: str, port: int | None) -> list[str]:
    """The supervisor's command line."""
    words = [sys.executable, "-m", "watchkeeper.programs.supervisor", "--ops", ops, "--state", state]
    return words if port is None else [*words, "--port", str(port)]
