"""`wk expiries`: what runs out, the first end on top."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk expiries                    certificates, secrets, disks, grants, proofs, and what you wrote down
  wk expiries --within 30d       exit code 1 when one of them has ended
  wk expiries --json"""


def add_parser(commands: Any) -> None:
    """Parser of `wk expiries`."""
    parser = commands.add_parser(
        "expiries", help="What runs out.", description="What runs out, the first end on top. Exit code 1 when something has "
        "ended.", epilog=f"examples:\n{EXAMPLES}",
    )  # fmt: skip
    parser.add_argument("--within", default="366d", metavar="TIME", help="only what ends in that time (default: 366d)")


def run(arguments: Namespace) -> int:
    """List."""
    from watchkeeper.core.times import parse_duration

    within_s = parse_duration(arguments.within)
    if not within_s:
        raise Usage(f"--within {arguments.within} is no time.", "Write 30d or 12h.")
    answer = client_of(arguments).get("/expiries", days=within_s / 86400.0)
    render.show_json(answer) if arguments.json else print(page(answer["expiries"], arguments.within))
    return 1 if any(one["left_s"] <= 0 and one["kind"] != "backup" for one in answer["expiries"]) else 0


def page(found: list[dict[str, Any]], within: str) -> str:
    """One line each."""
    from watchkeeper.core.times import format_duration

    if not found:
        return f"Nothing that is known of runs out within {within}."
    rows = []
    for one in found:
        left = one["left_s"]
        over = (
            f"overdue by {format_duration(-left)}" if one["kind"] == "backup" else f"ended {format_duration(-left)} ago"
        )
        word = over if left <= 0 else f"{'about ' if one['forecast'] else ''}{format_duration(left)}"
        rows.append(
            (
                (one["day"] or one["ends_at"])[:10],
                word,
                one["kind"],
                render.line(one["what"]),
                render.line(one["owner"] or ""),
            )
        )
    return render.table(rows, ("ENDS", "IN", "KIND", "WHAT", "OWNER"))
