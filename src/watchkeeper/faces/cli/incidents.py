"""`wk incidents`: what is and was wrong, and what people do about it."""

from __future__ import annotations

from watchkeeper.faces.cli import incident_records, render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk incidents                       the open ones
  wk incidents list --status closed --limit 10
  wk incidents show 12               timeline, first suspect, runs, who was told
  wk incidents ack 12                I have it; nothing acts by itself any more
  wk incidents assign 12 --to ada    she has it; without --to it is you
  wk incidents severity 12 P1 "the shop of our biggest customer"
  wk incidents task 12 "alert on the queue before it is full" --owner ada --due 2026-12-01
  wk incidents link 12 https://tracker.example.org/412 --title "the bug"
  wk incidents similar 12            what was like it, and what proved to work then
  wk incidents postmortem 12 --out postmortem-12.md
  wk incidents close 12 "moved to the new host"      closed as unproven, and counted so"""
ENDINGS = {"fixed": "proven", "recovered_by_itself": "recovered by itself", "unproven": "closed as unproven"}


def add_parser(commands: Any) -> None:
    """Parsers of `wk incidents ...`."""
    actions = group(
        commands, "incidents", "Incidents: something is wrong with a service, until it is proven well.", EXAMPLES
    )
    listed = verb(actions, "list", "Incidents, newest first.")
    listed.add_argument("--status", choices=("open", "closed", "merged", "all"), default="open", help="default: open")
    listed.add_argument("--limit", type=int, default=50, help="at most this many (default: 50)")
    listed.add_argument("--before", type=int, help="only numbers below this one")
    shown = verb(actions, "show", "One incident with its timeline, suspects, runs and notifications.")
    shown.add_argument("incident", type=int, metavar="N")
    verb(actions, "ack", "Take it: watchkeeper then only proposes.").add_argument("incident", type=int, metavar="N")
    for name, word, summary in (
        ("escalate", "reason", "Tell the next people, with your reason."),
        ("close", "reason", "Close it without proof. It is counted as unproven."),
        ("note", "text", "Write a line into its timeline."),
    ):
        parser = verb(actions, name, summary)
        parser.add_argument("incident", type=int, metavar="N")
        parser.add_argument("text", metavar=word.upper(), nargs="+", help="in your own words")
    incident_records.add_parsers(actions)


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action in incident_records.ACTIONS:
        return incident_records.run(client, arguments)
    if arguments.action == "list":
        return show_list(client, arguments)
    if arguments.action == "show":
        answer = client.get(f"/incidents/{arguments.incident}")
        render.show_json(answer) if arguments.json else print(page(answer["incident"]))
        return 0
    text = " ".join(getattr(arguments, "text", []))
    body = {"note": {"text": text}, "ack": {}}.get(arguments.action, {"reason": text})
    answer = client.post(f"/incidents/{arguments.incident}/{arguments.action}", body)
    render.show_json(answer) if arguments.json else print(done(arguments.action, answer["incident"]))
    return 0


def show_list(client: Any, arguments: Namespace) -> int:
    """The list, or a true sentence when it is empty."""
    status = None if arguments.status == "all" else arguments.status
    answer = client.get("/incidents", status=status, limit=arguments.limit, before=arguments.before)
    if arguments.json:
        render.show_json(answer)
    elif answer["incidents"]:
        print(list_page(answer["incidents"]))
    else:
        print(nothing(client, arguments.status))
    return 0


def nothing(client: Any, status: str) -> str:
    """The empty list says what is true."""
    if status != "open":
        return "No incident yet." if status == "all" else "No closed incident yet."
    checks = client.get("/checks")["checks"]
    well = [check for check in checks if check["state"] == "OK"]
    if not checks:
        return "No open incident, and no check is defined: nothing is watched."
    if len(well) == len(checks):
        return f"No open incident. {render.all_ok(len(checks))}"
    return (
        f"No open incident. {len(well)} of {render.count(len(checks), 'check')} are OK; 'wk status' shows the others."
    )


def list_page(found: list[dict[str, Any]]) -> str:
    """One line per incident."""
    now = render.now_text()
    rows = []
    for one in found:
        ended = ENDINGS.get(one.get("ending") or "", one["status"])
        ended = f"merged into {one['merged_into']}" if one.get("merged_into") and one["status"] == "merged" else ended
        lasted = render.age(one["opened_at"], one.get("closed_at") or now)
        answer = one.get("response") or "" if one["status"] == "open" else ""
        row = (
            one["id"],
            one["severity"],
            render.clock(one["opened_at"]),
            lasted,
            ended,
            one.get("owner") or "",
            answer,
        )
        rows.append((*row, one["title"]))
    empty = [at for at in (5, 6) if not any(row[at] for row in rows)]
    head = ("N", "", "OPENED", "FOR", "STATE", "OWNER", "ANSWER", "WHAT")
    keep = [at for at in range(len(head)) if at not in empty]
    return render.table([tuple(row[at] for at in keep) for row in rows], tuple(head[at] for at in keep))


def done(action: str, incident: dict[str, Any]) -> str:
    """What is true after an action."""
    number = incident["id"]
    return {
        "ack": f"Incident {number} is yours. Nothing acts on it by itself until it is closed.",
        "escalate": f"Incident {number} is escalated. 'wk incidents show {number}' shows who was reached.",
        "close": f"Incident {number} is closed as unproven.",
        "note": f"Noted on incident {number}.",
    }[action]


def page(incident: dict[str, Any]) -> str:
    """One incident: head, failing checks, suspects, runs, who was told, timeline."""
    sections = [
        head(incident),
        failing(incident.get("checks") or []),
        incident_records.clock(incident),
        incident_records.impact(incident),
        incident_records.parts(incident),
        incident_records.alike(incident),
        incident_records.tasks(incident.get("tasks") or []),
        incident_records.links(incident.get("links") or []),
        suspects(incident.get("suspects") or []),
        runs(incident.get("runs") or []),
        told(incident.get("notifications") or []),
        timeline(incident.get("timeline") or []),
    ]
    return "\n\n".join(section for section in sections if section)


def head(incident: dict[str, Any]) -> str:
    """Number, severity, title, and how it stands."""
    lines = [f"Incident {incident['id']}  {incident['severity']}  {render.line(incident['title'])}"]
    opened = f"Opened {render.clock(incident['opened_at'])}"
    if incident.get("closed_at"):
        ending = ENDINGS.get(incident.get("ending") or "", "closed")
        lasted = render.age(incident["opened_at"], incident["closed_at"])
        lines.append(f"{opened}, {ending} {render.clock(incident['closed_at'])}, open {lasted}.")
    else:
        lines.append(f"{opened}, open {render.age(incident['opened_at'], render.now_text())}.")
    if incident.get("status") == "merged":
        lines.append(f"Part of incident {incident['merged_into']}, which is its cause. Its checks go on.")
    if incident.get("response"):
        lines.append(f"Answer due {render.clock(incident['respond_by'])}: {incident['response']}.")
    if incident.get("owner"):
        lines.append(f"Owner: {render.line(incident['owner'])}.")
    if incident.get("recurring"):
        lines.append("Recurring: an earlier fix did not hold for 24 h.")
    if incident.get("acknowledged_by"):
        lines.append(
            f"Acknowledged by {render.line(incident['acknowledged_by'])} {render.clock(incident['acknowledged_at'])}."
        )
    if incident.get("escalated_at"):
        why = incident.get("escalated_why") or "no reason given"
        lines.append(f"Escalated {render.clock(incident['escalated_at'])}: {render.line(why)}")
    if incident.get("muted"):
        muted = incident["muted"]
        named = f"{muted['kind']} {muted['id']} of {muted['actor']}"
        lines.append(render.line(f"Muted by {named} until {render.clock(muted['until'])}: {muted['why']}"))
    if incident.get("why_not_acted"):
        lines.append(f"Not acted by itself: {render.line(incident['why_not_acted'])}")
    if incident.get("entry"):
        lines.append(f"In the log: wk log show {incident['entry']}")
    return "\n".join(lines)


def failing(checks: list[dict[str, Any]]) -> str:
    """What fails, and how far the proof is."""
    rows = []
    for check in checks:
        proof = "proven" if check.get("proven_at") else f"{check.get('proof_count', 0)} of {check['needed']} readings"
        proof = f"can never prove: {check['lost']}" if check.get("lost") else proof
        rows.append((check["state"], check["check"], proof, check.get("reason") or ""))
    return "Failing checks\n" + render.table(rows, indent=2, state_column=0) if rows else ""


def suspects(found: list[dict[str, Any]]) -> str:
    """What changed before this."""
    rows = [(f"{one['score']:.2f}", f"{one['change']['title']}: {one['why']}") for one in found]
    return (
        "What changed before this\n" + render.table(rows, indent=2)
        if rows
        else "Nothing is known to have changed before this."
    )


def runs(found: list[dict[str, Any]]) -> str:
    """The runs that answered it."""
    rows = [
        (one["id"], one["state"], one["plan"]["runbook"], one.get("message") or one.get("parked_why") or "")
        for one in found
    ]
    return "Runs\n" + render.table(rows, indent=2) if rows else ""


def told(found: list[dict[str, Any]]) -> str:
    """Who was told, and who was not."""
    rows = []
    for one in found:
        if one.get("delivered_at"):
            rows.append((render.clock(one["delivered_at"]), f"reached by {one.get('delivered_by') or 'a channel'}"))
        else:
            error = f": {one['last_error']}" if one.get("last_error") else ""
            rows.append((render.clock(one.get("created_at")), f"not delivered yet{error}"))
    return "Who was told\n" + render.table(rows, indent=2) if rows else "Nobody was told yet."


def timeline(events: list[dict[str, Any]]) -> str:
    """Oldest first: reads like a story."""
    rows = [(render.clock(one["at"]), one["kind"], one.get("actor") or "", one["text"]) for one in events]
    return "Timeline\n" + render.table(rows, indent=2) if rows else ""
