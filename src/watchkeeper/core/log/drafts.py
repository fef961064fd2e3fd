"""The entries that watchkeeper writes by itself: one per incident at its end, one per manual run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.core.checks.values import Value
from watchkeeper.core.incidents.values import Ending, Event, FailingCheck, Incident
from watchkeeper.core.log.markdown import fenced, inline
from watchkeeper.core.log.values import Draft
from watchkeeper.core.runs.values import Run, RunState, RunStep, StepState
from watchkeeper.core.times import format_duration, utc_words

SEVERITIES = {"P1": "Critical", "P2": "High", "P3": "Medium", "P4": "Low"}
_ENDINGS = {
    Ending.FIXED: "fixed and proven",
    Ending.ITSELF: "recovered by itself",
    Ending.UNPROVEN: "closed by a person, unproven",
}
_RUN_ENDINGS = {
    RunState.PROVEN: "Complete, proven",
    RunState.UNPROVEN: "Complete, not proven",
    RunState.DONE: "Complete",
    RunState.FAILED: "Failed",
    RunState.CANCELLED: "Cancelled",
}
_STARTED = (StepState.DONE, StepState.FAILED, StepState.INTERRUPTED, StepState.CANCELLED, StepState.RUNNING)
_TOLD = ("escalated", "acknowledged", "note", "why_not", "change")


def incident_entry(
    incident: Incident,
    events: Sequence[Event],
    runs: Sequence[Run],
    actor: str = "watchkeeper",
    now: float | None = None,
    clock: Sequence[tuple[str, float]] = (),
) -> Draft:
    """The entry of an incident at its end. events: its timeline, oldest first; runs: its runs, in any order.

    now: time of the entry when the incident is not closed (yet); default: the time it was closed, else opened.
    clock: its stages, as (name, seconds from the first bad reading).
    """
    ordered = sorted(runs, key=lambda run: run.id)
    ended_at = incident.closed_at if incident.closed_at is not None else now
    at = ended_at if ended_at is not None else incident.opened_at
    ending = _ENDINGS[incident.ending] if incident.ending else "not closed"
    facts: dict[str, Value] = {"incident": incident.id, "service": incident.service, "severity": incident.severity}
    facts |= {"run": ordered[-1].id} if ordered else {}
    facts |= {"host": incident.host} if incident.host else {}
    facts |= {
        "ending": incident.ending.value if incident.ending else "",
        "duration_s": round(at - incident.opened_at, 3),
    }
    facts |= {f"{name}_s": round(after_s, 3) for name, after_s in clock}
    return Draft(
        at=at,
        type="Incident",
        title=f"{incident.title}: {ending}",
        actor=actor,
        severity=SEVERITIES[incident.severity],
        status="Complete" if incident.ending in (Ending.FIXED, Ending.ITSELF) else "Complete, not proven",
        sections=(
            ("Change", _change(ordered)),
            ("Reason", _reason(incident, events)),
            ("Procedure", _procedure(ordered)),
            ("Verification", _verification(incident)),
            ("Impact", _impact(incident, at, clock)),
        ),
        facts=facts,
    )


def run_entry(run: Run, now: float | None = None) -> Draft:
    """The entry of a run that a person or an agent started by hand. now: time when it has no end of its own."""
    at = run.ended_at if run.ended_at is not None else now if now is not None else run.created_at
    began = run.started_at if run.started_at is not None else run.created_at
    facts: dict[str, Value] = {"run": run.id, "service": run.plan.service, "runbook": run.plan.runbook}
    facts |= {"runbook_digest": run.plan.runbook_digest, "state": run.state.value, "duration_s": round(at - began, 3)}
    facts |= {"incident": run.incident} if run.incident is not None else {}
    return Draft(
        at=at,
        type="Runbook",
        title=f"{run.plan.runbook} run on {run.plan.service}" if run.plan.service else f"{run.plan.runbook} run",
        actor=run.actor,
        severity=_severity(run),
        status=_RUN_ENDINGS.get(run.state, "In progress"),
        sections=(
            ("Change", _change([run])),
            ("Reason", f"Started by {run.actor}."),
            ("Procedure", _procedure([run])),
            ("Verification", _run_verification(run)),
            ("Impact", f"The run took {format_duration(max(at - began, 0.0))}."),
        ),
        facts=facts,
    )


def _severity(run: Run) -> str:
    """By the riskiest command that was started."""
    risks = {step.plan.risk for step in run.steps if step.state in _STARTED}
    return "High" if "destroy" in risks else "Medium" if "change" in risks else "Low"


def _change(runs: Iterable[Run]) -> str:
    """The commands that changed something, or the sentence that none did."""
    changing = [
        f"- {_command(step)} on {step.plan.host or 'no host'} ({step.plan.risk}), "
        f"from {run.plan.runbook}: {_outcome(step)}"
        for run in runs
        for step in run.steps
        if step.plan.risk != "read" and step.state in _STARTED
    ]
    return "\n".join(changing) or "Nothing was changed: no changing command was started."


def _command(step: RunStep) -> str:
    """The first line that ran, as it was written; a step without one by its title."""
    lines = (line.strip() for line in step.plan.text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "") if step.plan.language else ""
    return inline(first or step.plan.title or step.plan.id)


def _reason(incident: Incident, events: Sequence[Event]) -> str:
    lines = [
        f"- {check.check} was {check.state.value} at {utc_words(check.flipped_at)}: {check.reason}"
        for check in incident.checks
    ]
    lines += [f"- {utc_words(event.at)}, {event.actor}: {event.text}" for event in events if event.kind in _TOLD]
    if incident.why_not_acted:
        lines.append(f"- Why watchkeeper did not act: {incident.why_not_acted}")
    return "\n".join(lines)


def _procedure(runs: Iterable[Run]) -> str:
    """Every command that was started, in order, with its exact text, exit code and time."""
    parts = []
    for run in runs:
        started = [step for step in run.steps if step.state in _STARTED]
        parts.append(f"Run {run.id} of {run.plan.runbook} ({run.mode}, {run.state.value}), started by {run.actor}:")
        parts += [_step(step) for step in started] or [
            "No command was started." + (f" {run.message}" if run.message else "")
        ]
    return "\n\n".join(parts) or "No runbook was run."


def _step(step: RunStep) -> str:
    who = f", approved by {step.decided_by}" if step.decided_by else ""
    what = f"{step.plan.phase}: {inline(step.plan.title or step.plan.id)} on {step.plan.host or 'no host'}"
    head = f"{what}{who}: {_outcome(step)}"
    return f"{head}\n\n{fenced(step.plan.text, step.plan.language)}"


def _outcome(step: RunStep) -> str:
    code = f", exit code {step.exit_code}" if step.exit_code is not None else ""
    took = ""
    if step.started_at is not None and step.ended_at is not None:
        took = f" after {format_duration(max(step.ended_at - step.started_at, 0.0))}"
    return f"{step.state.value}{code}{took}" + (f". {step.message}" if step.message else "")


def _verification(incident: Incident) -> str:
    lines = [_proof(check) for check in incident.checks]
    if incident.ending is Ending.UNPROVEN:
        lines.append("A person closed the incident without this proof.")
    return "\n".join(lines)


def _proof(check: FailingCheck) -> str:
    if check.proven_at is not None:
        counted = f"{check.proof_count} good readings in a row ({check.needed} needed)"
        return f"- {check.check}: {counted}, proven at {utc_words(check.proven_at)}"
    lost = f"; it can no longer prove: {check.lost}" if check.lost else ""
    return f"- {check.check}: not proven, {check.proof_count} of {check.needed} good readings{lost}"


def _impact(incident: Incident, at: float, clock: Sequence[tuple[str, float]] = ()) -> str:
    lasted = format_duration(max(at - incident.opened_at, 0.0))
    lines = [f"- {incident.service} was affected for {lasted}, from {utc_words(incident.opened_at)} to {utc_words(at)}"]
    if incident.recurring:
        lines.append("- Recurring: an earlier fix did not hold")
    if incident.escalated_at is not None:
        lines.append(
            f"- Escalated at {utc_words(incident.escalated_at)}: {incident.escalated_why or 'no reason recorded'}"
        )
    if incident.acknowledged_by:
        lines.append(f"- Acknowledged by {incident.acknowledged_by}")
    if clock:
        said = ", ".join(f"{name} {format_duration(after_s)}" for name, after_s in clock)
        lines.append(f"- Clock, from the first bad reading: {said}")
    if incident.owner:
        lines.append(f"- Owner: {incident.owner}")
    return "\n".join(lines)


def _run_verification(run: Run) -> str:
    checked = [
        f"- {inline(step.plan.title or step.plan.id)}: {_outcome(step)}"
        for step in run.steps
        if step.plan.phase == "verify"
    ]
    if run.state is RunState.PROVEN:
        checked.append("- Proven by its checks" + (f": {run.message}" if run.message else ""))
    return "\n".join(checked) or "Nothing was verified: the runbook names no verification."
