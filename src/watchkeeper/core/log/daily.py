"""The document of one day of operations, and its issues as records. Everything is said of what was seen; what nobody
watches is called that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from watchkeeper.core.changes import Change
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.incidents.values import Ending, Event, Incident, Status
from watchkeeper.core.log.drafts import SEVERITIES
from watchkeeper.core.log.markdown import inline
from watchkeeper.core.log.tasks import task_line
from watchkeeper.core.log.values import Entry
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.core.times import format_duration, utc_text
from watchkeeper.core.windows import Window

MIDDAY, EVENING = time(12, 0), time(18, 0)
UNWATCHED: Final = "NOT WATCHED"
NOT_YET: Final = "NOT YET"
RECORD: Final = (
    "issue_id", "timestamp", "severity", "component", "description", "impact", "actions_taken", "resolution",
    "follow_up_required", "operator",
)  # fmt: skip
"""The fields of an issue record, in their order; there are no others."""
_LOAD = ("load", "cpu", "memory", "disk_io", "network")
_ISSUE_TYPES = ("incident", "security")
_ENDED = {Ending.FIXED: "Fixed, and proven by the checks that opened it", Ending.ITSELF: "Recovered by itself, proven",
          Ending.UNPROVEN: "Closed by a person without proof"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """One local day. begin, midday, evening, end: epoch seconds."""

    date: date
    zone: tzinfo
    begin: float
    midday: float
    evening: float
    end: float

    @property
    def name(self) -> str:
        """``2026-11-21``."""
        return self.date.isoformat()


def day_of(day: date, zone: tzinfo) -> Day:
    """A day in a zone; it may have 23 or 25 hours."""
    follows = day + timedelta(days=1)
    at = [datetime.combine(day, each, zone).timestamp() for each in (time(0, 0), MIDDAY, EVENING)]
    return Day(day, zone, at[0], at[1], at[2], datetime.combine(follows, time(0, 0), zone).timestamp())


@dataclass(frozen=True, slots=True)
class Part:
    """What was seen in one part of the day. whole: availability per service. checks: per check, with its kind.

    incidents: open at some moment of it.
    """

    begin: float
    end: float
    whole: Mapping[str, Availability] = field(default_factory=dict)
    checks: Mapping[str, tuple[str, Availability]] = field(default_factory=dict)
    incidents: Sequence[Incident] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the document of a day is written from. parts: morning, midday, evening, and the whole day."""

    day: Day
    team: str
    operators: Sequence[str]
    morning: Part
    midday: Part
    evening: Part
    whole: Part
    entries: Sequence[Entry] = ()
    runs: Sequence[Run] = ()
    changes: Sequence[Change] = ()
    tasks_done: Sequence[Task] = ()
    tasks_open: Sequence[Task] = ()
    windows: Sequence[Window] = ()
    backups: tuple[bool | None, str] = (None, "")
    chain: str = ""


# ---- the document ----------------------------------------------------------------------------------------------------------


def daily(material: Material, now: float) -> dict[str, Any]:
    """The document as data, in the order of its Markdown."""
    day = material.day
    return {
        "date": day.name,
        "team": material.team,
        "timezone": str(day.zone),
        "operator": ", ".join(material.operators) or "nobody had a shift",
        "morning": _part(material.morning, now, {
            "system_status": _system, "security_status": lambda part: _security(part, material.entries),
            "performance_status": _performance,
        }),
        "midday": _part(material.midday, now, {
            "system_load": _load, "user_activity": lambda part: UNWATCHED, "error_rates": _errors,
        }),
        "evening": _part(material.evening, now, {
            "backup_status": lambda part: _backup(material), "log_analysis": lambda part: _log(material),
            "performance_summary": lambda part: _summary(material.whole),
        }, "outstanding_issues", _outstanding(material, now)),
        "actions_taken": _actions(material),
        "next_day_priorities": _priorities(material, now),
    }  # fmt: skip


def _part(
    part: Part, now: float, lines: Mapping[str, Any], last: str = "issues", issues: list[str] | None = None
) -> dict[str, Any]:
    if part.begin > now:
        return {**dict.fromkeys(lines, NOT_YET), last: []}
    found = [_issue_line(each) for each in part.incidents] if issues is None else issues
    return {**{name: said(part) for name, said in lines.items()}, last: found}


