"""A draft of a post-mortem in Markdown: what is known stands there, what only people know is asked for.

Texts of hosts and people are put into code spans or escaped, so that none of them becomes a heading or a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from watchkeeper.core.changes import Suspect
from watchkeeper.core.incidents.impact import Blocked
from watchkeeper.core.incidents.records import Link, Task, address_of, words_of
from watchkeeper.core.incidents.similar import Remedy, Similar
from watchkeeper.core.incidents.stages import WORDS, Stage, began_at, kept_promise
from watchkeeper.core.incidents.values import Ending, Event, Incident
from watchkeeper.core.log.markdown import inline
from watchkeeper.core.runs.values import Run, RunStep, StepState
from watchkeeper.core.times import format_duration

ENDINGS = {
    Ending.FIXED: "fixed, and proven by the checks that opened it",
    Ending.ITSELF: "recovered by itself, proven by the checks that opened it",
    Ending.UNPROVEN: "closed by a person without proof",
}
SLOW_S = {"detected": 60.0, "told": 60.0, "acknowledged": 900.0, "diagnosed": 300.0, "fixed": 1800.0, "proven": 3600.0}
"""A stage that took longer than this after the one before it is named among what went slowly."""
_STARTED = (StepState.DONE, StepState.FAILED, StepState.INTERRUPTED, StepState.CANCELLED)
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Draft:
    """All that it is written from. parts: (service, its truth) of what failed because of it. written_at: epoch seconds."""

    incident: Incident
    team: str
    zone: tzinfo
    written_at: float
    events: tuple[Event, ...]
    runs: tuple[Run, ...]
    tasks: tuple[Task, ...]
    links: tuple[Link, ...]
    suspects: tuple[Suspect, ...]
    stages: tuple[Stage, ...]
    impact: tuple[Blocked, ...]
    parts: tuple[tuple[str, str], ...]
    alike: tuple[Similar, ...]
    remedies: tuple[Remedy, ...]


def postmortem(draft: Draft) -> str:
    """The whole document, with a line end."""
    incident = draft.incident
    lines = [f"# Post-mortem of incident {incident.id}: {plain(incident.title)}", ""]
    written = _at(draft, draft.written_at, seconds=False)
    lines.append(f"Team {plain(draft.team)}. Draft of {written}, written from what was recorded.")
    lines.append('The lines that begin with "To say" are for people.')
    for title, body in (
        ("Summary", _summary(draft)),
        ("Impact", _impact(draft)),
        ("The clock", _clock(draft)),
        ("Timeline", _timeline(draft)),
        ("What may be the cause", _causes(draft)),
        ("What proved it", _proof(draft)),
        ("What went well, and what went slowly", _well_and_slow(draft)),
        ("It happened before", _before(draft)),
        ("Action items", _actions(draft)),
    ):
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Text on one line in which nothing is Markdown."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return _MARKS.sub(r"\\\1", flat)


def _at(draft: Draft, at: float, seconds: bool = True) -> str:
    moment = datetime.fromtimestamp(at, draft.zone)
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if seconds else f"{moment:%Y-%m-%d %H:%M %Z}"


def _summary(draft: Draft) -> Iterator[str]:
    incident = draft.incident
    end = incident.closed_at if incident.closed_at is not None else draft.written_at
    lasted = format_duration(max(end - began_at(incident), 0.0))
    where = plain(incident.service or f"host {incident.host}")
    ended = ENDINGS[incident.ending] if incident.ending is not None else "not over yet"
    yield f"- {where} failed for {lasted}, from {_at(draft, began_at(incident))} to " + (
        f"{_at(draft, end)}." if incident.closed_at is not None else "now."
    )
    yield f"- Severity {incident.severity}. It was {ended}."
    if incident.recurring:
        yield "- It had been fixed and proven before, and came back: the earlier fix did not hold."
    elif incident.reopened:
        yield f"- It was opened again {incident.reopened} time{'s' if incident.reopened != 1 else ''}."
    if incident.owner or incident.acknowledged_by:
        yield f"- Owner: {plain(incident.owner or incident.acknowledged_by or '')}."
    yield "- To say: what happened, in two sentences for somebody who was not there."


def _impact(draft: Draft) -> Iterator[str]:
    yield from (f"- {plain(held.check)}: {plain(held.reason)}" for held in draft.incident.checks)
    if draft.impact:
        named = ", ".join(
            plain(f"{each.service} ({each.owner})" if each.owner else each.service) for each in draft.impact
        )
        yield f"- Services that depend on it ({len(draft.impact)}): {named}."
    yield from (f"- Failed because of it: {plain(name)}, {plain(words)}." for name, words in draft.parts)
    yield "- To say: who could not do what, and how many people that were."


def _clock(draft: Draft) -> Iterator[str]:
    yield "| stage | at | after the first bad reading |"
    yield "|---|---|---|"
    yield f"| First bad reading | {_at(draft, began_at(draft.incident))} | 0 |"
    for stage in draft.stages:
        at = _at(draft, stage.at) if stage.at is not None else "not reached"
        after = format_duration(stage.after_s) if stage.after_s is not None else ""
        yield f"| {WORDS[stage.name]} | {at} | {after} |"
    kept = kept_promise(draft.incident, draft.written_at)
    if kept is not None and draft.incident.respond_by is not None:
        due = _at(draft, draft.incident.respond_by)
        yield ""
        yield f"The answer was due at {due}, and came {'in time' if kept else 'late'}."


def _timeline(draft: Draft) -> Iterator[str]:
    for event in draft.events:
        who = "" if event.actor == "watchkeeper" else f", {plain(event.actor)}"
        yield f"- {_at(draft, event.at)}{who}: {plain(event.text)}"
    if not draft.events:
        yield "Nothing was recorded."


def _causes(draft: Draft) -> Iterator[str]:
    for number, each in enumerate(draft.suspects, 1):
        detail = f" {inline(each.change.detail)}" if each.change.detail else ""
        yield f"{number}. {plain(each.change.title)} ({each.score:.2f}): {plain(each.why)}.{detail}"
    if not draft.suspects:
        yield "Nothing that is watched changed in the 24 h before."
    yield ""
    yield "To say: the cause, and how it is known."


def _proof(draft: Draft) -> Iterator[str]:
    changed = [step for run in draft.runs for step in run.steps if _changed(step)]
    for step in changed:
        code = f", exit code {step.exit_code}" if step.exit_code is not None else ""
        text = next((line for line in step.plan.text.splitlines() if line.strip()), step.plan.id)
        yield f"- Changed on {plain(step.plan.host or 'no host')}: {inline(text)}: {step.state.value}{code}"
    if not changed:
        yield "- Nothing was changed by watchkeeper."
    for held in draft.incident.checks:
        if held.proven_at is not None:
            yield f"- {plain(held.check)}: {held.proof_count} good readings in a row, proven at {_at(draft, held.proven_at)}"
        else:
            lost = f", {plain(held.lost)}" if held.lost else ""
            yield f"- {plain(held.check)}: not proven, {held.proof_count} of {held.needed} good readings{lost}"


def _changed(step: RunStep) -> bool:
    return step.plan.risk != "read" and step.state in _STARTED and not step.plan.manual


def _well_and_slow(draft: Draft) -> Iterator[str]:
    last = 0.0
    quick: list[str] = []
    slow: list[str] = []
    for stage in draft.stages:
        if stage.after_s is None:
            continue
        took = max(stage.after_s - last, 0.0)
        last = max(last, stage.after_s)
        line = f"{WORDS[stage.name].lower()} {format_duration(took)} after the stage before it"
        (slow if took > SLOW_S[stage.name] else quick).append(line)
    yield f"- Well: {', '.join(quick)}." if quick else "- Well: no stage was quick."
    yield f"- Slowly: {', '.join(slow)}." if slow else "- Slowly: no stage."
    missing = [WORDS[stage.name].lower() for stage in draft.stages if stage.at is None]
    if missing:
        yield f"- Not reached: {', '.join(missing)}."
    if draft.incident.why_not_acted:
        yield f"- Why watchkeeper did not act: {plain(draft.incident.why_not_acted)}"
    yield "- To say: where luck helped."


def _before(draft: Draft) -> Iterator[str]:
    for each in draft.alike:
        fixed = f", fixed by {plain(each.fixed_by)}" if each.fixed_by else ""
        closed = _at(draft, each.incident.closed_at or each.incident.opened_at, seconds=False)
        yield f"- Incident {each.incident.id}, {closed}: {plain(each.why)}, {format_duration(each.lasted_s)}{fixed}"
    for remedy in draft.remedies:
        took = f", {format_duration(remedy.takes_s)} each" if remedy.takes_s is not None else ""
        yield f"- {plain(remedy.runbook)}: proven {remedy.proven} of {remedy.tried} times{took}"
    if not draft.alike:
        yield "No earlier incident is like this one."


def _actions(draft: Draft) -> Iterator[str]:
    yield from (_task(draft, task) for task in draft.tasks)
    if not draft.tasks:
        yield "- [ ] To say: what is done so that it does not happen again, by whom, until when."
    if draft.links:
        yield ""
        yield from _links(draft.links)


def _task(draft: Draft, task: Task) -> str:
    owner = f" ({plain(task.owner)})" if task.owner else ""
    due = f", due {_at(draft, task.due_at, seconds=False)}" if task.due_at is not None else ""
    return f"- [{'x' if task.done_at is not None else ' '}] {plain(task.text)}{owner}{due}"


def _links(links: Iterable[Link]) -> Iterator[str]:
    for link in links:
        if link.kind == "url":
            yield f"- {plain(link.title)}: <{address_of(link)}>" if link.title else f"- <{address_of(link)}>"
        else:
            yield f"- {plain(words_of(link))}" + (f" ({link.kind} {link.target})" if link.title else "")
