"""`wk availability`: up, degraded, down, maintenance and unknown, by service and check."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk availability                                   all services, the last 30 days
  wk availability shop --since 90d                  one service with its checks
  wk availability --since 2026-10-01 --until 2026-11-01"""


def add_parser(commands: Any) -> None:
    """The parser of `wk availability`."""
    parser = verb(
        commands,
        "availability",
        "How long services were up, degraded, down, under maintenance or unknown. Shares are of the known time.",
        EXAMPLES,
    )
    parser.add_argument(
        "service", nargs="?", default="", metavar="SERVICE", help="with its checks; default: all services"
    )
    parser.add_argument(
        "--since", default="30d", metavar="TIME", help="30d, 2026-11-01 or 2026-11-01T08:00Z (default: 30d)"
    )
    parser.add_argument("--until", default="", metavar="TIME", help="the end; default: now")


def run(arguments: Namespace) -> int:
    """Show it."""
    from urllib.parse import urlencode

    query = {"service": arguments.service, "since": arguments.since, "until": arguments.until}
    answer = client_of(arguments).get(
        "/availability?" + urlencode({name: value for name, value in query.items() if value})
    )
    if arguments.json:
        render.show_json(answer)
        return 0
    print(page(answer["availability"], bool(arguments.service)))
    return 0


def page(rows: list[dict[str, Any]], with_checks: bool) -> str:
    """A table: the whole first, then each check."""
    if not rows:
        return "No service is defined yet."
    lines = []
    for one in rows:
        lines.append(_line(render.line(one["service"]), one))
        if with_checks:
            lines += [_line("  " + render.line(check["check"].partition("/")[2]), check) for check in one["checks"]]
    table = render.table(lines, ("SERVICE", "UP", "DEGRADED", "DOWN", "MAINTENANCE", "UNKNOWN"))
    return f"{table}\n\nShares of the time that is known; UNKNOWN is a share of the whole time."


def _line(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    shares = one["shares"]
    return (name, *(_percent(shares[part]) for part in ("up", "degraded", "down", "maintenance", "unknown")))


def _percent(share: float | None) -> str:
    """A share for people; never rounded up to 100 or down to 0."""
    if share is None:
        return "-"
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{min(max(share * 100, 0.001), 99.999):.3f} %"
