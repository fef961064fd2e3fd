"""What the team runs, as loaded from the ops repo: immutable, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from watchkeeper.core.log.policy import LogPolicy
from watchkeeper.core.readings.retention import Retention
from watchkeeper.core.routing import Telling
from watchkeeper.core.shifts.values import ShiftPolicy

if TYPE_CHECKING:
    from watchkeeper.core.actors import Role
    from watchkeeper.core.conditions import Condition
    from watchkeeper.core.expiries import Declared
    from watchkeeper.core.hours import Hours
    from watchkeeper.core.incidents.severity import Level
    from watchkeeper.core.recurrence import Plan
    from watchkeeper.core.status_page import StatusPagePolicy
    from watchkeeper.core.watching import AlertPlan, PingPlan
    from watchkeeper.core.webhooks import Webhook

Where = Literal["host", "here"]
Mode = Literal["observe", "propose", "auto"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One fault in one file. column and line count from 1. level: error stops the load, warning does not."""

    file: str
    line: int
    column: int
    found: str
    expected: str
    example: str = ""
    did_you_mean: str = ""
    level: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Host:
    """How to reach one host. kind local: processes of this machine; ssh: asyncssh to user@address:port.

    kind container: processes in the container `address`, as `user` (empty: its own), through the Docker API on `socket`
    (empty: the usual ones) of this machine, or through the docker or podman program of the host `via`.
    spool: directory for changing commands (promise 2); empty means /var/tmp/wk-UID on that host.
    """

    name: str
    kind: Literal["local", "ssh", "container"]
    address: str = ""
    user: str = ""
    port: int = 0
    become: bool = False
    spool: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    socket: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is read from; its value is never kept in an inventory. expires: ISO date, "" when it has none."""

    name: str
    source: Literal["env", "file", "command"]
    reference: str
    expires: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    """A named connection. kind sqlite: target is a path; postgresql: target is a URL or ``secret:NAME``."""

    name: str
    kind: Literal["sqlite", "postgresql"]
    target: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to tell people. target: script path (from the ops repo), http(s) URL, Apprise URL, or ``secret:NAME``.

    options: what a kind needs beside its target, as `core.inventory.delivery` validated it. at_most: (messages, seconds) or
    None. updates: a later message of the same cause replaces the one before it there.
    """

    name: str
    kind: Literal["script", "webhook", "apprise", "smtp", "alertmanager"]
    target: str
    timeout_s: float = 20.0
    options: Mapping[str, object] = field(default_factory=dict)
    at_most: tuple[int, float] | None = None
    updates: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """How a check asks. kind: a name of `core.checks.kinds.KINDS`.

    options are the validated keys of that kind (see docs/reference/checks.md), durations already in seconds.
    """

    kind: str
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that must hold in `hits` of the last `window` readings. text: as the team wrote it.

    hold_s: instead, it must have held in every reading for this long; 0 when it counts readings.
    """

    condition: Condition
    hits: int
    window: int
    text: str
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Flapping:
    """When a check counts as flapping: `flips` changes between good and bad `within_s`; over after `quiet_s` without one."""

    flips: int = 6
    within_s: float = 3600.0
    quiet_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Check:
    """A question asked again and again of one service on one host.

    key: ``service/name`` or, when the service has several hosts, ``service/name@host``.
    host: where the service runs, None for a service without hosts. where: asked on that host, or from here.
    recover: OK readings in a row that settle it back. rule_hash: sha256 over probe, place and rules, not `every_s`.
    was: the name (not the key) it had before it was renamed.
    recover_when: what must hold besides in each of those readings. recover_s: how long they must go on, first to last.
    flapping: None when its flips are never held. spoken_for: key of the group that pages for it; "" when it pages itself.
    """

    key: str
    service: str
    name: str
    host: str | None
    where: Where
    probe: Probe
    every_s: float
    timeout_s: float
    ok: Rule | None
    warn: Rule | None
    crit: Rule | None
    recover: int
    rule_hash: str
    was: str | None = None
    recover_when: Condition | None = None
    recover_s: float = 0.0
    flapping: Flapping | None = Flapping()
    spoken_for: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """Which runbook answers which checks of a service, and how far it asks to go by itself.

    to: check names of this service (all when empty). at_most: (count, seconds) or None.
    prove_within_s: how long after the fix its proof may take before the run counts as not proven.
    name: ``service/runbook-path``, the identity that grants name.
    """

    name: str
    service: str
    to: tuple[str, ...]
    runbook: str
    mode: Mode
    at_most: tuple[int, float] | None
    prove_within_s: float = 60.0
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """One service with its checks (already spread over its hosts) and responses."""

    name: str
    description: str = ""
    hosts: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    owner: str = ""
    tier: int = 2
    config: tuple[str, ...] = ()
    repository: str = ""
    logs: tuple[str, ...] = ()
    docs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    respond: tuple[Response, ...] = ()
    windows: tuple[Plan, ...] = ()
    target: float | None = None
    """The share (0..1) of the time in which it shall be available; None when nothing is promised."""


@dataclass(frozen=True, slots=True)
class RunbookFile:
    """The text of one runbook of the ops repo. digest: sha256 of its bytes, what a grant is bound to."""

    path: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Our own backup. to: directory for one folder per backup; keep: how many of them stay."""

    to: str
    every_s: float = 86400.0
    keep: int = 14


