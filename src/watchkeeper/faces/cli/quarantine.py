"""`wk automation quarantine` and `wk automation report --month`: what is set aside, and the figures of a month."""

from __future__ import annotations

from watchkeeper.faces.cli import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client


def run(client: Client, arguments: Namespace) -> int:
    """List what is set aside, or release one."""
    if arguments.what == "release":
        body = {"response": arguments.response, "reason": " ".join(arguments.reason)}
        answer = client.post("/automation/quarantine/release", body)
        said = f"{render.line(arguments.response)} is released: it may act again under its grant."
        render.show_json(answer) if arguments.json else print(said)
        return 0
    answer = client.get("/automation/quarantine", released=str(bool(arguments.all)).lower())
    render.show_json(answer) if arguments.json else print(page(answer["quarantines"]))
    return 0


def page(found: list[dict[str, Any]]) -> str:
    """One line each; the way out below."""
    if not found:
        return "Nothing is set aside."
    rows = []
    for one in found:
        ended = f"released by {one['released_by']}" if one.get("released_at") else "set aside"
        rows.append((render.line(one["response"]), render.clock(one["at"]), ended, render.line(one["why"])))
    lines = [render.table(rows, ("RESPONSE", "SINCE", "STATE", "WHY"))]
    held = [one for one in found if not one.get("released_at")]
    if held:
        lines.append(
            f"Mend the runbook, or release it: wk automation quarantine release {render.line(held[0]['response'])}"
        )
    return "\n".join(lines)


def month(client: Client, arguments: Namespace) -> int:
    """The figures of one month."""
    answer = client.get("/automation/month", month=arguments.month)
    render.show_json(answer) if arguments.json else print(month_page(answer["month"]))
    return 0


def month_page(made: dict[str, Any]) -> str:
    """The figures, each with what it is of."""
    rows = [
        ("incidents", f"{made['incidents']} opened, {made['closed']} of them closed"),
        ("auto-fix", f"{made['auto_fixed']}{share(made['auto_fix_share'])} fixed and proven, nobody had a hand in it"),
        ("with people", f"{made['person_fixed']} fixed and proven with a person, {made['unproven']} closed as unproven"),
        ("by themselves", f"{made['recovered']} recovered without a fix"),
        ("escalation", f"{made['escalated']}{share(made['escalation_share'])}"),
        ("false closure", f"{made['false_closures']} of {made['proofs']} proofs{share(made['false_closure_share'])}"),
        ("recurrence", f"{made['recurred']}{share(made['recurrence_share'])} came back"),
        ("saved", f"{made['saved_s'] / 60:.0f} min, known for {made['compared']} of {made['auto_fixed']} auto-fixes"),
    ]  # fmt: skip
    return f"{made['month']}\n{render.table(rows, indent=2)}\nHow saved is counted: {made['how_saved']}"


def share(value: float | None) -> str:
    """`` (12 %)``; "" where there is nothing to divide by."""
    return "" if value is None else f" ({value * 100:.0f} %)"