def _issue_line(incident: Incident) -> str:
    return f"incident {incident.id} ({incident.severity}): {incident.title}"


def _seen(part: Part) -> bool:
    return any(each.known_s > 1.0 for each in part.whole.values())


def _system(part: Part) -> str:
    """FAIL when an incident was open or a service down; UNKNOWN when nobody watched."""
    if not part.whole or not _seen(part):
        return "UNKNOWN: nobody watched"
    down = [(name, each.down_s) for name, each in part.whole.items() if each.down_s >= 1.0]
    if down:
        named = ", ".join(
            f"{name} down {format_duration(seconds)}" for name, seconds in sorted(down, key=lambda x: -x[1])[:5]
        )
        return f"FAIL: {named}"
    if part.incidents:
        return f"FAIL: {len(part.incidents)} {'incident' if len(part.incidents) == 1 else 'incidents'}"
    return f"PASS{_doubt(part)}"


def _doubt(part: Part) -> str:
    span = part.end - part.begin
    blind = max((each.unknown_s for each in part.whole.values()), default=0.0)
    return f", {format_duration(blind)} not seen" if span and blind > 60.0 else ""


def _security(part: Part, entries: Iterable[Entry]) -> str:
    found = [
        each for each in entries if part.begin <= each.draft.at < part.end and each.draft.type.casefold() == "security"
    ]
    if found:
        return f"FAIL: {'; '.join(f'entry {each.number} {each.draft.title}' for each in found[:3])}"
    return "PASS: no entry of type Security; nothing else is watched for it"


def _performance(part: Part) -> str:
    if not part.whole or not _seen(part):
        return "UNKNOWN: nobody watched"
    slow = [(name, each.degraded_s) for name, each in part.whole.items() if each.degraded_s >= 1.0]
    named = ", ".join(
        f"{name} degraded {format_duration(seconds)}" for name, seconds in sorted(slow, key=lambda x: -x[1])[:5]
    )
    return f"FAIL: {named}" if slow else f"PASS{_doubt(part)}"


def _load(part: Part) -> str:
    asked = {key: each for key, (kind, each) in part.checks.items() if kind in _LOAD and each.known_s > 1.0}
    if not asked:
        return UNWATCHED
    high = [key for key, each in asked.items() if each.degraded_s + each.down_s >= 1.0]
    return f"HIGH: {', '.join(sorted(high)[:5])}" if high else "NORMAL"


def _errors(part: Part) -> str:
    if not part.whole or not _seen(part):
        return "UNKNOWN: nobody watched"
    bad = [(name, each) for name, each in part.whole.items() if (each.share(each.down_s) or 0.0) > 0.001]
    named = ", ".join(f"{name} {100 * (each.share(each.down_s) or 0.0):.1f} % of the time" for name, each in bad[:5])
    return f"HIGH: {named}" if bad else "ACCEPTABLE"


def _backup(material: Material) -> str:
    ok, words = material.backups
    return UNWATCHED if ok is None else f"{'SUCCESS' if ok else 'FAIL'}: {words}"


def _log(material: Material) -> str:
    kinds: dict[str, int] = {}
    for each in material.entries:
        kinds[each.draft.type] = kinds.get(each.draft.type, 0) + 1
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0])))
    return f"COMPLETE: {len(material.entries)} entries{f' ({told})' if told else ''}" + (
        f"; {material.chain}" if material.chain else ""
    )


def _summary(part: Part) -> str:
    shares = [(name, each.available) for name, each in part.whole.items() if each.available is not None]
    if not shares:
        return "UNKNOWN: nobody watched"
    shares.sort(key=lambda pair: (pair[1], pair[0]))
    return ", ".join(f"{name} {100 * share:.2f} %" for name, share in shares[:8]) + (
        f", {len(shares) - 8} more" if len(shares) > 8 else ""
    )


