"""`wk open`: a one-time link to the web page."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import NoAnswer
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk open                      print the link
  wk open --browser            and open it
  wk open --wall               a link for a screen on the wall, which sees that one page only"""


def add_parser(commands: Any) -> None:
    """Parser of `wk open`."""
    parser = verb(commands, "open", "A link to the web page that works once, on this machine.", EXAMPLES)
    parser.add_argument("--browser", action="store_true", help="open it in the browser of this desktop")
    parser.add_argument("--wall", action="store_true", help="for a screen: it sees the wall and nothing else")


def run(arguments: Namespace) -> int:
    """Print the link (it signs in who follows it first: it goes to standard output only)."""
    client = client_of(arguments)
    if client.local:
        raise NoAnswer("No page is served: watchkeeper does not run for this ops repo.", "Start it with 'wk up'.")
    answer = client.post("/wall/links" if arguments.wall else "/links")
    if arguments.json:
        render.show_json(answer)
    else:
        print(answer["link"]["url"])
        if sys.stdout.isatty():
            render.note("It works once, and only on this machine.")
    if arguments.browser:
        import webbrowser

        if not webbrowser.open(answer["link"]["url"]):
            render.note("No browser was found here. Open the link by hand.")
    return 0
