"""Tasks, shifts, heartbeats, keys, people."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from watchkeeper.core.checks.values import State
from watchkeeper.core.log.values import Entry
from watchkeeper.core.shifts.counters import Counters
from watchkeeper.faces.api.schemas.shapes import Shown, Time


class Task(TypedDict):
    """`state`: open, or how it ended: done, logged, dropped or proven by its check. `due`: in words. `incident`, `entry`,
    `shift`: where it comes from, or null. `asks_to_log`: it asks for an entry about a change. `ok_s`: how long its check
    stayed OK, of `stays_s`. `closing_entry`: the one that tells how it ended."""

    id: int
    text: str
    owner: str
    state: str
    due_at: Time | None
    due: str
    overdue: bool
    incident: int | None
    entry: int | None
    shift: int | None
    asks_to_log: bool
    check: str
    check_state: str | None
    check_reason: str
    ok_s: float | None
    stays_s: float | None
    created_at: Time
    created_by: str
    done_at: Time | None
    done_by: str
    why: str
    closing_entry: int | None
    estimate_s: float | None
    started_at: Time | None
    worked_s: float


class ChecklistItem(TypedDict):
    """An item of a checklist. `by_hand`: people answer it. `text`: the answer in one line; `short`: at most 10 lines of
    evidence; `evidence`: the address of all of it, null when that says no more."""

    item: int
    name: str
    kind: str
    state: str
    by_hand: bool
    text: str
    short: str
    evidence: str | None
    at: Time | None
    by: str
    used_s: float | None
    budget_s: float | None


class Shift(TypedDict):
    """`state`: working, standby or ended. `agent`: whether an agent has it. `handed_to`: empty for whoever comes next.
    `entry`: number of the hand-over in the log. `previous`: the shift that was handed over to it."""

    id: int
    person: str
    agent: bool
    state: str
    ready_for: list[str]
    started_at: Time
    ended_at: Time | None
    signed_at: Time | None
    handed_to: str
    entry: int | None
    accepted_at: Time | None
    accepted_by: str
    previous: int | None
    reported_at: Time | None
    notes_digest: str
    checklist: list[ChecklistItem]


class Note(TypedDict):
    """A note of a shift; `short`, `evidence`: as in an item. `over_at`: when a blocker was over."""

    id: int
    shift: int
    at: Time
    kind: str
    actor: str
    text: str
    short: str
    evidence: str | None
    evidence_digest: str
    over_at: Time | None


class HandedOver(TypedDict):
    """What a shift began with."""

    shift: int
    person: str
    accepted_at: Time | None
    accepted_by: str
    entry: Entry | None


class WholeShift(Shift):
    """A shift with its notes, oldest first, its tasks, how it kept to the rules, and what was handed over to it."""

    notes: list[Note]
    tasks: list[Task]
    compliance: Counters
    handed_over: HandedOver | None


class Ping(TypedDict):
    """`took_s`: how long the run took that it ended. `body`: the last part of what the job printed."""

    at: Time
    status: str
    rid: str
    exit_code: int | None
    took_s: float | None
    note: str
    body: str
    source: str


class HeartbeatFields(TypedDict):
    """A job that must report. What its check measured stands beside these. `pings`: newest first."""

    check: str
    state: State
    schedule: str
    pings: list[Ping]
    age_s: NotRequired[float | None]
    duration_s: NotRequired[float | None]
    usual_s: NotRequired[float | None]


class Heartbeat:
    """A job."""


ShownHeartbeat = Shown("Heartbeat", HeartbeatFields, note="A job that must report. What its check measured stands beside "
                       "these, as `age_s`. `pings`: newest first.", stands_for=Heartbeat, open=True)  # fmt: skip


class TakenPing(TypedDict):
    """A ping as it was taken."""

    check: str
    status: str
    at: Time


class SavedQuery(TypedDict):
    """A question of the team; `by` is empty when it stands in watchkeeper.yaml."""

    name: str
    question: str
    by: str


class Place(TypedDict):
    """A document of the ops repo."""

    path: str
    kind: str
    title: str
    size: int
    digest: str


class WholePlace(Place):
    """Its text; `more`: the character to go on from, or null."""

    text: str
    more: int | None


class Found(TypedDict):
    """One place that a search found. `link`: its page."""

    kind: str
    name: str
    title: str
    heading: str
    snippet: str
    entry: int | None
    at: Time | None
    link: str


class Response(TypedDict):
    """Which runbook answers what."""

    to: list[str]
    runbook: str
    mode: str


class Described(TypedDict):
    """A service as its file describes it, with its state. One alone has its checks in `state_of`."""

    name: str
    description: str
    state: State
    reason: str
    hosts: list[str]
    depends_on: list[str]
    needed_by: list[str]
    owner: str
    tier: Any
    labels: dict[str, str]
    docs: list[str]
    logs: list[str]
    config: list[str]
    repository: str | None
    checks: list[str]
    respond: list[Response]
    state_of: NotRequired[Any]


class Host(TypedDict):
    """A host and what runs there."""

    name: str
    kind: str
    address: str
    labels: dict[str, str]
    services: list[str]