def _outstanding(material: Material, now: float) -> list[str]:
    end = min(material.day.end, now)
    still = [each for each in material.whole.incidents if each.closed_at is None or each.closed_at >= end]
    late = [each for each in material.tasks_open if each.due_at is not None and each.due_at <= end]
    return [*(_issue_line(each) for each in still), *(task_line(each, end) for each in late)][:40]


def _actions(material: Material) -> list[str]:
    found: list[tuple[float, str]] = []
    for run in material.runs:
        if run.started_at is not None:
            found.append((run.started_at, f"run {run.id} of {run.plan.runbook}: {run.state.value}, by {run.actor}"))
    for task in material.tasks_done:
        found.append((task.done_at or 0.0, f"task {task.id} {task.outcome or 'done'} by {task.done_by}: {task.text}"))
    for change in material.changes:
        if change.kind not in ("run", "log"):
            found.append((change.at, f"{change.kind}: {change.title}, by {change.actor}"))
    for entry in material.entries:
        if entry.draft.type not in ("Incident", "Runbook"):
            found.append((entry.draft.at, f"log entry {entry.number}: {entry.draft.title}, by {entry.draft.actor}"))
    zone = material.day.zone
    return [f"{datetime.fromtimestamp(at, zone):%H:%M} {' '.join(said.split())}" for at, said in sorted(found)][:200]


def _priorities(material: Material, now: float) -> list[str]:
    """Open incidents, what is due by the end of the next day, windows of the next day, then the oldest other tasks."""
    end = material.day.end
    until = end + 86400.0
    still = [each for each in material.whole.incidents if each.closed_at is None or each.closed_at >= min(end, now)]
    due = [each for each in material.tasks_open if each.due_at is not None and each.due_at < until]
    rest = [each for each in material.tasks_open if each not in due]
    windows = [each for each in material.windows if each.starts_at < until and each.ends_at > end]
    return [
        *(_issue_line(each) for each in still),
        *(task_line(each, now) for each in due),
        *(f"{each.kind} {each.id}: {each.why}" for each in windows),
        *(task_line(each, now) for each in rest[: max(0, 10 - len(due))]),
    ][:40]  # fmt: skip


HEADINGS: Final = (
    ("Morning Health Check", "morning", (("System Status", "system_status"), ("Security Status", "security_status"),
     ("Performance Status", "performance_status"), ("Issues Identified", "issues"))),
    ("Midday Review", "midday", (("System Load", "system_load"), ("User Activity", "user_activity"),
     ("Error Rates", "error_rates"), ("Issues Identified", "issues"))),
    ("Evening Summary", "evening", (("Backup Status", "backup_status"), ("Log Analysis", "log_analysis"),
     ("Performance Summary", "performance_summary"), ("Outstanding Issues", "outstanding_issues"))),
)  # fmt: skip


def markdown(document: Mapping[str, Any]) -> str:
    """The document as Markdown. Texts of hosts and people stand in code spans where they could be more than text."""
    lines = [f"# Daily Operations Log - {document['date']}", ""]
    for heading, key, rows in HEADINGS:
        lines += [f"## {heading}"]
        for label, name in rows:
            value = document[key][name]
            if isinstance(value, list):
                lines += [
                    f"- {label}: {'none' if not value else ''}".rstrip(),
                    *(f"  - {_plain(each)}" for each in value),
                ]
            else:
                lines.append(f"- {label}: {_plain(value)}")
        lines.append("")
    for heading, name in (("Actions Taken", "actions_taken"), ("Next Day Priorities", "next_day_priorities")):
        lines += [f"## {heading}", *(f"- {_plain(each)}" for each in document[name] or ["none"]), ""]
    lines += [f"Operator: {_plain(document['operator'])}", f"Date: {document['date']}"]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """One line that is no markup: what looks like it becomes a code span."""
    flat = " ".join(str(text).split())
    return inline(flat) if any(mark in flat for mark in "<>[]`*_#|") else flat


# ---- issues ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of a day before it has its number. source: the same for ever, ``incident:5.0`` or ``entry:12``."""

    source: str
    at: float
    record: Mapping[str, Any]


