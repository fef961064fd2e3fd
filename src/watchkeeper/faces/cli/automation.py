"""`wk automation`: the kill switch, what acting by itself has brought so far, and what is set aside."""

from __future__ import annotations

from watchkeeper.core.runs.causes import CAUSES
from watchkeeper.faces.cli import quarantine, render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "report"
EXAMPLES = """\
  wk automation off moving the database    nothing changes anything by itself from now on
  wk automation on
  wk automation report --days 30           what acting by itself brought, or would have brought
  wk automation report --month 2026-10     auto-fix, escalation, false closure, recurrence, minutes saved
  wk automation quarantine                 what is set aside after two failed verifications
  wk automation quarantine release shop/runbooks/web-down.md mended its command"""
BLOCKED = "stood against it"


def add_parser(commands: Any) -> None:
    """Parsers of `wk automation ...`."""
    actions = group(commands, "automation", "The kill switch, and what acting by itself brings.", EXAMPLES)
    verb(actions, "on", "Let granted responses act again.").add_argument("reason", nargs="*", metavar="REASON")
    verb(actions, "off", "Nothing acts by itself any more.").add_argument("reason", nargs="*", metavar="REASON")
    shown = verb(actions, "report", "Per response: what it did or would have done, and whether to grant it.")
    shown.add_argument("--days", type=float, default=14.0, help="how far to look back, up to 366 (default: 14)")
    shown.add_argument("--month", default="", metavar="YYYY-MM", help="instead: the figures of that month")
    aside = verb(actions, "quarantine", "Responses that are set aside until a person releases them: list, release.")
    aside.add_argument("what", nargs="?", choices=("list", "release"), default="list", help="default: list")
    aside.add_argument(
        "response", nargs="?", default="", metavar="RESPONSE", help="service/runbook-path, to release it"
    )
    aside.add_argument("reason", nargs="*", metavar="REASON", help="why it may act again")
    aside.add_argument("--all", action="store_true", help="also those that were released")


def run(arguments: Namespace) -> int:
    """Switch, or report."""
    client = client_of(arguments)
    if arguments.action == "quarantine":
        return quarantine.run(client, arguments)
    if arguments.action == "report" and getattr(arguments, "month", ""):
        return quarantine.month(client, arguments)
    if arguments.action == "report":
        days = getattr(arguments, "days", 14.0)
        switch = client.get("/automation")["automation"]
        answer = {"automation": {**switch, "report": client.get("/automation/report", days=days)["report"]}}
    else:
        answer = client.post("/automation", {"on": arguments.action == "on", "reason": " ".join(arguments.reason)})
    render.show_json(answer) if arguments.json else print(page(answer["automation"]))
    return 0


def page(automation: dict[str, Any]) -> str:
    """The switch, then the counts, then each response."""
    why = f" ({render.line(automation['why'])})" if automation.get("why") else ""
    lines = [
        f"Automation is on{why}: granted responses act by themselves."
        if automation["on"]
        else f"Automation is off{why}: everything only proposes. 'wk automation on' ends that."
    ]
    report = automation.get("report")
    if report:
        rows = [
            ("incidents", words(report["incidents"]) or "none"),
            ("runs", words(report["runs"]) or "none"),
            ("by mode", words(report["runs_by_mode"]) or "none"),
            ("grants", f"{report['grants']} in force"),
        ]
        lines += [f"The last {report['days']:g} days:", render.table(rows, indent=2)]
        lines += responses(report)
    return "\n".join(lines)


def responses(report: dict[str, Any]) -> list[str]:
    """A block per response, those that matched first; one sentence where there is none."""
    found = sorted(report["responses"], key=lambda one: -one["matched"])
    if not found:
        return ["", "No response is declared, so there is nothing to grant: write respond: into services/NAME.yaml."]
    lines = [text for one in found for text in ("", block(one))]
    if not report.get("complete", True):
        lines += ["", "There were more rows than are looked at: take fewer days."]
    return lines


def block(one: dict[str, Any]) -> str:
    """One response: how often, what came of it, what it would change, what stood against it, and the advice."""
    grant = f", grant {one['grant']}" if one.get("grant") else ", no grant in force" if one["mode"] == "auto" else ""
    rows = [("matched", times(one["matched"]))]
    if one["matched"]:
        rows.append(("acted itself", times(one["acted"])))
        if one["would_act"] != one["acted"]:
            rows.append(("would have", f"{times(one['would_act'])} if it had been granted all the time"))
        rows.append(("came of it", words({name: n for name, n in one["counts"].items() if n})))
    if one["blocked"]:
        rows.append((BLOCKED, ", ".join(f"{CAUSES.get(cause, cause)} ({n})" for cause, n in one["blocked"].items())))
    if one["false_closures"]:
        rows.append(("did not hold", f"{times(one['false_closures'])} within 24 h of its proof"))
    if one["changes"]:
        rows.append(("changes", one["blast_radius"]))
    head = f"{render.line(one['response'])}  (mode {one['mode']}{grant})"
    return f"{head}\n{render.table(rows, indent=2)}\n  {render.line(one['advice'])}"


def times(number: int) -> str:
    """``never``, ``once``, ``3 times``."""
    return {0: "never", 1: "once"}.get(number, f"{number} times")


def words(counts: dict[str, int]) -> str:
    """``3 fixed, 1 open``."""
    return ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counts.items())
