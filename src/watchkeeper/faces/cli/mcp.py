"""`wk mcp`: watchkeeper for AI agents, by the Model Context Protocol."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import NoAnswer
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import find_state, ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk mcp                       serve on standard input and output; an agent's program starts it
  wk mcp --print-config        what to write into the configuration of common clients
  wk mcp --print-config --http  the same for a client that calls over HTTP"""


def add_parser(commands: Any) -> None:
    """Parser of `wk mcp`."""
    parser = verb(
        commands, "mcp", "Watchkeeper for AI agents, by the Model Context Protocol.\nThe agent reads, searches, writes notes "
        "and log entries, and asks for runbooks;\na person approves each step of what it asks for.", EXAMPLES,
    )  # fmt: skip
    parser.add_argument("--print-config", action="store_true", help="print the JSON for common clients, and end")
    parser.add_argument("--http", action="store_true", help="with --print-config: for a client that calls over HTTP")


def run(arguments: Namespace) -> int:
    """Replace this process by the server, or print how it is started."""
    named = arguments.state or os.environ.get("WATCHKEEPER_STATE", "")
    ops = ops_of(arguments) if arguments.ops or not named else ""
    state = find_state(arguments.state, ops)
    if arguments.print_config:
        from watchkeeper.faces.cli import render

        render.show_json(over_http(state) if arguments.http else over_stdio(ops, state))
        return 0
    if not os.path.exists(os.path.join(state, "main.sock")):
        raise NoAnswer(f"watchkeeper does not run on {state}.", "Start it with 'wk up'; agents call what runs.")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "watchkeeper.programs.mcp", "--state", state])
    return 0


def over_stdio(ops: str, state: str) -> dict[str, Any]:
    """The form that most clients share. The token stands in the environment of the agent's program, never here."""
    words = ["--ops", ops] if ops else []
    if not ops or state != os.path.join(ops, ".watchkeeper"):
        words += ["--state", state]
    return {"mcpServers": {"watchkeeper": {"command": _program(), "args": [*words, "mcp"]}}}


def over_http(state: str) -> dict[str, Any]:
    """The same for Streamable HTTP; the client fills in the token from its own environment or store."""
    import json

    try:
        with open(os.path.join(state, "web.url"), encoding="utf-8") as file:
            address = str(json.load(file)["url"])
    except (OSError, ValueError, KeyError):
        raise NoAnswer(
            f"watchkeeper does not run on {state}, so its address is not known.", "Start it: wk up."
        ) from None
    header = {"Authorization": "Bearer ${WATCHKEEPER_TOKEN}"}
    return {"mcpServers": {"watchkeeper": {"type": "http", "url": f"{address}/mcp", "headers": header}}}


def _program() -> str:
    """How this command was called, as a path that does not depend on where one stands."""
    called = sys.argv[0]
    return os.path.abspath(called) if os.path.basename(called) in ("wk", "watchkeeper") else "wk"
