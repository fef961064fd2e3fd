"""`wk search`: where words stand in what the team wrote."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk search restart order desk           runbooks, documents, services, hosts and log entries
  wk search stuck jobs --kind runbook    only runbooks; several kinds with commas
  wk search certificate --json"""


def add_parser(commands: Any) -> None:
    """Parser of `wk search`."""
    parser = verb(
        commands, "search", "Where words stand: runbooks, documents, queries, routines, services, hosts, the operations log.\n"
        "The best places first, then log entries, newest first. Exit code 1 when nothing is found.", EXAMPLES,
    )  # fmt: skip
    parser.add_argument("words", nargs="+", metavar="WORD", help="words, or a question")
    parser.add_argument(
        "--kind", default="", metavar="KINDS", help="runbook, document, query, routine, service, host, entry"
    )
    parser.add_argument("--limit", type=int, default=20, help="how many places at most (default: 20)")
    parser.add_argument("--offset", type=int, default=0, help="leave out so many of the best")


def run(arguments: Namespace) -> int:
    """Ask and show."""
    if not 1 <= arguments.limit <= 100 or arguments.offset < 0:
        raise Usage(f"--limit {arguments.limit} --offset {arguments.offset} cannot be.", "Give a limit from 1 to 100.")
    query = {"q": " ".join(arguments.words)[:200], "kind": arguments.kind}
    answer = client_of(arguments).get("/search", **query, limit=arguments.limit, offset=arguments.offset)
    render.show_json(answer) if arguments.json else print(page(answer))
    return 0 if answer["found"] else 1


def page(answer: dict[str, Any]) -> str:
    """Two lines for each place: where it is, and the words around."""
    if not answer["found"]:
        return f"Nothing holds {', '.join(answer['words'])}."
    lines = ["Nothing holds all of these words; some of them stand here:"] if answer["any_word"] else []
    for one in answer["found"]:
        within = f" > {render.line(one['heading'])}" if one["heading"] not in ("", one["title"]) else ""
        head, name = render.line(one["title"]) + within, render.line(one["name"])
        where = f"entry {name}, {one['at'][:10]}" if one["kind"] == "entry" else f"{one['kind']} {name}"
        lines += [f"{where}: {head}", *([f"    {render.line(one['snippet'])}"] if one["snippet"] else [])]
    return "\n".join([*lines, *([f"More: --offset {answer['more']}"] if answer["more"] else [])])
