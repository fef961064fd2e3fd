"""`wk status`: the sentence of truth, then only what is not OK and what waits for somebody."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

SILENT_S = 3.0
EXAMPLES = """\
  wk status                    what is wrong now
  wk status --json | jq .status.state
exit code: 1 while a check is CRIT, a page is not delivered, or nobody is watching, else 0"""


def add_parser(commands: Any) -> None:
    """Parser of `wk status`."""
    parser = verb(commands, "status", "What is wrong now, who acts next, and what waits for you.", EXAMPLES)
    parser.add_argument("--all", action="store_true", help="also the checks that are OK")


def run(arguments: Namespace) -> int:
    """Print the status; 1 while a check is CRIT, a page is not delivered, or nobody is watching."""
    answer = client_of(arguments).get("/status")
    if arguments.json:
        render.show_json(answer)
    else:
        print("\n\n".join(part for part in parts(answer["status"], arguments.all) if part))
    watched = (answer["status"].get("watch") or {"running": True}).get("running", True)
    return int(is_critical(answer["status"]) or bool(answer["status"].get("undelivered")) or not watched)


def is_critical(status: dict[str, Any]) -> bool:
    """Whether any check is CRIT (held ones too: suppressed creation is not suppressed truth)."""
    return any(check["state"] == "CRIT" for service in status["services"] for check in service["checks"])


def parts(status: dict[str, Any], everything: bool = False) -> list[str]:
    """The paragraphs of the page, most urgent first; empty ones are left out by the caller."""
    return [
        undelivered(status.get("undelivered") or []),
        render.clean(status.get("sentence") or sentence(status)),
        checks(status, everything),
        incidents(status.get("incidents") or [], status.get("now")),
        waiting(status.get("waiting") or []),
        muted(status.get("muted") or []),
        tasks_due(status.get("tasks") or {}),
        faults(status),
        watch(status),
    ]


def tasks_due(found: dict[str, Any]) -> str:
    """What has to be done now; "" when nothing is due."""
    due = found.get("due") or []
    if not due:
        return ""
    head = f"{render.count(found['due_count'], 'task is', 'tasks are')} due: wk tasks --due"
    rows = [(each["id"], render.clock(each["due_at"]), each["owner"] or "nobody yet", each["text"]) for each in due[:5]]
    return f"{head}\n{render.table(rows, indent=2)}"


def muted(found: list[dict[str, Any]]) -> str:
    """What nobody is paged about now, and until when."""
    return "\n".join(
        render.line(
            f"{each['kind'].capitalize()} {each['id']} of {each['actor']} until {render.clock(each['until'])}: "
            f"{', '.join(each['targets'])}. {each['why']}"
        )
        for each in found
    )


def sentence(status: dict[str, Any]) -> str:
    """A true sentence when the API gives none."""
    states = [check["state"] for service in status["services"] for check in service["checks"]]
    if not states:
        return "No check is defined yet, so nothing is watched. Add one to services/NAME.yaml."
    bad = len([one for one in states if one != "OK"])
    if not bad:
        return f"No open incident. {render.all_ok(len(states))}"
    return f"{bad} of {render.count(len(states), 'check')} {'is' if bad == 1 else 'are'} not OK."


def checks(status: dict[str, Any], everything: bool) -> str:
    """Every check that is not OK, the worst first, with the measured number beside its rule."""
    rows = []
    for service in status["services"]:
        held = service.get("held_under")
        for check in service["checks"]:
            if everything or check["state"] != "OK":
                under = f" (held under {held})" if held else ""
                since = render.age(check.get("since"), status.get("now"))
                rows.append((check["state"], check["check"], since, f"{check.get('reason') or ''}{under}"))
    rows.sort(key=lambda row: (render.STATE_ORDER.get(row[0], 2), row[1]))
    return render.table(rows, indent=2, state_column=0)


def incidents(found: list[dict[str, Any]], now: object) -> str:
    """Open incidents: how long, who has it, and why nothing was done by itself."""
    lines = ["Open incidents"] if found else []
    for incident in found:
        head = f"  {incident['id']}  {incident['severity']}  {render.line(incident['title'])}"
        facts = [f"open {render.age(incident['opened_at'], now)}"]
        if incident.get("acknowledged_by"):
            facts.append(f"acknowledged by {incident['acknowledged_by']}")
        if incident.get("escalated_at"):
            facts.append(f"escalated: {incident.get('escalated_why') or 'no reason given'}")
        lines.append(head)
        lines.append("     " + render.line(", ".join(facts)))
        if incident.get("why_not_acted"):
            lines.append("     " + render.line(f"Not acted by itself: {incident['why_not_acted']}"))
        lines.append(f"     wk incidents show {incident['id']}")
    return "\n".join(lines)


def waiting(found: list[dict[str, Any]]) -> str:
    """Pending approvals: the exact text first, then the exact command that approves it."""
    lines = ["Waiting for your approval"] if found else []
    for one in found:
        until = f", until {render.clock(one['expires_at'])}" if one.get("expires_at") else ""
        risk = f" ({render.RISK_WORDS.get(one['risk'], one['risk'])})" if one.get("risk") else ""
        where = render.line(one.get("host") or "this host")
        lines.append(f"  Run {one['run']}, step {one['step']} on {where}{risk}{until}")
        lines.append(render.block(one.get("text") or "", "    | "))
        if one.get("why"):
            lines.append("    " + render.line(one["why"]))
        if one.get("touches"):
            lines.append("    " + render.line(one["touches"]))
        lines.append(f"    wk runs approve {one['run']} --step {one['step']}")
    return "\n".join(lines)


def undelivered(found: list[dict[str, Any]]) -> str:
    """Pages that nobody got: shown above everything until somebody acts."""
    lines = ["NOT DELIVERED: nobody was told"] if found else []
    for one in found:
        message = one.get("message") or {}
        through = ", ".join(one.get("channels") or []) or "no channel"
        lines.append(f"  {render.line(message.get('title') or one.get('title') or '')}")
        lines.append(f"    tried {render.line(through)}: {render.line(one.get('last_error') or 'no error given')}")
    if lines:
        lines.append("  wk notifications --undelivered")
    return "\n".join(lines)


def faults(status: dict[str, Any]) -> str:
    """A broken ops repo: what is wrong, and which inventory keeps watching."""
    lines = [render.clean(status["fault"])] if status.get("fault") else []
    for mistake in status.get("mistakes") or []:
        if isinstance(mistake, dict) and mistake.get("level", "error") == "error":
            place = f"{mistake['file']}:{mistake['line']}:{mistake['column']}"
            lines.append("  " + render.line(f"{place}: found {mistake['found']}, expected {mistake['expected']}"))
    if lines:
        lines.append("  wk lint")
    return "\n".join(lines)


def watch(status: dict[str, Any]) -> str:
    """Silence is not health: says so when the watch does not run or automation is off."""
    lines = []
    found = status.get("watch") or {}
    if not found.get("running", True):
        told = str(found.get("sentence") or "The watch does not run: nothing is asked, states are as old as they say.")
        if told not in str(status.get("sentence")):
            lines.append(render.line(told))
    lines += [render.line(each) for each in status.get("own") or []]
    lines += [render.line(each) for each in status.get("unmanned") or []]
    lines += [render.line(status["oncall"])] if status.get("oncall") else []
    nodes = [f"{each['name']}{_role(each)}" for each in status.get("nodes") or []]
    if nodes:
        lines.append(render.line(f"{render.count(len(nodes), 'node')}: {'; '.join(nodes)}."))
    automation = status.get("automation") or {}
    if not automation.get("on", True):
        lines.append(render.line(f"Automation is off: {automation.get('why') or 'no reason given'}. wk automation on"))
    return "\n".join(lines)


def _role(node: dict[str, Any]) -> str:
    """What there is to say of a node beside its name."""
    words = ["this one"] if node.get("me") else []
    words += ["leads"] if node.get("leads") else []
    words.append(f"asks {', '.join(node['services'])}" if node.get("services") else "asks nothing")
    silent = not node.get("me") and float(node.get("age_s") or 0.0) > SILENT_S
    return ", " + ", ".join([*words, *([f"silent for {node['age_s']:.0f} s"] if silent else [])])
