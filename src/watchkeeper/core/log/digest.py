"""A day, week or month of the log on one page, and the report of who changed what, approved by whom, proven how. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from watchkeeper.core.log.facets import indexed
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.log.vocabulary import Vocabulary, folded

Period = Literal["day", "week", "month"]
CHANGES = ("Deployment", "Migration", "Configuration", "Maintenance", "Security", "Infrastructure", "Access", "Runbook")
"""Types that tell of a change of the world, in the usual vocabulary; a team's own types count too."""
NO_CHANGES = ("Note", "Shift", "Backup", "Incident", "Hand-over", "Follow-up", "Log keeping")
WORST = 2
"""How many of the team's severities are important."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry with its present status, and the numbers that correct it."""

    entry: Entry
    status: str
    corrected_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """An open follow-up. due: ``due in 3 h``, ``overdue by 2 days``; "" without a date."""

    id: int
    text: str
    owner: str
    due: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened in [since, until), epoch seconds. by_type, by_severity, by_person: (word, count), most first."""

    period: Period
    name: str
    since: float
    until: float
    total: int
    by_type: tuple[tuple[str, int], ...]
    by_severity: tuple[tuple[str, int], ...]
    by_person: tuple[tuple[str, int], ...]
    important: tuple[Shown, ...]
    incidents: tuple[Shown, ...]
    unfinished: tuple[Shown, ...]
    tasks: tuple[Task, ...]


def digest_of(
    period: Period, name: str, since: float, until: float, shown: Sequence[Shown], vocabulary: Vocabulary,
    tasks: Sequence[Task] = (),
) -> Digest:  # fmt: skip
    """The digest of a span. shown: its entries, in any order."""
    ordered = sorted(shown, key=lambda each: (each.entry.draft.at, each.entry.number))
    drafts = [each.entry.draft for each in ordered]
    ranks = {word.name: place for place, word in enumerate(vocabulary.severities)}
    severities = Counter(vocabulary.severity(draft.severity)[0] or "not said" for draft in drafts)
    own = [each for each in ordered if each.entry.draft.status_of is None and each.entry.draft.thread is None]
    return Digest(
        period, name, since, until, len(ordered),
        _counted(vocabulary.type_of(draft.type)[0] or "not said" for draft in drafts),
        tuple(sorted(severities.items(), key=lambda each: ranks.get(each[0], len(ranks)))),
        _counted(draft.actor for draft in drafts),
        tuple(each for each in own if _is_important(each, vocabulary)),
        tuple(each for each in own if _is_incident(each, vocabulary)),
        tuple(each for each in own if _is_unfinished(each, vocabulary)),
        tuple(tasks),
    )  # fmt: skip


def _counted(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(words).items(), key=lambda each: (-each[1], each[0])))


def _is_important(shown: Shown, vocabulary: Vocabulary) -> bool:
    return vocabulary.rank(shown.entry.draft.severity) < WORST and not _is_incident(shown, vocabulary)


def _is_incident(shown: Shown, vocabulary: Vocabulary) -> bool:
    return vocabulary.type_of(shown.entry.draft.type)[0] == "Incident"


def _is_unfinished(shown: Shown, vocabulary: Vocabulary) -> bool:
    return vocabulary.status_of(shown.status)[0] in ("In Progress", "Planned", "Partial", "Failed")


def digest_markdown(digest: Digest, zone: tzinfo, team: str = "") -> str:
    """The digest as a page of Markdown."""
    lines = [f"# Operations log, {digest.name}" + (f": {_flat(team)}" if team else ""), ""]
    if not digest.total:
        lines.append("No entry was written.")
    else:
        noun = "entry" if digest.total == 1 else "entries"
        lines.append(f"{digest.total} {noun} by {_listed(digest.by_person)}.")
        lines += [
            "",
            "| Severity | Entries |",
            "|---|---|",
            *(f"| {_cell(word)} | {count} |" for word, count in digest.by_severity),
        ]
        lines += [
            "",
            "| Type | Entries |",
            "|---|---|",
            *(f"| {_cell(word)} | {count} |" for word, count in digest.by_type),
        ]
    for heading, found, empty in (
        ("Important", digest.important, "No other entry of the two worst severities."),
        ("Incidents", digest.incidents, "No incident."),
        ("Not finished", digest.unfinished, "Everything is complete."),
    ):
        lines += ["", f"## {heading}", "", *([_line(each, zone) for each in found] or [empty])]
    lines += ["", "## Open follow-ups", "", *([_task(each) for each in digest.tasks] or ["None is open."])]
    return "\n".join(lines) + "\n"


def _line(shown: Shown, zone: tzinfo) -> str:
    draft, at = shown.entry.draft, datetime.fromtimestamp(shown.entry.draft.at, zone)
    mark = f", corrected by {', '.join(map(str, shown.corrected_by))}" if shown.corrected_by else ""
    return (
        f"- {at:%Y-%m-%d %H:%M %Z} {_flat(draft.title)} ({_flat(draft.severity)}, {_flat(shown.status)}, {_flat(draft.actor)}; "
        f"entry {shown.entry.number}{mark})"
    )


def _task(task: Task) -> str:
    owner, due = f", {_flat(task.owner)}" if task.owner else ", nobody", f", {task.due}" if task.due else ""
    return f"- [ ] {_flat(task.text)} (task {task.id}{owner}{due})"


def _listed(counted: Sequence[tuple[str, int]]) -> str:
    shown = [f"{_flat(word)} ({count})" for word, count in counted[:8]]
    return ", ".join(shown) + (f" and {len(counted) - 8} more" if len(counted) > 8 else "")


def _flat(text: str) -> str:
    """One line of plain text in Markdown."""
    return "".join(f"\\{each}" if each in "\\`*_[]<>#|" else each for each in " ".join(text.split()))


def _cell(text: str) -> str:
    return _flat(text) or " "


# ---- compliance --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Approved:
    """A decision about a step of a run."""

    run: int
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One change: who, what, reviewed and approved by whom, proven how. gaps: what is not there, in words."""

    number: int
    at: float
    type: str
    severity: str
    status: str
    who: tuple[str, ...]
    what: str
    where: str
    reviewed_by: tuple[str, ...]
    approved_by: tuple[str, ...]
    proof: str
    run: int | None
    incident: int | None
    corrected_by: tuple[int, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compliance:
    """Every change of a span. complete: those without a gap."""

    name: str
    since: float
    until: float
    changes: tuple[Changed, ...]

    @property
    def complete(self) -> int:
        """How many changes have no gap."""
        return sum(not each.gaps for each in self.changes)

    @property
    def with_gaps(self) -> tuple[Changed, ...]:
        """Changes of which something is not there."""
        return tuple(each for each in self.changes if each.gaps)


def compliance_of(
    name: str, since: float, until: float, shown: Sequence[Shown], vocabulary: Vocabulary,
    decisions: Mapping[int, Sequence[Approved]],
) -> Compliance:  # fmt: skip
    """Every change of a span, oldest first. decisions: approvals of runs, by run."""
    found = [_changed(each, vocabulary, decisions) for each in shown if tells_of_a_change(each.entry.draft, vocabulary)]
    return Compliance(name, since, until, tuple(sorted(found, key=lambda each: (each.at, each.number))))


def tells_of_a_change(draft: Draft, vocabulary: Vocabulary) -> bool:
    """Whether somebody changed something: by its type, or because an incident was ended by a run."""
    if draft.corrects is not None or draft.thread is not None or draft.status_of is not None:
        return False
    name = vocabulary.type_of(draft.type)[0]
    if name == "Incident":
        return bool(draft.facts.get("run"))
    return name in CHANGES or (bool(name) and name not in NO_CHANGES)


def _changed(shown: Shown, vocabulary: Vocabulary, decisions: Mapping[int, Sequence[Approved]]) -> Changed:
    draft = shown.entry.draft
    facets = indexed(shown.entry.number, draft).facets
    run = draft.facts.get("run")
    decided = decisions.get(run, ()) if isinstance(run, int) else ()
    names = dict(draft.fields)
    approved = tuple(dict.fromkeys([*_people(names, "approved by", "approver"), *(each.by for each in decided)]))
    reviewed = tuple(_people(names, "reviewed by", "reviewer"))
    took_part = _people(names, "took part", "operator", "performed by")
    proof = _proof(draft)
    who = tuple(dict.fromkeys([draft.actor, *took_part]))
    gaps = []
    if vocabulary.rank(draft.severity) < len(vocabulary.severities) - 1 or run:
        gaps += [] if approved or reviewed else ["nobody approved or reviewed it"]
    gaps += [f"approved by the one who did it ({draft.actor})"] if approved and set(approved) <= {draft.actor} else []
    gaps += [] if proof else ["nothing says how it was proven"]
    if vocabulary.status_of(shown.status)[0] in ("In Progress", "Planned", "Partial"):
        gaps.append(f"it is {shown.status}")
    where = ", ".join(sorted(value for name, value in facets if name in ("service", "host", "component", "location")))
    incident = draft.facts.get("incident")
    return Changed(
        shown.entry.number, draft.at, draft.type, draft.severity, shown.status, who, draft.title, where, reviewed, approved,
        proof, run if isinstance(run, int) else None, incident if isinstance(incident, int) else None,
        shown.corrected_by, tuple(gaps),
    )  # fmt: skip


def _people(fields: Mapping[str, str], *labels: str) -> list[str]:
    return [" ".join(text.split()) for label, text in fields.items() if folded(label) in labels and text.strip()]


def _proof(draft: Draft) -> str:
    """How it was proven, in one line; "" when nothing says it."""
    state = draft.facts.get("state") or draft.facts.get("ending")
    if state in ("unproven", "failed"):
        return ""
    for heading, text in draft.sections:
        if (
            folded(heading) in ("verification", "results")
            and text.strip()
            and not text.startswith("Nothing was verified")
        ):
            first = next(line.strip() for line in text.strip().split("\n") if line.strip())
            return first.lstrip("-* ")[:200]
    return "its checks, after the change" if state in ("proven", "fixed") else ""


COLUMNS = (
    "entry", "at", "type", "severity", "status", "who", "what", "where", "reviewed by", "approved by", "proof", "run",
    "incident", "corrected by", "gaps",
)  # fmt: skip


def compliance_rows(report: Compliance, zone: tzinfo) -> list[tuple[str, ...]]:
    """The report as rows of text below `COLUMNS`. A cell never begins like a formula of a spreadsheet."""
    rows = []
    for each in report.changes:
        at = datetime.fromtimestamp(each.at, zone).isoformat(timespec="seconds")
        cells = (
            str(each.number), at, each.type, each.severity, each.status, "; ".join(each.who), each.what, each.where,
            "; ".join(each.reviewed_by), "; ".join(each.approved_by), each.proof, str(each.run or ""),
            str(each.incident or ""), "; ".join(map(str, each.corrected_by)), "; ".join(each.gaps),
        )  # fmt: skip
        rows.append(tuple(_harmless(" ".join(cell.split())) for cell in cells))
    return rows


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell


def compliance_markdown(report: Compliance, zone: tzinfo, team: str = "") -> str:
    """The report as a page of Markdown, its gaps first."""
    lines = [f"# Changes, {report.name}" + (f": {_flat(team)}" if team else ""), ""]
    total = len(report.changes)
    if not total:
        return "\n".join([*lines, "The log tells of no change."]) + "\n"
    lines += [f"{report.complete} of {total} changes are approved or reviewed, proven and finished.", "", "## Gaps", ""]
    lines += [
        f"- Entry {each.number}, {_flat(each.what)}: {_flat('; '.join(each.gaps))}" for each in report.with_gaps
    ] or ["None."]
    lines += [
        "",
        "## All changes",
        "",
        "| When | Who | What | Approved or reviewed by | Proven how |",
        "|---|---|---|---|---|",
    ]
    for each in report.changes:
        at = datetime.fromtimestamp(each.at, zone)
        people = ", ".join(dict.fromkeys([*each.approved_by, *each.reviewed_by])) or "nobody"
        what = f"{each.what} (entry {each.number})"
        cells = (f"{at:%Y-%m-%d %H:%M %Z}", ", ".join(each.who), what, people, each.proof or "not said")
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"
