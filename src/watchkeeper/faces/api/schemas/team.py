"""Accounts and tokens, what one may do, the audit trail, the status page, definitions, search."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from watchkeeper.core.audit import AuditEvent
from watchkeeper.faces.api.schemas.shapes import Shown, Time

ShownAuditEvent = Shown(
    "AuditEvent", AuditEvent, note="One act that matters to security, whether it was allowed or not."
)


class RoleOn(TypedDict):
    """A role, and where it holds: `*`, a service, or `label=value`."""

    role: str
    services: str


class Account(TypedDict):
    """A person or an agent. `role`: the one on everything; `roles`: those that count; `given`: as an admin gave them."""

    name: str
    kind: Literal["person", "agent"]
    role: str
    roles: list[RoleOn]
    given: list[RoleOn]
    email: str
    unix_user: str
    limits: dict[str, float]
    added_at: Time
    added_by: str
    invited_until: Time | None
    accepted_at: Time | None
    disabled_at: Time | None


class Invitation(TypedDict):
    """The link of an invitation, shown this once."""

    url: str
    until: Time | None


class Token(TypedDict):
    """An API token without its secret. `text`: of a new one, shown this once."""

    id: int
    account: str
    label: str
    scope: str
    services: str
    state: Literal["valid", "expired", "revoked"]
    made_at: Time
    made_by: str
    expires_at: Time | None
    last_used_at: Time | None
    last_used_from: str
    factor_at: Time | None
    revoked_at: Time | None
    revoked_by: str
    text: NotRequired[str]


class Caller(TypedDict):
    """Somebody who calls. `fresh`: a second factor was shown a short while ago. `token`: the number of
    the one that was used."""

    name: str
    kind: str
    role: str
    roles: list[RoleOn]
    fresh: bool
    scope: str
    services: str
    via: str
    token: NotRequired[int | None]


class Act(TypedDict):
    """One action for one caller: the verdict with its reason; `ask`: who could."""

    action: str
    words: str
    allowed: bool
    needs_factor: bool
    reason: str
    hint: str
    ask: Any


class May(TypedDict):
    """What a caller may do. `left`: what is left of an agent's limits."""

    actor: Caller
    service: str
    role: str
    services: dict[str, Any]
    left: Any
    acts: list[Act]


class Rule(TypedDict):
    """One line of the table role x action x resource."""

    action: str
    words: str
    role: str
    scope: str
    who: list[str]
    about: str
    factor: bool
    lowers: bool
    own: Any


class Notice(TypedDict):
    """What was told of one incident on the status page."""

    id: int
    incident: int
    title: str
    components: list[str]
    impact: str
    state: str
    public: bool
    began_at: Time
    created_at: Time
    created_by: str
    published_at: Time | None
    ended_at: Time | None
    proven: bool | None
    withdrawn_at: Time | None
    withdrawn_by: str
    withdrawn_why: str


class Update(TypedDict):
    """One update of a notice; a draft has no `published_at`."""

    id: int
    at: Time
    state: str
    text: str
    actor: str
    published_at: Time | None
    published_by: str
    discarded_at: Time | None


class ToldNotice(Notice):
    """With its updates, oldest first."""

    updates: list[Update]


class Untold(TypedDict):
    """An open incident of which the public was told nothing."""

    incident: int
    severity: str
    title: str
    components: list[str]


class Definition(TypedDict):
    """A file of the ops repo. One alone has its `text`, or `base64` where it is no text."""

    path: str
    kind: str
    digest: str
    bytes: int
    text: NotRequired[str]
    base64: NotRequired[str]


class Exported(TypedDict):
    """A file with its `text`, or `base64` where it is no text."""

    path: str
    text: NotRequired[str]
    base64: NotRequired[str]


class PlannedFile(TypedDict):
    """`how`: added, changed or removed."""

    how: str
    path: str


class Difference(TypedDict):
    """What would be otherwise of one thing."""

    how: str
    noun: str
    name: str
    what: list[str]


class PlannedMistake(TypedDict):
    """A mistake that the files would have."""

    file: str
    line: int
    column: int
    level: str
    sentence: str


class DefinitionPlan(TypedDict):
    """What a change would do. `before`, `after`: revisions. `sound`: it could be taken into force."""

    before: str
    after: str
    sound: bool
    files: list[PlannedFile]
    differences: list[Difference]
    mistakes: list[PlannedMistake]


class McpCaller(TypedDict):
    """Who calls."""

    actor: str
    kind: str
    role: str
    scope: str


class Webhook(TypedDict):
    """Who is told of what happens, and how far it is. `secret`: the name of the one that signs. `error`: why not further."""

    name: str
    url: str
    secret: str
    events: list[str]
    event: int
    entry: int
    delivered_at: Time | None
    tries: int
    error: str
    due_at: Time | None


class WebhookTest(TypedDict):
    """How a test event went."""

    webhook: str
    ok: bool
    error: str


class Ended(TypedDict):
    """What an emergency ended, and how many of it."""

    what: str
    many: int | None


class Outside(TypedDict):
    """A secret that a person must replace; never its value."""

    name: str
    where: str
    owner: str


class Emergency(TypedDict):
    """What was done, and what people must do."""

    at: Time
    by: str
    why: str
    done: list[Ended]
    outside: list[Outside]
    entry: int | None


class ReportedService(TypedDict):
    """One service in a month. `target`, `available`: shares; `left_s` of the error budget `budget_s`."""

    service: str
    target: float | None
    available: float | None
    kept: bool | None
    budget_s: float | None
    left_s: float | None
    up_s: float
    degraded_s: float
    down_s: float
    maintenance_s: float
    unknown_s: float
    incidents: int


class ReportedTime(TypedDict):
    """A response time of the month."""

    count: int
    p50_s: float | None
    p95_s: float | None


class ReportedIncidents(TypedDict):
    """Counts."""

    opened: int
    by_severity: dict[str, int]
    by_service: dict[str, int]
    by_cause: dict[str, int]


class Report(TypedDict):
    """The report of a month. `complete`: the month is over. `earlier`: months that can be asked for."""

    month: str
    timezone: str
    since_at: Time
    until_at: Time
    complete: bool
    services: list[ReportedService]
    times: dict[str, ReportedTime]
    automation: Any
    incidents: ReportedIncidents
    earlier: list[str]
