"""What acting by itself brought, or would have brought: judged per response from incidents, runs, steps and timelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from watchkeeper.core.incidents.rules import RECURRENCE_S
from watchkeeper.core.incidents.values import Ending, Event, Incident
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.causes import GRANTABLE
from watchkeeper.core.runs.idleness import closed_message, has_changed
from watchkeeper.core.runs.modes import of_step, over_budget
from watchkeeper.core.runs.values import ENDED, PlanStep, Run, RunState, StepState

ENOUGH = 3
"""How many times a response must have helped before a grant is advised."""

Outcome = Literal["fixed", "by_hand", "by_itself", "failed", "waiting", "other"]
OUTCOMES: Final[Mapping[Outcome, str]] = {
    "fixed": "fixed and proven by this run",
    "by_hand": "a person did the same by hand, and it was proven",
    "by_itself": "recovered before anything was changed",
    "failed": "the fix failed or was not proven",
    "waiting": "not over yet",
    "other": "ended another way",
}
_FAILED: Final = (StepState.FAILED, StepState.REFUSED, StepState.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Case:
    """One time a response answered an incident. run: None where it only observes; runs: all of the incident."""

    at: float
    incident: Incident
    run: Run | None
    steps: tuple[PlanStep, ...]
    runs: tuple[Run, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A case, judged. acted: it changed something without a person. would_act: under a grant it would have.

    blocked: what would have stood against it, a word of `core.runs.causes`. false_closure: its proof did not hold for 24 h.
    after_s: how long until the incident recovered, where it recovered by itself.
    """

    at: float
    incident: int
    run: int | None
    outcome: Outcome
    acted: bool
    would_act: bool
    blocked: str = ""
    false_closure: bool = False
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A changing step it would have run."""

    step: str
    title: str
    host: str
    risk: str


@dataclass(frozen=True, slots=True)
class ResponseReport:
    """One response over the time that was looked at. grant: the one that lets it act now; standing: why none does.

    counts: matches per outcome, all six. blocked: matches per cause, only those above 0.
    """

    response: str
    mode: str
    grant: int | None
    standing: str
    matched: int
    acted: int
    would_act: int
    unnecessary: int
    false_closures: int
    counts: Mapping[str, int]
    blocked: Mapping[str, int]
    changes: tuple[Change, ...]
    blast_radius: str
    advice: str
    matches: tuple[Match, ...] = field(default=())


def report(
    response: Response,
    cases: Sequence[Case],
    steps: Sequence[PlanStep],
    grant: int | None,
    standing: str,
    blast_radius: str,
    days: float,
) -> ResponseReport:
    """Judge the cases of one response. steps: what its runbook would run now (or ran last), for what it would change."""
    matches = budgeted([judged(case) for case in sorted(cases, key=lambda case: case.at)], response)
    counts = Counter(match.outcome for match in matches)
    made = ResponseReport(
        response=response.name,
        mode=response.mode,
        grant=grant,
        standing=standing,
        matched=len(matches),
        acted=sum(match.acted for match in matches),
        would_act=sum(match.would_act for match in matches),
        unnecessary=counts["by_itself"],
        false_closures=sum(match.false_closure for match in matches),
        counts={name: counts[name] for name in OUTCOMES},
        blocked=dict(Counter(match.blocked for match in matches if match.blocked)),
        changes=tuple(Change(step.id, step.title, step.host, step.risk) for step in _fixes(steps)),
        blast_radius=blast_radius,
        advice="",
        matches=tuple(reversed(matches)),
    )
    return replace(made, advice=advice(made, response, steps, days))


def _fixes(steps: Sequence[PlanStep]) -> list[PlanStep]:
    return [step for step in steps if step.phase == "fix" and step.risk != "read"]


# ---- one case --------------------------------------------------------------------------------------------------------


def judged(case: Case) -> Match:
    """What came of one case, and what acting by itself would have met."""
    run, outcome = case.run, _outcome(case)
    changed = [step for step in run.steps if has_changed(step)] if run else []
    acted = bool(run and run.mode == "auto" and changed and not any(step.decided_by for step in changed))
    cause = _blocked(case) if not acted else ""
    over = outcome == "by_itself" and not changed and run is not None and _asked(case) is None
    would = acted or (cause == "" and not over and bool(_fixes(case.steps)))
    after = None
    if outcome == "by_itself":
        ended = run.ended_at if run else case.incident.closed_at
        after = max(0.0, ended - case.at) if ended is not None else None
    return Match(
        case.at, case.incident.id, run.id if run else None, outcome, acted, would, "" if over else cause,
        _came_back(case), after,
    )  # fmt: skip


def _outcome(case: Case) -> Outcome:
    run = case.run
    if run is not None:
        if run.state not in ENDED:
            return "waiting"
        if run.state is RunState.PROVEN:
            return "fixed"
        failed = any(step.state in _FAILED and step.plan.risk != "read" for step in run.steps)
        if run.state is RunState.UNPROVEN or failed:
            return "failed"
    if any(_same_by_hand(case, other) for other in case.runs):
        return "by_hand"
    if run is not None and run.message == closed_message(Ending.ITSELF):
        return "by_itself"
    later = [other for other in case.runs if other.created_at >= case.at and any(has_changed(s) for s in other.steps)]
    if case.incident.ending is Ending.ITSELF and not later:
        return "by_itself"
    return "waiting" if case.incident.ending is None else "other"


def _same_by_hand(case: Case, other: Run) -> bool:
    """A person ran the same runbook, or one of its changing commands on its host, and that was proven."""
    if other.mode != "manual" or other.state is not RunState.PROVEN or other.created_at < case.at:
        return False
    wanted = {(step.text.strip(), step.host) for step in _fixes(case.steps)}
    did = {(step.plan.text.strip(), step.plan.host) for step in other.steps if has_changed(step)}
    same_runbook = case.run is not None and other.plan.runbook == case.run.plan.runbook
    return bool(did) and (same_runbook or bool(wanted & did))


def _asked(case: Case) -> Event | None:
    """The first time the run stopped to ask."""
    run = case.run.id if case.run else None
    return next((each for each in case.events if each.kind == "approval" and each.detail.get("run") == run), None)


def _blocked(case: Case) -> str:
    """What would have stood against acting under a grant; "" for nothing. It was noted when the run stopped to ask."""
    event = _asked(case)
    cause = str(event.detail.get("cause") or "") if event else ""
    also = str(event.detail.get("also") or "") if event else ""
    if cause and cause not in GRANTABLE:
        return cause
    own = next((decision.cause for step in _fixes(case.steps) if (decision := of_step(step))), "")
    return also or own


def _came_back(case: Case) -> bool:
    run = case.run
    if run is None or run.state is not RunState.PROVEN or run.ended_at is None:
        return False
    until = run.ended_at + RECURRENCE_S
    return any(each.kind == "reopened" and run.ended_at <= each.at <= until for each in case.events)


def budgeted(matches: Sequence[Match], response: Response) -> list[Match]:
    """The same matches, oldest first, where those that would have been too many within `at_most` are blocked by it."""
    times: list[float] = []
    found = []
    for match in matches:
        if match.would_act and not match.acted and over_budget(times, response.at_most, match.at, response.name):
            match = replace(match, would_act=False, blocked="budget")
        if match.would_act:
            times.append(match.at)
        found.append(match)
    return found


# ---- advice ------------------------------------------------------------------------------------------------------------


def advice(made: ResponseReport, response: Response, steps: Sequence[PlanStep], days: float) -> str:
    """One sentence: grant it, leave it, look at it first, or that too little is known."""
    helped = made.counts["fixed"] + made.counts["by_hand"] - made.false_closures
    number = made.matched
    if not _fixes(steps):
        return "It changes nothing, so there is nothing to grant."
    if not number:
        return f"Not enough evidence: it did not match in these {days:g} days."
    if made.false_closures:
        where = _first(made, lambda match: match.false_closure)
        return (
            f"{made.false_closures} of {number} did not hold for 24 h ({where}): find out why before it acts by itself."
        )
    if made.counts["failed"]:
        where = _first(made, lambda match: match.outcome == "failed")
        return (
            f"{made.counts['failed']} of {number} failed or were not proven ({where}): mend the runbook before it acts."
        )
    own = next((decision.why for step in _fixes(steps) if (decision := of_step(step))), "")
    if own:
        return f"It cannot act by itself as it is written. {own}"
    unnecessary = f"{made.unnecessary} unnecessary" if made.unnecessary else "none unnecessary"
    if made.grant is not None:
        return f"It may act under grant {made.grant}: {helped} of {number} helped, {unnecessary}."
    if made.unnecessary > helped:
        return f"{made.unnecessary} of {number} recovered before anything was changed: leave it as it is."
    if helped < ENOUGH:
        return f"Not enough evidence: {helped} of {number} helped, and {ENOUGH} are asked for."
    return f"{helped} of {number} would have helped, {unnecessary}: {_grant_it(response, steps)}"


def _grant_it(response: Response, steps: Sequence[PlanStep]) -> str:
    destroys = " --destroy" if any(step.risk == "destroy" for step in _fixes(steps)) else ""
    command = f"wk grant add {response.name}{destroys}"
    if response.mode != "auto":
        return f"set mode: auto in services/{response.service}.yaml, then grant it with: {command}"
    return f"grant it with: {command}"


def _first(made: ResponseReport, wanted: Callable[[Match], bool]) -> str:
    found = [match for match in made.matches if wanted(match)]
    return ", ".join(f"run {match.run}" if match.run else f"incident {match.incident}" for match in found[:3])