def issue_of_incident(
    incident: Incident, events: Sequence[Event], runs: Sequence[Run], tasks: Sequence[Task], at: float
) -> Issue:
    """The record of an incident. events: its timeline; tasks: of it."""
    actions = [f"{run.plan.runbook}: {_RUN_WORDS.get(run.state, run.state.value)}, by {run.actor}" for run in runs]
    actions += [f"{event.actor}: {event.text}" for event in events if event.kind in ("note", "acknowledged", "owner")]
    lasted = format_duration(
        max(0.0, (incident.closed_at if incident.closed_at is not None else at) - incident.opened_at)
    )
    resolution = _ENDED[incident.ending] if incident.ending else "Not resolved yet"
    who = incident.owner or incident.acknowledged_by or next((run.actor for run in runs), "") or "watchkeeper"
    needs = (
        any(each.done_at is None for each in tasks)
        or incident.status is Status.OPEN
        or incident.ending is Ending.UNPROVEN
    )
    affected = f"{incident.service or incident.host} was affected for {lasted}"
    return Issue(
        f"incident:{incident.id}.{incident.reopened}", incident.opened_at,
        _record(incident.opened_at, SEVERITIES[incident.severity], incident.service or incident.host or "", incident.title,
                affected, actions, resolution, needs, who),
    )  # fmt: skip


_RUN_WORDS = {RunState.PROVEN: "fixed, proven", RunState.UNPROVEN: "run, not proven", RunState.FAILED: "failed",
              RunState.CANCELLED: "cancelled", RunState.DONE: "run"}  # fmt: skip


def is_issue(entry: Entry) -> bool:
    """Whether an entry tells of trouble that no incident of ours tells of: written by people, with a problem or of its type."""
    draft = entry.draft
    if (
        "incident" in draft.facts
        or draft.status_of is not None
        or draft.corrects is not None
        or draft.type == "Hand-over"
    ):
        return False
    problem = any(heading.casefold().startswith("problem") and text.strip() for heading, text in draft.sections)
    return problem or draft.type.casefold() in _ISSUE_TYPES


def issue_of_entry(entry: Entry, tasks: Sequence[Task], status: str) -> Issue:
    """The record of an entry. tasks: made from it; status: as it is now."""
    draft = entry.draft
    sections = {heading.casefold(): text for heading, text in draft.sections}
    fields = {label.casefold(): text for label, text in draft.fields}
    problem = next((text for heading, text in sections.items() if heading.startswith("problem")), "")
    impact = sections.get("impact") or fields.get("availability impact") or "not said"
    actions = [
        line for name in ("change", "procedure", "solution", "actions taken") for line in _steps(sections.get(name, ""))
    ]
    solved = next(iter(_steps(sections.get("results", "") or sections.get("verification", ""))), "")
    component = fields.get("component") or str(
        draft.facts.get("service") or draft.facts.get("host") or fields.get("location") or ""
    )
    return Issue(
        f"entry:{entry.number}", draft.at,
        _record(draft.at, draft.severity, component, f"{draft.title}: {_flat(problem)}" if problem else draft.title,
                _flat(impact), actions, f"{status}: {solved}" if solved else status,
                any(each.done_at is None for each in tasks), draft.actor),
    )  # fmt: skip


def _record(
    at: float, severity: str, component: str, description: str, impact: str, actions: Sequence[str], resolution: str,
    follow_up: bool, operator: str,
) -> dict[str, Any]:  # fmt: skip
    values = (
        "", (utc_text(at) or "")[:19] + "Z", severity.casefold(), component, _flat(description), _flat(impact),
        [_flat(each) for each in actions][:50], _flat(resolution), follow_up, operator,
    )  # fmt: skip
    return dict(zip(RECORD, values, strict=True))


def numbered(issue: Issue, day: str, number: int) -> dict[str, Any]:
    """The record with its number: ``DAILY-20261121-001``."""
    return {**issue.record, "issue_id": f"DAILY-{day.replace('-', '')}-{number:03d}"}


def _steps(text: str) -> list[str]:
    """The lines of a section without their list marks; commands in fences are left out."""
    found, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif line.strip() and not fenced:
            bare = line.strip().lstrip("-*+ ")
            head, dot, rest = bare.partition(". ")
            found.append(rest if dot and head.isdigit() else bare)
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())[:1000]
