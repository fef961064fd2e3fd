"""Incidents, windows and silences, on-call and escalation."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from watchkeeper.core.changes import Suspect
from watchkeeper.core.incidents.impact import Blocked
from watchkeeper.core.incidents.records import Link, Task
from watchkeeper.core.incidents.similar import Remedy, Similar
from watchkeeper.core.incidents.stages import Stage
from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.notifications import Notification
from watchkeeper.core.runs.values import Run
from watchkeeper.faces.api.schemas.shapes import Shown, Time
from watchkeeper.services.incidents.whole import Part


class IncidentMore(TypedDict):
    """`response`: its promised response time in words."""

    respond_by: Time | None
    held_until: Time | None
    response: NotRequired[str]


class Muting(TypedDict):
    """What mutes an incident now."""

    kind: Literal["window", "silence"]
    id: int
    why: str
    actor: str
    until: Time | None


class IncidentWhole(IncidentMore):
    """One incident with its story."""

    stages: list[Stage]
    impact: list[Blocked]
    parts: list[Part]
    tasks: list[Task]
    links: list[Link]
    similar: list[Similar]
    remedies: list[Remedy]
    timeline: list[Event]
    suspects: list[Suspect]
    runs: list[Run]
    notifications: list[Notification]
    muted: Muting | None


IncidentRow = Shown("Incident", Incident, IncidentMore, note="Something is wrong with a service, from first flip to proof. "
                    "`response`: its promised response time in words.")  # fmt: skip
WholeIncident = Shown("WholeIncident", Incident, IncidentWhole, note="One incident with its story: `timeline` oldest first, "
                      "`suspects` the likeliest first, `muted`: what mutes it now, or null.")  # fmt: skip


class StageFigures(TypedDict):
    """`counted`: incidents closed in that time. `medians`: seconds by stage, null where none reached it; `reached`: how many
    did. `in_time`, `late`: how promised response times were kept."""

    since: Time
    until: Time
    counted: int
    medians: dict[str, float | None]
    reached: dict[str, int]
    in_time: int
    late: int


class Postmortem(TypedDict):
    """A draft in Markdown."""

    incident: int
    markdown: str


class ChecklistItem(TypedDict):
    """A line of a window's checklist, counted from 1."""

    position: int
    when: str
    text: str
    check: str
    ok: bool | None
    answer: str
    by: str
    at: Time | None


class Window(TypedDict):
    """A planned maintenance or a silence. `scope`: its targets in words. `begun_at`, `ended_at`: when it was carried out.
    `watch_until`: how long its services are watched closely afterwards."""

    id: int
    kind: Literal["window", "silence"]
    state: Literal["planned", "now", "ended", "cancelled", "past", "taken_back"]
    targets: list[str]
    scope: str
    why: str
    actor: str
    name: str
    starts_at: Time
    ends_at: Time
    lasts_s: float
    begun_at: Time | None
    ended_at: Time | None
    ended_by: str
    ended_why: str
    until_green: bool
    remind_s: float
    watch_s: float | None
    watch_until: Time | None
    watch_over: bool
    flips_after: int
    entry: int | None
    taken_back_by: str
    checklist: list[ChecklistItem]


class RecurringWindow(TypedDict):
    """A window or silence that comes again. `number`: null when it stands in a file. `words`: its rule for people."""

    key: str
    number: int | None
    name: str
    kind: Literal["window", "silence"]
    targets: list[str]
    scope: str
    why: str
    actor: str
    cron: str
    rrule: str
    timezone: str
    lasts_s: float
    words: str
    next_at: Time | None
    expires_at: Time | None


class CoveredIncident(TypedDict):
    """An open incident that is muted."""

    id: int
    title: str
    severity: str


class Besides(TypedDict):
    """What holds besides."""

    id: int
    kind: str
    ends_at: Time


class Covered(TypedDict):
    """What is muted, or would be: `checks`, those of them that are `failing` now, open `incidents`, what holds `besides`."""

    checks: list[str]
    failing: list[str]
    incidents: list[CoveredIncident]
    besides: list[Besides]


class Reclassified(TypedDict):
    """Seconds of one service within a reclassified time; `words` says it for people."""

    service: str
    words: str
    up_s: float
    degraded_s: float
    down_s: float
    unknown_s: float
    maintenance_s: float


class Gap(TypedDict):
    """A span in which a schedule has nobody."""

    schedule: str
    since: Time
    until: Time


class OnCall(TypedDict):
    """One schedule now. `person`: null for nobody. `following`: who has it next. `gap`: the next time without anybody."""

    schedule: str
    timezone: str
    person: str | None
    since: Time | None
    until: Time | None
    reason: str
    following: str | None
    people: list[str]
    gap: Gap | None


class OnCallShift(TypedDict):
    """`override`: the number of the one that made it, or null."""

    schedule: str
    person: str | None
    since: Time
    until: Time
    reason: str
    override: int | None


class Override(TypedDict):
    """Somebody else for a while. `id`, `made_by` and `made_at` are null when it stands in a file."""

    id: int | None
    schedule: str
    person: str
    since: Time
    until: Time
    made_by: str | None
    made_at: Time | None
    why: str
    removed_at: Time | None
    removed_by: str | None


class Escalation(TypedDict):
    """Where an open incident stands. `step`: the next one, from 1; null after the last. `to`: whom it tells."""

    incident: int
    title: str
    severity: str
    policy: str
    step: int | None
    steps: int
    to: list[str]
    due_at: Time | None
    paused_at: Time | None
    paused_why: str | None
    told_at: Time | None


class Target(TypedDict):
    """`who`: null for no person."""

    who: str | None
    channels: list[str]


class EscalationStep(TypedDict):
    """`remarks`: what is not as planned."""

    step: int
    at: Time
    to: list[Target]
    remarks: list[str]


class Preview(TypedDict):
    """`policy`: empty for the plain list of channels."""

    policy: str
    steps: list[EscalationStep]
