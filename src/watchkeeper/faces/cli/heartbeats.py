"""How `wk ping list` and `wk ping show` look."""

from __future__ import annotations

from watchkeeper.faces.cli import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

WORDS = {"success": "ended well", "start": "started", "fail": "failed", "log": "told"}


def jobs(heartbeats: Sequence[dict[str, Any]]) -> str:
    """One line per job: state, last word, next expected."""
    if not heartbeats:
        return "No job is waited for. Declare one: heartbeat: {every: 1h, grace: 5m} in services/NAME.yaml."
    rows = [
        (each["state"], each["check"], _last(each), _took(each.get("duration_s")), _time(each.get("expected_at")))
        for each in heartbeats
    ]
    return render.table(rows, ("", "job", "last ping", "took", "next expected"), state_column=0)


def job(each: dict[str, Any]) -> str:
    """One job whole."""
    lines = [f"{render.state(each['state'])}  {render.line(each['check'])}: {render.line(each['schedule'])}"]
    told = each.get("problem") or ""
    if told:
        lines.append(render.line(told))
    if each.get("expected_at"):
        lines.append(f"Next expected {_time(each['expected_at'])}, late from {_time(each.get('due_at'))}.")
    if each.get("usual_s"):
        lines.append(f"Runs usually take {_took(each['usual_s'])}; the last one {_took(each.get('duration_s'))}.")
    rows = [
        (_time(ping["at"]), _word(ping), _took(ping["took_s"]), ping["rid"], ping["source"], ping["note"][:80])
        for ping in each["pings"]
    ]
    if rows:
        lines += ["", render.table(rows, ("at", "", "took", "run", "how", "note"))]
    newest = next((ping for ping in each["pings"] if ping["body"]), None)
    if newest is not None:
        lines += ["", f"What it printed at {_time(newest['at'])}:", render.block(newest["body"])]
    return "\n".join(lines)


def _last(each: dict[str, Any]) -> str:
    if not each["pings"]:
        return "never"
    ping = each["pings"][0]
    return f"{_word(ping)} {_time(ping['at'])}"


def _word(ping: dict[str, Any]) -> str:
    code = ping.get("exit_code")
    return WORDS.get(ping["status"], ping["status"]) + (f" ({code})" if code else "")


def _time(text: Any) -> str:
    return render.clock(text) if text else "-"


def _took(seconds: Any) -> str:
    from watchkeeper.core.times import format_duration

    return format_duration(float(seconds)) if seconds else ""
