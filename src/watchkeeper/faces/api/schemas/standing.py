"""How things stand: status, checks, availability, what changed, who was told."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from watchkeeper.core.checks.values import State
from watchkeeper.core.expiries import Expiry
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Mistake
from watchkeeper.core.notifications import Attempt, Notification
from watchkeeper.core.runs.values import Approval
from watchkeeper.faces.api.schemas.shapes import Shown, Time


class Flapping(TypedDict):
    """A check that turns again and again; `state_by_rules`: what its rules alone say now."""

    since: Time
    flips: int
    state_by_rules: State


class Member(TypedDict):
    """One member of a group."""

    member: str
    state: State
    reason: str


class Check(TypedDict):
    """A check with its settled state and newest reading. `values`: what was measured. `members`: of a group, else null."""

    check: str
    state: State
    reason: str
    since: Time | None
    at: Time | None
    latency_s: float | None
    values: dict[str, Any]
    flapping: Flapping | None
    members: list[Member] | None


class AskedCheck(TypedDict):
    """A check that was asked just now. `error`: why it could not be asked, else empty."""

    check: str
    state: State
    reason: str
    since: Time | None
    at: Time
    latency_s: float
    values: dict[str, Any]
    error: str | None


class ServiceState(TypedDict):
    """A service with its checks. `held_under`: the incident that its failure belongs to."""

    name: str
    description: str
    state: State
    reason: str
    since: Time | None
    held_under: int | None
    checks: list[Check]


class Outbox(TypedDict):
    """Messages on their way."""

    waiting: int
    failed: int
    age_s: float


class Disk(TypedDict):
    """Bytes on the disk of the state."""

    free: int
    total: int


class ChainHealth(TypedDict):
    """The last look at the chain of the log."""

    ok: bool | None
    entries: int
    verified_at: Time | None


class BackupHealth(TypedDict):
    """Our own backup."""

    planned: bool
    made_at: Time | None


class Health(TypedDict):
    """How watchkeeper itself is. `faults`: one sentence for each thing that is stuck. `lateness_*`: how late checks
    are asked."""

    ok: bool
    faults: list[str]
    lateness_p50_s: float | None
    lateness_p99_s: float | None
    lateness_max_s: float | None
    outbox: Outbox
    disk: Disk
    log: ChainHealth
    backup: BackupHealth


class WaitingMore(TypedDict):
    """The step beside its approval."""

    incident: int | None
    id_of_step: str
    text: str
    host: str
    risk: str
    why: str
    touches: str
    so_far: str


class WaitingStep:
    """A step that waits for a person."""


ShownWaiting = Shown("WaitingStep", Approval, WaitingMore, note="A step that waits for a person: its approval, with the step "
                     "beside it.", stands_for=WaitingStep)  # fmt: skip


class Node(TypedDict):
    """One of several nodes, with the services whose checks it asks. `leads`: it was elected; `me`: it gives this answer."""

    id: str
    name: str
    host: str
    pid: int
    version: str
    started_at: Time
    seen_at: Time
    age_s: float
    revision: str
    leads: bool
    me: bool
    services: list[str]


class Muted(TypedDict):
    """A window or silence that holds, in short."""

    kind: Literal["window", "silence"]
    id: int
    targets: list[str]
    why: str
    actor: str
    until: Time | None


class DueTask(TypedDict):
    """A task whose time has come."""

    id: int
    text: str
    owner: str
    due_at: Time | None


class TaskGlance(TypedDict):
    """`open`: how many; `due`: the first 20 of those that are due, `due_count` in all."""

    open: int
    due: list[DueTask]
    due_count: int


class Switch(TypedDict):
    """Whether automation is on, and why not."""

    on: bool
    why: str


class Revision(TypedDict):
    """The inventory in force."""

    revision: str
    loaded_at: Time


class Status(TypedDict):
    """The whole truth of one moment. `unmanned`: schedules without a person. `muted`: windows and silences that hold."""

    team: str
    timezone: str
    state: State
    sentence: str
    now: Time
    services: list[ServiceState]
    incidents: list[Incident]
    waiting: list[WaitingStep]
    undelivered: list[Notification]
    fault: str
    own: list[str]
    oncall: str | None
    tasks: TaskGlance
    unmanned: list[str]
    muted: list[Muted]
    mistakes: list[Mistake]
    watch: dict[str, Any]
    automation: Switch
    inventory: Revision
    nodes: list[Node]
    health: Health


class Split(TypedDict):
    """Seconds, which add up to `span_s`. `available`: share of the known time, maintenance left out, in which it was not down;
    null when nothing is known. `shares`: of the known time."""

    span_s: float
    up_s: float
    degraded_s: float
    down_s: float
    maintenance_s: float
    unknown_s: float
    unwatched_s: float
    available: float | None
    shares: dict[str, float | None]


class CheckSplit(Split):
    """The time of one check."""

    check: str


class Availability(Split):
    """The time of one service, and of its checks."""

    service: str
    checks: list[CheckSplit]


class SeriesPoint(TypedDict):
    """One slot that holds readings; `at`: its start. Numbers are null where nothing was measured. `states`: readings
    by state."""

    at: Time
    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    avg: float | None
    min: float | None
    max: float | None
    states: dict[str, int]


class ExpiryMore(TypedDict):
    """`left_s`: until then from now."""

    left_s: float


ExpiryRow = Shown("Expiry", Expiry, ExpiryMore, note="`what` ends `ends_at`, which is `left_s` from now. `forecast`: "
                  "reckoned from the past, so it moves.")  # fmt: skip


class Skipped(TypedDict):
    """A host that is not looked at, and why."""

    host: str
    why: list[str]


class NotificationMore(TypedDict):
    """`state`: told, held, on its way, undelivered or withdrawn, and in a sentence."""

    state: NotRequired[str]
    sentence: NotRequired[str]
    attempts: NotRequired[list[Attempt]]
    carries: NotRequired[list[int]]


NotificationRow = Shown(
    "Notification", Notification, NotificationMore,
    note="One message on its way. One alone has its `attempts`, newest first, and as `carries` the numbers that go with it.",
)  # fmt: skip


class ChannelTest(TypedDict):
    """`ok`: null while it is not known yet."""

    channel: str
    ok: bool | None
    sentence: str
    duration_s: float
