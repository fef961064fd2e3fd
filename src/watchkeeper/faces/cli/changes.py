"""`wk changes`: what changed, newest first."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

WIDEST = 90
EXAMPLES = """\
  wk changes                          of the last 24 hours, newest first
  wk changes --service shop --since 7d      on shop, its hosts, and what it needs
  wk changes --kind package --json"""


def add_parser(commands: Any) -> None:
    """Parser of `wk changes`."""
    parser = commands.add_parser(
        "changes", help="What changed.", description="What changed, newest first: files, commits, packages, reboots,\n"
        "images, deployments, runs, windows, log entries.", epilog=f"examples:\n{EXAMPLES}",
    )  # fmt: skip
    parser.add_argument("--service", default="", metavar="NAME", help="only on it, its hosts, and what it needs")
    parser.add_argument("--since", default="24h", metavar="TIME", help="how far to look back (default: 24h)")
    parser.add_argument("--kind", default="", metavar="KIND", help="deployment, configuration, package, ...")
    parser.add_argument("--limit", type=int, default=200, help="at most this many (default: 200)")


def run(arguments: Namespace) -> int:
    """List."""
    hours = seconds(arguments.since) / 3600.0
    answer = client_of(arguments).get(
        "/changes", hours=hours, service=arguments.service or None, kind=arguments.kind or None, limit=arguments.limit
    )
    render.show_json(answer) if arguments.json else print(page(answer, arguments))
    return 0


def short(title: str) -> str:
    """What fits beside the rest; the whole is in --json."""
    return title if len(title) <= WIDEST else f"{title[: WIDEST - 3]}..."


def seconds(text: str) -> float:
    """``24h`` in seconds. Raises `Usage`."""
    from watchkeeper.core.times import parse_duration

    found = parse_duration(text)
    if not found:
        raise Usage(f"--since {text} is no time.", "Write 90m, 24h or 7d.")
    return found


def page(answer: dict[str, Any], arguments: Namespace) -> str:
    """One line per change, then which hosts are not looked at."""
    rows = [
        (render.clock(one["at"]), one["kind"], render.line(one["service"] or one["host"] or ""),
         short(render.line(one["title"])), render.line(one["actor"]))
        for one in answer["changes"]
    ]  # fmt: skip
    about = f" on {arguments.service}, its hosts or what it needs" if arguments.service else ""
    lines = [
        render.table(rows, ("WHEN", "KIND", "ON", "WHAT", "BY"))
        if rows
        else f"Nothing that is watched changed{about} in the last {arguments.since}."
    ]
    for one in answer.get("skipped", []):
        lines += [f"Not looked at on {render.line(one['host'])}: {render.line(why).rstrip('.')}." for why in one["why"]]
    return "\n".join(lines)
