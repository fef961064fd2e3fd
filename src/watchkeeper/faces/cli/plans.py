"""How a plan, a run and its steps look in a terminal; shared by `run` and `runs`."""

from __future__ import annotations

from watchkeeper.faces.cli import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ENDED = frozenset({"proven", "unproven", "done", "failed", "cancelled"})
UNSENT = frozenset({"skipped", "refused", "cancelled", "planned"})


def step_head(step: dict[str, Any], place: str = "") -> str:
    """Number, phase, title, risk, host of a plan step."""
    risk = render.RISK_WORDS.get(step["risk"], step["risk"])
    return render.line(
        f"Step {step['index']}{place}  {step['phase']}: {step['title']}  ({risk} on {step['host'] or 'this host'})"
    )


def step_text(step: dict[str, Any]) -> str:
    """The exact text of a plan step with its values and with why it would not start by itself."""
    lines = [step_head(step), render.block(step["text"])]
    values = step.get("environment") or {}
    lines += [f"    with {name}={render.line(value)}" for name, value in sorted(values.items())]
    lines += [f"    {render.line(note)}" for note in step.get("notes") or ()]
    if step.get("missing"):
        lines.append(f"    needs a value: {', '.join(step['missing'])} (--param NAME=VALUE)")
    if step.get("why") and not step.get("notes"):
        lines.append("    " + render.line(step["why"]))
    if str(step["text"]) != render.clean(step["text"]).replace("\r\n", "\n"):
        lines.append("    It holds control characters; they are spelled out above as \\x..")
    return "\n".join(lines)


def planned_steps(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The frozen steps of a run, with what is said about them before it runs."""
    return [{**step["plan"], "notes": step.get("notes") or ()} for step in run.get("steps") or []]


def plan_text(run: dict[str, Any]) -> str:
    """The whole plan of a run: what would run, where, how dangerous."""
    plan = run["plan"]
    head = f"{render.line(plan['runbook'])} for {render.line(plan['service'] or 'no service')}"
    touches = touches_line(run)
    starts = "\n".join(script_lines(run.get("pins")))
    texts = [step_text(step) for step in planned_steps(run)]
    return "\n\n".join([head, *texts, *([starts] if starts else []), *([touches] if touches else [])])


def script_lines(pins: dict[str, Any] | None) -> list[str]:
    """The script files that its steps start, with their hashes; one changed byte stops what was agreed to."""
    lines = []
    for one in (pins or {}).get("scripts") or []:
        known = f"sha256 {one['digest'][:12]}" if one["digest"] else one["note"]
        lines.append(f"Script {render.line(one['path'])} on {render.line(one['host'])}: {render.line(known)}")
    return lines


def needs_line(approval: dict[str, Any]) -> str:
    """Who must agree when it is more than an operator, and who did so far."""
    needs, so_far = approval.get("needs") or "", approval.get("so_far") or ""
    said = f"Needs {needs}." if needs not in ("", "operator") else ""
    return render.line(f"{said} {so_far}".strip())


def touches_line(run: dict[str, Any]) -> str:
    """What its changing steps touch, as it was foreseen; "" in runs from before that was kept."""
    return render.line(str((run.get("blast_radius") or {}).get("line") or ""))


def ended_well(run: dict[str, Any]) -> bool:
    """Whether an ended run counts as fine: proven, or done without having changed anything."""
    if run["state"] == "proven":
        return True
    return run["state"] == "done" and not any(
        step["plan"]["risk"] != "read" and step["state"] not in UNSENT for step in run.get("steps") or []
    )


def step_result(step: dict[str, Any]) -> str:
    """How one step of a run ended: ``done, exit 0 after 3.2 s``."""
    parts = [str(step["state"])]
    if step.get("exit_code") is not None:
        parts.append(f"exit {step['exit_code']}")
    lasted = render.age(step.get("started_at"), step.get("ended_at"))
    if lasted:
        parts[-1] += f" after {lasted}"
    if step.get("decided_by"):
        parts.append(f"approved by {step['decided_by']}")
    if step.get("message"):
        parts.append(step["message"])
    return render.line(", ".join(parts))


def run_page(run: dict[str, Any]) -> str:
    """A run with its steps, texts and results."""
    lines = [run_head(run)]
    for step in run.get("steps") or []:
        lines += ["", step_text(step["plan"]), f"    -> {step_result(step)}"]
    pending = [one for one in run.get("approvals") or [] if not one.get("decided")]
    planned = {step["index"]: step for step in planned_steps(run)}
    for one in pending:
        until = f" until {render.clock(one['expires_at'])}" if one.get("expires_at") else ""
        values = "".join(f" --param {name}=VALUE" for name in planned[one["step"]].get("missing") or ())
        lines += ["", f"Waits for approval{until}: wk runs approve {run['id']} --step {one['step']}{values}"]
        lines += [f"  {render.line(one['touches'])}"] if one.get("touches") else []
        lines += [f"  {line}" for line in (*script_lines(one.get("pins")), needs_line(one)) if line]
    return "\n".join(lines)


def record_line(run: dict[str, Any]) -> str:
    """What its runbook has proven against this symptom; "" when it never answered it."""
    said = (run.get("record") or {}).get("sentence", "")
    return f"Against this symptom it {said} in the last year." if said else ""


def run_head(run: dict[str, Any]) -> str:
    """Number, runbook, state, and whose it is."""
    about = f" for incident {run['incident']}" if run.get("incident") else ""
    lines = [f"Run {run['id']}  {render.line(run['plan']['runbook'])}{about}: {run['state']}"]
    started = f"Started by {render.line(run['actor'])} {render.clock(run['created_at'])}, mode {run['mode']}"
    lines.append(started + (f", ended {render.clock(run['ended_at'])}" if run.get("ended_at") else "") + ".")
    lines += [line for line in (touches_line(run), record_line(run)) if line]
    lines += [render.line(run[key]) for key in ("parked_why", "message") if run.get(key)]
    lines += undo_lines(run)
    captured = [(name, host, value) for name, of in (run.get("captures") or {}).items() for host, value in of.items()]
    lines += [render.line(f"Captured on {host}: {name}={value}") for name, host, value in captured]
    if run.get("entry"):
        lines.append(f"In the log: wk log show {run['entry']}")
    return "\n".join(lines)


def undo_lines(run: dict[str, Any]) -> list[str]:
    """Why a run was undone, what was taken back and what was not; nothing when it was not."""
    undo = run.get("undo")
    if not undo:
        return []
    lines = [f"Undone because {render.line(undo['why'])}" if undo.get("verified") else
             f"It is being undone because {render.line(undo['why'])}"]  # fmt: skip
    lines += [f"  undone: {render.line(each)}" for each in undo.get("undone") or ()]
    lines += [f"  not undone: {render.line(each)}" for each in undo.get("left") or ()]
    words = {"good": "  verified after it: good", "failed": "  verified after it: failed",
             "none": "  not verified after it"}  # fmt: skip
    return lines + ([words[undo["verified"]]] if undo.get("verified") in words else [])


def ending(run: dict[str, Any]) -> str:
    """The closing sentence of a run."""
    said = f" {render.line(run['message'])}" if run.get("message") else ""
    words = {
        "proven": "Proven.",
        "unproven": "Not proven: the checks did not recover.",
        "done": "Done." if ended_well(run) else "Done, not verified.",
        "failed": "Failed.",
        "cancelled": "Cancelled.",
    }
    return f"Run {run['id']}: {words.get(run['state'], run['state'])}{said}"
