"""`wk report`: availability against targets, response times, what automation did, in a month."""

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
  wk report                                  the month under way
  wk report --month 2026-10 --markdown > october.md
  wk report --month 2026-10 --csv            one line per service, durations in seconds"""


def add_parser(commands: Any) -> None:
    """Parser of `wk report`."""
    summary = "A month: availability against targets, response times, automation, incidents."
    parser = verb(commands, "report", summary, EXAMPLES)
    parser.add_argument("--month", default="", metavar="MONTH", help="such as 2026-10; default: the one under way")
    parser.add_argument("--service", default="", metavar="S", help="only this service")
    parser.add_argument("--csv", action="store_true", help="comma separated, one line per service")
    parser.add_argument("--markdown", action="store_true", help="a document in Markdown")


def run(arguments: Namespace) -> int:
    """Show the report. Exit code 1 while a promise is broken."""
    client = client_of(arguments)
    if arguments.csv + arguments.markdown + arguments.json > 1:
        raise Usage("A report comes in one form.", "Give one of --csv, --markdown and --json.")
    asked = {"month": arguments.month, "service": arguments.service}
    if arguments.csv or arguments.markdown:
        form = "csv" if arguments.csv else "markdown"
        print(client.get("/reports/text", **asked, form=form)["report"]["text"], end="")
        return 0
    answer = client.get("/reports", **asked)
    render.show_json(answer) if arguments.json else print(page(answer["report"]))
    return int(any(each["kept"] is False for each in answer["report"]["services"]))


def page(report: dict[str, Any]) -> str:
    """The report in lines."""
    rows = [
        (
            render.line(each["service"]), _percent(each["target"]), _percent(each["available"]), _budget(each),
            _lasted(each["down_s"]), str(each["incidents"]),
        )
        for each in report["services"]
    ]  # fmt: skip
    under_way = "" if report["complete"] else ", under way"
    parts = [f"{report['month']}{under_way}"]
    parts.append(
        render.table(rows, ("SERVICE", "TARGET", "AVAILABLE", "BUDGET", "DOWN", "INCIDENTS"))
        if rows
        else "No services."
    )
    times = [
        (name, str(one["count"]), _lasted(one["p50_s"]), _lasted(one["p95_s"])) for name, one in report["times"].items()
    ]
    parts.append(render.table(times, ("TOOK", "INCIDENTS", "MEDIAN", "95 %")))
    auto = report["automation"]
    parts.append(
        f"Runs: {auto['proposed']} proposed, {auto['acted']} acted; {auto['proven']} proven, {auto['unproven']} not proven, "
        f"{auto['failed']} failed; {auto['false_closures']} false closures."
    )
    counts = report["incidents"]
    for title, found in (
        ("severity", counts["by_severity"]),
        ("service", counts["by_service"]),
        ("cause", counts["by_cause"]),
    ):
        if found:
            parts.append(render.line(f"By {title}: " + ", ".join(f"{name} {count}" for name, count in found.items())))
    return "\n\n".join(parts)


def _percent(share: float | None) -> str:
    from watchkeeper.core.reports import percent

    return "" if share is None else percent(share)


def _lasted(seconds: float | None) -> str:
    from watchkeeper.core.times import format_duration

    return "" if seconds is None else format_duration(seconds)


def _budget(one: dict[str, Any]) -> str:
    if one["left_s"] is None:
        return ""
    over = one["left_s"] < 0
    return f"{_lasted(abs(one['left_s']))} {'over' if over else 'left'} of {_lasted(one['budget_s'])}"
