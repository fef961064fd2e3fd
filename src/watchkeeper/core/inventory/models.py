"""The files of the ops repo as models: which keys exist, of what type. `assembling` checks what they mean together."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from watchkeeper.core.inventory import probes
from watchkeeper.core.inventory.connectivity import ConnectivityModel
from watchkeeper.core.inventory.delivery import GroupTime, SmtpModel, WebModel
from watchkeeper.core.inventory.expiries import ExpiryModel
from watchkeeper.core.inventory.fields import (
    SECRET,
    AbsolutePath,
    Every,
    Filled,
    Flag,
    InARow,
    Kept,
    Name,
    Pause,
    Port,
    Rate,
    Text,
    Tier,
    Timeout,
    TimeZone,
    Trusted,
    mistake,
)
from watchkeeper.core.inventory.log import LogModel
from watchkeeper.core.inventory.oncall import (
    ContactKeys,
    Day,
    HoursModel,
    PolicyModel,
    RouteModel,
    ScheduleModel,
)
from watchkeeper.core.inventory.probes import Strict, True_
from watchkeeper.core.inventory.recovering import FlappingField, RecoverField
from watchkeeper.core.inventory.retention import RetentionModel
from watchkeeper.core.inventory.severities import CORRELATE_S, Correlate, SeveritiesModel
from watchkeeper.core.inventory.shift import ShiftModel
from watchkeeper.core.inventory.status_page import StatusPageModel
from watchkeeper.core.inventory.targets import AvailabilityModel
from watchkeeper.core.inventory.watching import AlertsModel, PeerModel, PingsModel
from watchkeeper.core.inventory.webhooks import WebhookModel
from watchkeeper.core.inventory.windows import WindowModel

_SSH = re.compile(r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?(?P<host>\[?[A-Za-z0-9][A-Za-z0-9._:%-]*\]?)\Z")

_CONTAINER_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?\Z")


def _one_of(model: BaseModel, names: tuple[str, ...], example: str) -> None:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        listed = ", ".join(f"'{name}'" for name in names)
        found = " and ".join(f"'{name}'" for name in given) or "none of them"
        raise mistake(f"exactly one of {listed}", example, found=found)


def _ssh(value: Any) -> str:
    if not isinstance(value, str) or not _SSH.match(value):
        raise mistake("user@host, or a name of ~/.ssh/config; the port has a key of its own", "deploy@app2.example.org")
    return value


def _become(value: Any) -> bool:
    if value is False or value == "sudo -n":
        return bool(value)
    raise mistake("'sudo -n', or nothing", "sudo -n", meant="sudo -n" if value is True or "sudo" in str(value) else "")


def _container_user(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _CONTAINER_USER.match(text):
        raise mistake("a user, or user:group, as the container knows it", "root")
    return text


def _script(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or value.startswith("/") or ".." in value.split("/"):
        raise mistake("the path of a script in this ops repo", "tools/page.sh")
    return value


def _webhook(value: Any) -> str:
    if isinstance(value, str) and (SECRET.match(value) or re.match(r"https?://[^\s/]+", value)):
        return value
    raise mistake("an http or https URL, or secret:NAME", "secret:chat-hook")


def _runbook(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or value.startswith("/") or ".." in value.split("/"):
        raise mistake("the path of a runbook in this ops repo", "runbooks/web-down.md")
    return value.removeprefix("./")


class ChannelModel(Strict):
    """One way to tell people: a script, a webhook, an Apprise URL, a mail server or an Alertmanager."""

    script: Annotated[str, BeforeValidator(_script)] | None = Field(
        default=None, description="a script of this ops repo"
    )
    webhook: Annotated[str, BeforeValidator(_webhook)] | None = Field(
        default=None, description="an http(s) URL, or secret:NAME"
    )
    apprise: Filled | None = Field(default=None, description="an Apprise URL, or secret:NAME")
    smtp: SmtpModel | None = Field(default=None, description="a mail server")
    alertmanager: Annotated[str, BeforeValidator(_webhook)] | None = Field(
        default=None, description="the http(s) URL of an Alertmanager, or secret:NAME"
    )
    timeout: Timeout = Field(default=20.0, description="how long one delivery may take")
    at_most: Rate = Field(default=(30, 60.0), description="messages; what is beyond goes as one summary")
    updates: Flag | None = Field(
        default=None,
        description="a later message of one cause replaces the first there; default: webhook, alertmanager",
    )

    @model_validator(mode="after")
    def _one(self) -> ChannelModel:
        _one_of(self, ("script", "webhook", "apprise", "smtp", "alertmanager"), "{script: tools/page.sh}")
        if not self.at_most[0]:
            raise mistake("at least one message per period", "10 per 1m", found="a limit that lets nothing through")
        return self


class DefaultsModel(Strict):
    """What a check takes when it does not say it."""

    every: Every = Field(default=30.0, description="how often a check is asked")
    timeout: Timeout = Field(default=10.0, description="how long an answer may take")
    recover: InARow = Field(default=1, description="OK readings in a row that settle a check back")
    flapping: FlappingField | None = Field(
        default=None, description="when a check counts as flapping; default: 6 flips within 1h, over after 10m quiet"
    )


class BudgetModel(Strict):
    """How many changing runs may start by themselves."""

    per_service: Rate = Field(default=(6, 3600.0), description="for one service")
    all: Rate = Field(default=(30, 3600.0), description="for all services together")


class AutomationModel(Strict):
    """What a response must have shown before it acts by itself."""

    proven_within: Trusted = Field(
        default=90 * 86400.0, description="how long ago it may have been granted or proven last; at most 90d"
    )


class BackupModel(Strict):
    """Our own backup: the state directory, checked and kept elsewhere."""

    to: AbsolutePath = Field(description="directory for one folder per backup; not in the state, best on another disk")
    every: Pause = Field(default=86400.0, description="how often a backup is made")
    keep: Kept = Field(default=14, description="how many backups stay; older ones are removed")


class HeartbeatModel(Strict):
    """A sign of life to somebody who watches the watcher. Withheld while watchkeeper itself is not well."""

    url: Annotated[str, BeforeValidator(_webhook)] = Field(description="asked with GET; an http(s) URL, or secret:NAME")
    every: Pause = Field(default=60.0, description="how often it is sent")


class PersonModel(ContactKeys):
    """How a person is reached, and the most he may do. Rights are given with `wk user add`; this can only take away."""

    role: Literal["viewer", "operator", "approver", "admin"] | None = Field(
        default=None, description="viewer, operator, approver or admin; a lower one than was given counts"
    )


class TeamFile(Strict):
    """watchkeeper.yaml"""

    team: Filled = Field(default="team", description="who we are")
    timezone: TimeZone = Field(default="UTC", description="time zone of the team")
    channels: dict[Name, ChannelModel] = Field(default_factory=dict, description="ways to tell people")
    escalation: list[Name] | None = Field(
        default=None, description="channels in the order they are tried; default: file order"
    )
    group_within: GroupTime = Field(
        default=60.0, description="messages of one cause are gathered for so long after the first; 0s: never"
    )
    web: WebModel | None = Field(default=None, description="where people open the page from elsewhere")
    defaults: DefaultsModel = Field(default_factory=lambda: DefaultsModel(), description="defaults of all checks")
    budget: BudgetModel = Field(default_factory=lambda: BudgetModel(), description="limits of automation")
    automation: AutomationModel = Field(
        default_factory=lambda: AutomationModel(), description="what acting by itself requires"
    )
    people: dict[Name, PersonModel] = Field(
        default_factory=dict, description="people by name: how each is reached, and the most each may do"
    )
    groups: dict[Name, list[Name]] = Field(default_factory=dict, description="people who are told together")
    holidays: dict[Name, list[Day]] = Field(default_factory=dict, description="calendars: names of lists of dates")
    oncall: dict[Name, ScheduleModel] = Field(default_factory=dict, description="who is on call, in turns")
    escalations: dict[Name, PolicyModel] = Field(
        default_factory=dict, description="who is told after how long; 'default' is for what no route takes"
    )
    routes: list[RouteModel] = Field(
        default_factory=list,
        description="which messages go to which policy or channels; the first that matches decides",
    )
    hours: HoursModel | None = Field(default=None, description="business hours of the team")
    severities: SeveritiesModel | None = Field(
        default=None, description="which severity an incident has, and until when somebody answers"
    )
    correlate_within: Correlate = Field(
        default=CORRELATE_S, description="how long the first page waits while what the service depends on is asked"
    )
    backup: BackupModel | None = Field(default=None, description="watchkeeper's own backup")
    heartbeat: HeartbeatModel | None = Field(default=None, description="a sign of life to the outside")
    expiries: list[ExpiryModel] = Field(
        default_factory=list, description="what else runs out: domains, licences, contracts"
    )
    connectivity: ConnectivityModel | None = Field(
        default=None, description="addresses that tell whether watchkeeper itself has a network"
    )
    windows: list[WindowModel] = Field(default_factory=list, description="planned maintenance")
    pings: PingsModel | None = Field(default=None, description="where jobs report over HTTP")
    alerts: AlertsModel | None = Field(default=None, description="takes alerts of Prometheus and its Alertmanager")
    peers: dict[Name, PeerModel] = Field(default_factory=dict, description="other watchkeepers, which this one watches")
    retention: RetentionModel = Field(
        default_factory=lambda: RetentionModel(), description="how long readings are kept"
    )
    log: LogModel | None = Field(default=None, description="the operations log: its words, its document, its retention")
    shift: ShiftModel | None = Field(default=None, description="shifts: the checklist at their beginning, reminders")
    webhooks: dict[Name, WebhookModel] = Field(
        default_factory=dict, description="programs that are told what happens, signed"
    )
    status_page: StatusPageModel | None = Field(
        default=None, description="a page that everybody may read; off without it"
    )
    availability: AvailabilityModel | None = Field(
        default=None, description="what availability services promise that say nothing of their own"
    )
    sample: Flag = Field(default=False, description="only in the sample that ships with watchkeeper")


_ONLY_BESIDE = (
    ("port", ("ssh",), "{ssh: deploy@app2.example.org, port: 2222}"),
    ("become", ("local", "ssh"), "{container: shop-web, user: root}"),
    ("user", ("container",), "{ssh: deploy@app2.example.org}"),
    ("socket", ("container",), "{container: shop-web, socket: /run/podman/podman.sock}"),
    ("via", ("container",), "{container: shop-web, via: app2}"),
)
"""(key of a host, kinds it belongs to, what may be meant)."""


class HostModel(Strict):
    """How one host is reached."""

    local: True_ | None = Field(default=None, description="true: this machine")
    ssh: Annotated[str, BeforeValidator(_ssh)] | None = Field(
        default=None, description="user@host, or a name of ~/.ssh/config"
    )
    container: probes.ContainerName | None = Field(default=None, description="name of a container")
    port: Port | None = Field(default=None, description="port of SSH; default 22")
    user: Annotated[str, BeforeValidator(_container_user)] | None = Field(
        default=None, description="user inside the container; default: the container's own"
    )
    socket: probes.Socket | None = Field(
        default=None, description="socket of the Docker API on this machine; default: Docker's, else podman's"
    )
    via: Name | None = Field(
        default=None, description="instead of a socket: the host whose docker or podman runs the container"
    )
    become: Annotated[
        bool, BeforeValidator(_become), WithJsonSchema({"enum": ["sudo -n", False]})
    ] = Field(default=False, description="'sudo -n': commands run as root, without a password")  # fmt: skip
    spool: AbsolutePath | None = Field(
        default=None, description="folder for changing commands; default /var/tmp/wk-UID there"
    )
    labels: dict[Name, Text] = Field(default_factory=dict, description="your own words about it")

    @model_validator(mode="after")
    def _one(self) -> HostModel:
        _one_of(self, ("local", "ssh", "container"), "{ssh: deploy@app2.example.org}")
        kind = "local" if self.local else "ssh" if self.ssh is not None else "container"
        for key, kinds, example in _ONLY_BESIDE:
            if getattr(self, key) and kind not in kinds:
                beside = " or ".join(f"'{each}'" for each in kinds)
                raise mistake(f"'{key}' beside {beside} only", example, found=f"'{key}' beside '{kind}'")
        if self.via is not None and self.socket is not None:
            raise mistake("'socket' or 'via'", "{container: shop-web, via: app2}", found="both 'socket' and 'via'")
        return self


class HostsFile(Strict):
    """hosts.yaml"""

    hosts: dict[Name, HostModel] = Field(default_factory=dict, description="how to reach each host")


class DatabaseModel(Strict):
    """One named connection."""

    sqlite: Filled | None = Field(default=None, description="path of the database file, on the host of the service")
    postgresql: Filled | None = Field(default=None, description="a URL without a password, or secret:NAME")

    @model_validator(mode="after")
    def _one(self) -> DatabaseModel:
        _one_of(self, ("sqlite", "postgresql"), "{sqlite: /srv/shop/shop.db}")
        return self


class DatabasesFile(Strict):
    """databases.yaml"""

    databases: dict[Name, DatabaseModel] = Field(default_factory=dict, description="named connections")


class SecretModel(Strict):
    """Where one secret is read from; its value never stands in a file of the ops repo."""

    env: Filled | None = Field(default=None, description="name of an environment variable")
    file: Filled | None = Field(default=None, description="path of a file")
    command: Filled | None = Field(default=None, description="command whose output it is")
    expires: Day | None = Field(default=None, description="the day on which it holds no more; it is told before")
    owner: Text = Field(default="", description="who renews it")

    @model_validator(mode="after")
    def _one(self) -> SecretModel:
        _one_of(self, ("env", "file", "command"), "{env: LEDGER_URL}")
        return self


class SecretsFile(Strict):
    """secrets.yaml"""

    secrets: dict[Name, SecretModel] = Field(default_factory=dict, description="where secrets are read from")


def _rule(value: Any) -> Any:
    """Only the shape; the condition itself is parsed where its probe kind is known."""
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, dict):
        unknown = [key for key in value if key not in ("when", "for")]
        if unknown:
            raise mistake(
                "'when' and 'for'", "{when: status != 200, for: 2 of 3}", found=f"the unknown key '{unknown[0]}'"
            )
        if isinstance(value.get("when"), str):
            return value
    raise mistake("a condition", "status == 200 and latency < 800ms")


_RULE_SCHEMA = {
    "anyOf": [
        {"type": "string", "examples": ["status == 200 and latency < 800ms", "value > 50 for 3 of 5"]},
        {
            "type": "object",
            "properties": {"when": {"type": "string"}, "for": {"type": "string", "examples": ["2 of 3"]}},
            "required": ["when"],
            "additionalProperties": False,
        },
    ]
}
RuleField = Annotated[Any, BeforeValidator(_rule), WithJsonSchema(_RULE_SCHEMA)]


class CheckModel(Strict):
    """One check: a probe, how often, and what is OK, WARN and CRIT."""

    name: Name = Field(description="unique within the service")
    from_: Literal["host", "here"] | None = Field(
        default=None, alias="from", description="host: asked on the host itself; here: from here"
    )
    every: Every | None = Field(
        default=None, description="how often it is asked; default: 30s, or what `defaults` says"
    )
    timeout: Timeout | None = Field(
        default=None, description="how long an answer may take; default: 10s, or `defaults`"
    )
    ok: RuleField | None = Field(default=None, description="condition of a good reading; where it does not hold: WARN")
    warn: RuleField | None = Field(default=None, description="condition of WARN")
    crit: RuleField | None = Field(default=None, description="condition of CRIT")
    recover: RecoverField | None = Field(
        default=None,
        description="OK readings in a row, or a time, that settle it back, maybe with a condition; default: 1",
    )
    flapping: FlappingField | None = Field(
        default=None, description="when it counts as flapping, see below; false: never"
    )
    was: Name | None = Field(default=None, description="its old name, after a rename")
    http: probes.HttpProbe | None = Field(default=None, description="asks a URL")
    tcp: probes.TcpProbe | None = Field(default=None, description="opens a connection")
    tls: probes.TlsProbe | None = Field(default=None, description="looks at a certificate")
    command: probes.CommandProbe | None = Field(default=None, description="runs a read command")
    process: probes.ProcessProbe | None = Field(default=None, description="counts processes")
    disk: probes.DiskProbe | None = Field(default=None, description="measures a file system")
    folder: probes.FolderProbe | None = Field(default=None, description="measures a folder against a budget")
    memory: True_ | None = Field(default=None, description="measures the memory of the host")
    cpu: True_ | None = Field(default=None, description="measures how busy the host is")
    sql: probes.SqlProbe | None = Field(default=None, description="asks a database")
    heartbeat: probes.HeartbeatProbe | None = Field(default=None, description="waits for a job to report")
    alert: True_ | None = Field(default=None, description="takes alerts that other programs send")
    watchkeeper: probes.WatchkeeperProbe | None = Field(default=None, description="asks another watchkeeper")
    inodes: probes.InodesProbe | None = Field(default=None, description="counts free inodes")
    disk_io: probes.DiskIoProbe | None = Field(default=None, alias="disk-io", description="measures how busy a disk is")
    load: True_ | None = Field(default=None, description="reads how much work waits for the processors")
    clock: True_ | None = Field(default=None, description="compares the clock of the host with ours")
    systemd: probes.SystemdProbe | None = Field(default=None, description="asks systemd about a unit")
    container: probes.ContainerProbe | None = Field(default=None, description="asks Docker or podman")
    group: probes.GroupProbe | None = Field(default=None, description="counts how many of several are OK")
    connectivity: probes.ConnectivityProbe | None = Field(
        default=None, description="asks several addresses; one answer is enough"
    )

    @property
    def kinds(self) -> list[str]:
        """The probe kinds that are given; a sound check has exactly one."""
        return [kind for kind in probes.PROBES if self.probe(kind) is not None]

    def probe(self, kind: str) -> Any:
        """What stands under the key of a probe kind; None when it does not."""
        return getattr(self, probes.field_name(kind))


class ResponseModel(Strict):
    """Which runbook answers which checks."""

    to: list[Name] = Field(default_factory=list, description="names of checks of this service; all when left out")
    runbook: Annotated[str, BeforeValidator(_runbook)] = Field(description="path of the runbook")
    mode: Literal["observe", "propose", "auto"] = Field(
        default="propose", description="how far it asks to go by itself"
    )
    at_most: Rate | None = Field(default=None, description="how often it may act by itself")
    prove_within: Timeout = Field(default=60.0, description="how long after the fix the proof may take")
    params: dict[Name, Text] = Field(default_factory=dict, description="values of the runbook's parameters")


class ServiceFile(Strict):
    """services/NAME.yaml"""

    parts: ClassVar[tuple[str, ...]] = ("checks", "respond", "windows")
    service: Name | None = Field(default=None, description="its name; default: the name of the file")
    description: str = Field(default="", description="one line for people")
    hosts: list[Name] = Field(default_factory=list, description="where it runs, names of hosts.yaml")
    depends_on: list[Name] = Field(default_factory=list, description="services it cannot do without")
    owner: Text = Field(default="", description="who looks after it")
    tier: Tier = Field(default=2, description="1: the most important, 3: the least")
    config: list[AbsolutePath] = Field(default_factory=list, description="files watched for changes on its hosts")
    repository: Text = Field(default="", description="where its source is")
    logs: list[Filled] = Field(default_factory=list, description="its log files")
    docs: list[Filled] = Field(default_factory=list, description="documents about it")
    labels: dict[Name, Text] = Field(default_factory=dict, description="your own words about it")
    checks: list[CheckModel] = Field(default_factory=list, description="its checks")
    respond: list[ResponseModel] = Field(default_factory=list, description="which runbook answers what")
    windows: list[WindowModel] = Field(default_factory=list, description="planned maintenance of this service")
    availability: AvailabilityModel | None = Field(
        default=None, description="what it promises; default: what `availability` in watchkeeper.yaml says"
    )


FILES: dict[str, type[Strict]] = {
    "watchkeeper": TeamFile,
    "hosts": HostsFile,
    "databases": DatabasesFile,
    "secrets": SecretsFile,
    "service": ServiceFile,
}
"""The kinds of files, for `wk schema`."""