@dataclass(frozen=True, slots=True)
class ConnectivityPlan:
    """Addresses (URLs, host:port) of which one always answers while watchkeeper itself has a network."""

    any_of: tuple[str, ...]
    every_s: float = 10.0
    timeout_s: float = 3.0


@dataclass(frozen=True, slots=True)
class HeartbeatPlan:
    """The sign of life that somebody else waits for. url: http(s) address, or ``secret:NAME``."""

    url: str
    every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Team:
    """watchkeeper.yaml: who we are, how we are told, what limits hold. people: roles, which only lower given ones.

    group_s: how long messages of one cause are gathered after the first. web_url: where people open the page, "" when that
    is this machine only.
    """

    name: str = "team"
    timezone: str = "UTC"
    channels: tuple[Channel, ...] = ()
    escalation: tuple[str, ...] = ()
    budget_service: tuple[int, float] = (6, 3600.0)
    budget_all: tuple[int, float] = (30, 3600.0)
    proven_within_s: float = 90 * 86400.0
    backup: BackupPlan | None = None
    heartbeat: HeartbeatPlan | None = None
    people: Mapping[str, Role] = field(default_factory=dict)
    retention: Retention = field(default_factory=Retention)
    group_s: float = 60.0
    web_url: str = ""
    connectivity: ConnectivityPlan | None = None
    hours: Hours | None = None
    telling: Telling = field(default_factory=Telling)
    severities: tuple[Level, ...] = ()
    correlate_within_s: float = 10.0
    windows: tuple[Plan, ...] = ()
    expiries: tuple[Declared, ...] = ()
    pings: PingPlan | None = None
    alerts: AlertPlan | None = None
    log: LogPolicy = field(default_factory=LogPolicy)
    shift: ShiftPolicy = field(default_factory=ShiftPolicy)
    status_page: StatusPagePolicy | None = None
    webhooks: tuple[Webhook, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything loaded from one state of the ops repo. revision: sha256 over all files read, 12 hex digits shown."""

    revision: str
    loaded_at: float
    team: Team
    hosts: Mapping[str, Host]
    services: Mapping[str, Service]
    databases: Mapping[str, Database]
    secrets: Mapping[str, Secret]
    runbooks: Mapping[str, RunbookFile]
    sample: bool = False
    checks: Mapping[str, Check] = field(init=False, repr=False, compare=False)
    """All checks by key."""

    def __post_init__(self) -> None:
        checks = {check.key: check for service in self.services.values() for check in service.checks}
        object.__setattr__(self, "checks", checks)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The outcome of one load: an inventory when there is no error, and every mistake found."""

    inventory: Inventory | None
    mistakes: tuple[Mistake, ...]

    @property
    def errors(self) -> tuple[Mistake, ...]:
        """Only what stops the load."""
        return tuple(mistake for mistake in self.mistakes if mistake.level == "error")
