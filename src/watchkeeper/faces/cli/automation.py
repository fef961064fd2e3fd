"""`wk automation`: the kill switch, and what acting by itself has brought so far."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "report"
EXAMPLES = """\
  wk automation off moving the database    nothing changes anything by itself from now on
  wk automation on
  wk automation report"""
LOOK_BACK = 500


def add_parser(commands: Any) -> None:
    """Parsers of `wk automation ...`."""
    actions = group(commands, "automation", "The kill switch: off means that everything only proposes.", EXAMPLES)
    verb(actions, "on", "Let granted responses act again.").add_argument("reason", nargs="*", metavar="REASON")
    verb(actions, "off", "Nothing acts by itself any more.").add_argument("reason", nargs="*", metavar="REASON")
    verb(actions, "report", f"How incidents ended and runs went (the newest {LOOK_BACK}).")


def run(arguments: Namespace) -> int:
    """Switch, or report."""
    client = client_of(arguments)
    if arguments.action == "report":
        answer = {"automation": {**client.get("/automation")["automation"], "report": report(client)}}
    else:
        answer = client.post("/automation", {"on": arguments.action == "on", "reason": " ".join(arguments.reason)})
    render.show_json(answer) if arguments.json else print(page(answer["automation"]))
    return 0


def report(client: Client) -> dict[str, Any]:
    """Counts over the newest incidents and runs, and the grants that stand."""
    incidents = client.get("/incidents", limit=LOOK_BACK)["incidents"]
    runs = client.get("/runs", limit=LOOK_BACK)["runs"]
    now = render.parse_time(render.now_text()) or 0
    return {
        "incidents": tally(one.get("ending") or one["status"] for one in incidents),
        "runs": tally(one["state"] for one in runs),
        "runs_by_mode": tally(one["mode"] for one in runs),
        "grants": sum(
            not one.get("revoked_at") and (render.parse_time(one["expires_at"]) or 0) > now
            for one in client.get("/grants")["grants"]
        ),
    }


def tally(words: Any) -> dict[str, int]:
    """How often each word occurs."""
    counts: dict[str, int] = {}
    for word in words:
        counts[str(word)] = counts.get(str(word), 0) + 1
    return dict(sorted(counts.items()))


def page(automation: dict[str, Any]) -> str:
    """The switch, then the counts."""
    why = f" ({render.line(automation['why'])})" if automation.get("why") else ""
    lines = [
        f"Automation is on{why}: granted responses act by themselves."
        if automation["on"]
        else f"Automation is off{why}: everything only proposes. 'wk automation on' ends that."
    ]
    counts = automation.get("report")
    if counts:
        rows = [
            ("incidents", words(counts["incidents"]) or "none yet"),
            ("runs", words(counts["runs"]) or "none yet"),
            ("by mode", words(counts["runs_by_mode"]) or "none yet"),
            ("grants", f"{counts['grants']} in force"),
        ]
        lines.append(render.table(rows, indent=2))
    return "\n".join(lines)


def words(counts: dict[str, int]) -> str:
    """``3 fixed, 1 open``."""
    return ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counts.items())
