"""The keys of each probe kind, as a team writes them. Field descriptions become the reference and the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from watchkeeper.core.inventory.fields import (
    SECRET,
    AbsolutePath,
    Cron,
    Every,
    Filled,
    Flag,
    Grace,
    Misses,
    Name,
    Size,
    Text,
    TimeZone,
    mistake,
)

_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})\Z")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_DEVICE = re.compile(r"(?:/dev/)?([A-Za-z0-9][A-Za-z0-9._:!-]{0,62})\Z")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}\Z")
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}\Z")
_UNIT_TYPES = ("service", "socket", "timer", "mount", "automount", "swap", "target", "path", "slice", "scope", "device")


def _health_url(value: Any) -> str:
    if isinstance(value, str) and (SECRET.match(value) or re.match(r"https?://[^\s/]+/\S+\Z", value)):
        return value
    raise mistake("the URL of its health, or secret:NAME", "https://watch-b.example.org/health")


HealthUrl = Annotated[str, BeforeValidator(_health_url), WithJsonSchema({"type": "string"})]


class Strict(BaseModel):
    """A map with known keys only. `short`: the key that a bare text stands for; "" when there is no short form."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)
    short: ClassVar[str] = ""

    def default_rules(self, rules: Mapping[str, str]) -> Mapping[str, str]:
        """The rules of a check that gives none, by level. rules: those of the kind."""
        return rules

    @model_validator(mode="before")
    @classmethod
    def _lengthen(cls, value: Any) -> Any:
        return {cls.short: value} if cls.short and isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        if not cls.short:
            return schema
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(schema)]}


def _url(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise mistake("an http or https URL", "http://127.0.0.1:8801/health")
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise mistake("an http or https URL", "http://127.0.0.1:8801/health")
    return value


def _address(value: Any) -> str:
    match = _PORT.match(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match.group("port")) < 65536:
        raise mistake("host:port", "db1.example.org:5432")
    return str(value)


def _method(value: Any) -> str:
    if value not in _METHODS:
        raise mistake(
            f"one of {', '.join(_METHODS)}", "GET", meant=str(value).upper() if str(value).upper() in _METHODS else ""
        )
    return str(value)


def _header(value: Any) -> str:
    if not isinstance(value, str) or not _HEADER.match(value):
        raise mistake("the name of a header", "Accept")
    return value


def _header_value(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).isprintable():
        raise mistake("the value of a header, on one line", "text/html")
    return str(value)


def _pattern(value: Any) -> str:
    try:
        if not isinstance(value, str) or not value or len(value) > 500:
            raise ValueError
        re.compile(value)
    except (re.error, ValueError, RecursionError, OverflowError):
        raise mistake("a regular expression", "shop-worker( |$)") from None
    return value


def _device(value: Any) -> str:
    match = _DEVICE.match(value) if isinstance(value, str) else None
    if match is None:
        path = isinstance(value, str) and value.startswith("/")
        raise mistake("a disk as lsblk names it, or 'path'", "sda", meant=f"{{path: {value}}}" if path else "")
    return match.group(1)


def _unit(value: Any) -> str:
    """The full name: `nginx` is `nginx.service`, as systemctl reads it."""
    if not isinstance(value, str) or not _UNIT.match(value) or value.startswith("-"):
        raise mistake("the name of one systemd unit", "nginx.service")
    return value if value.rpartition(".")[2] in _UNIT_TYPES and "." in value else f"{value}.service"


def container_name(value: Any) -> str:
    """A container's name or id as Docker allows it; raises our mistake."""
    if not isinstance(value, str) or not _CONTAINER.match(value):
        raise mistake("the name of a container", "shop-web")
    return value


def socket_path(value: Any) -> str:
    """A Unix socket as a path; ``unix://`` before it is dropped. Raises our mistake."""
    text = value.removeprefix("unix://") if isinstance(value, str) else ""
    if not text.startswith("/") or not text.isprintable() or len(text.encode()) > 107:
        raise mistake("the path of a Unix socket, at most 107 bytes", "/run/podman/podman.sock")
    return text


def _true(value: Any) -> bool:
    if value is not True:
        raise mistake("true", "true")
    return True


Url = Annotated[str, BeforeValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
Address = Annotated[str, BeforeValidator(_address), WithJsonSchema({"type": "string", "pattern": r":\d+$"})]
True_ = Annotated[bool, BeforeValidator(_true), WithJsonSchema({"const": True})]
ContainerName = Annotated[str, BeforeValidator(container_name), WithJsonSchema({"type": "string"})]
Socket = Annotated[str, BeforeValidator(socket_path), WithJsonSchema({"type": "string", "pattern": "/"})]
HeaderName = Annotated[str, BeforeValidator(_header)]
HeaderValue = Annotated[str, BeforeValidator(_header_value), WithJsonSchema({"type": ["string", "integer"]})]


class HttpProbe(Strict):
    """http"""

    short: ClassVar[str] = "url"
    url: Url = Field(description="what is asked")
    method: Annotated[str, BeforeValidator(_method), WithJsonSchema({"enum": list(_METHODS)})] = Field(
        default="GET", description="HTTP method"
    )
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, description="headers to send, name to value")
    body: Text | None = Field(default=None, description="body to send")
    expect: Filled | None = Field(default=None, description="text that the body must contain")
    follow: Flag = Field(default=False, description="follow redirects")
    verify: Flag = Field(default=True, description="verify the certificate")


class TcpProbe(Strict):
    """tcp"""

    short: ClassVar[str] = "address"
    address: Address = Field(description="host:port to connect to")


class TlsProbe(Strict):
    """tls"""

    short: ClassVar[str] = "address"
    address: Address = Field(description="host:port that shows the certificate")
    name: Filled | None = Field(
        default=None, description="name the certificate must hold for; default: the host of the address"
    )
    verify: Flag = Field(
        default=True, description="false: a certificate that is not trusted is fine by default, only days count"
    )
    ca: AbsolutePath | None = Field(default=None, description="file with the authority to trust besides the system's")

    def default_rules(self, rules: Mapping[str, str]) -> Mapping[str, str]:
        """Without verification only the days count."""
        return rules if self.verify else {**rules, "crit": "not connected or days < 7"}


class CommandProbe(Strict):
    """command"""

    short: ClassVar[str] = "command"
    command: Filled = Field(description="the read command")
    shell: Literal["sh", "bash"] = Field(default="sh", description="what reads it: sh or bash")


class ProcessProbe(Strict):
    """process"""

    short: ClassVar[str] = "name"
    name: Filled | None = Field(default=None, description="name of the program, or of the script an interpreter runs")
    match: Annotated[str, BeforeValidator(_pattern)] | None = Field(
        default=None, description="regular expression, searched in the whole command line"
    )

    @model_validator(mode="after")
    def _some(self) -> ProcessProbe:
        if self.name is None and self.match is None:
            raise mistake("'name' or 'match'", "{match: shop-worker}")
        return self


class DiskProbe(Strict):
    """disk"""

    short: ClassVar[str] = "path"
    path: AbsolutePath = Field(description="a path on the file system that is measured")


class FolderProbe(Strict):
    """folder"""

    short: ClassVar[str] = "path"
    path: AbsolutePath = Field(description="the folder")
    budget: Size | None = Field(default=None, description="bytes it may hold, such as 200MB")


class SqlProbe(Strict):
    """sql"""

    database: Name = Field(description="a name of databases.yaml")
    query: Filled = Field(description="one reading query; the first column of the first row is the value")


class HeartbeatProbe(Strict):
    """heartbeat"""

    cron: Cron | None = Field(default=None, description="when the job starts, five fields")
    timezone: TimeZone | None = Field(default=None, description="time zone of cron; default: the team's")
    every: Every | None = Field(default=None, description="instead of cron: at least one success in this time")
    grace: Grace = Field(default=0.0, description="how much later it may report")
    misses: Misses | None = Field(default=None, description="how many reports in a row it may leave out; default: none")
    longest_run: Grace | None = Field(
        default=None, description="how long a run may take from its start; default: as long as the grace"
    )

    @model_validator(mode="after")
    def _one(self) -> HeartbeatProbe:
        if (self.cron is None) == (self.every is None):
            both = "both 'cron' and 'every'" if self.cron else "neither 'cron' nor 'every'"
            raise mistake("'cron' or 'every'", "{every: 1h, grace: 10m}", found=both)
        if self.every is not None and self.timezone is not None:
            raise mistake("'timezone' beside 'cron' only", "{every: 1h, grace: 10m}", found="'timezone' beside 'every'")
        return self


class InodesProbe(Strict):
    """inodes"""

    short: ClassVar[str] = "path"
    path: AbsolutePath = Field(description="a path on the file system whose inodes are counted")


class DiskIoProbe(Strict):
    """disk-io"""

    short: ClassVar[str] = "device"
    device: Annotated[str, BeforeValidator(_device), WithJsonSchema({"type": "string"})] | None = Field(
        default=None, description="the disk or partition, as `lsblk` names it"
    )
    path: AbsolutePath | None = Field(default=None, description="instead: the disk below the mount point of this path")

    @model_validator(mode="after")
    def _one(self) -> DiskIoProbe:
        if (self.device is None) == (self.path is None):
            both = "both 'device' and 'path'" if self.device else "neither 'device' nor 'path'"
            raise mistake("'device' or 'path'", "{path: /srv}", found=both)
        return self


class SystemdProbe(Strict):
    """systemd"""

    short: ClassVar[str] = "unit"
    unit: Annotated[str, BeforeValidator(_unit), WithJsonSchema({"type": "string"})] | None = Field(
        default=None, description="the unit; without a suffix it is a service"
    )
    enabled: Flag = Field(default=False, description="true: it must also be started at boot, by default a WARN if not")
    failed: Flag = Field(default=False, description="true, instead of a unit: count the failed units of the host")
    user: Flag = Field(default=False, description="true: the units of the user who asks, not the system's")

    @model_validator(mode="after")
    def _one(self) -> SystemdProbe:
        if (self.unit is None) != self.failed:
            both = "both 'unit' and 'failed'" if self.unit else "neither 'unit' nor 'failed'"
            raise mistake("'unit', or 'failed: true'", "{unit: nginx.service, enabled: true}", found=both)
        if self.failed and self.enabled:
            raise mistake("'enabled' beside 'unit' only", "{failed: true}", found="'enabled' beside 'failed'")
        return self

    def default_rules(self, rules: Mapping[str, str]) -> Mapping[str, str]:
        """Failed units of the host are a WARN; a unit that must be enabled and is not, too."""
        if self.failed:
            return {**rules, "crit": "", "warn": "failed > 0"}
        return {**rules, "warn": "not enabled"} if self.enabled else rules


class WatchkeeperProbe(Strict):
    """watchkeeper"""

    short: ClassVar[str] = "url"
    url: HealthUrl = Field(description="of the other one's health, or secret:NAME")


class ContainerProbe(Strict):
    """container"""

    short: ClassVar[str] = "name"
    name: ContainerName = Field(description="name or id of the container")
    socket: Socket | None = Field(
        default=None,
        description="socket of the Docker API on that host; default: Docker's, else podman's, else the user's own podman",
    )


def _members(value: Any) -> Any:
    if not isinstance(value, list) or not 1 <= len(value) <= 500 or not all(isinstance(each, str) for each in value):
        raise mistake("a list of checks, services or hosts", "[mirror-1/web, mirror-2/web, mirror-3/web]")
    return value


def _target(value: Any) -> str:
    text = str(value)
    return _url(value) if "://" in text else _address(value)


Targets = Annotated[list[Annotated[str, BeforeValidator(_target)]], Field(min_length=1, max_length=20)]


class GroupProbe(Strict):
    """group"""

    of: Annotated[list[str], BeforeValidator(_members)] = Field(
        description="its members: `service/check` (on each of its hosts), `service`, or `host:NAME`"
    )
    at_least: Annotated[int, Field(ge=1, le=10_000, strict=True)] | None = Field(
        default=None, description="so many must work (be OK or WARN); default: all"
    )
    alone: Literal["page", "quiet"] = Field(
        default="page", description="quiet: CRIT of one member opens no incident, only CRIT of the group does"
    )


class ConnectivityProbe(Strict):
    """connectivity"""

    any_of: Targets = Field(description="URLs, or host:port")


PROBES: dict[str, type[Strict] | None] = {
    "http": HttpProbe,
    "tcp": TcpProbe,
    "tls": TlsProbe,
    "command": CommandProbe,
    "process": ProcessProbe,
    "disk": DiskProbe,
    "folder": FolderProbe,
    "memory": None,
    "cpu": None,
    "sql": SqlProbe,
    "heartbeat": HeartbeatProbe,
    "inodes": InodesProbe,
    "disk-io": DiskIoProbe,
    "load": None,
    "clock": None,
    "systemd": SystemdProbe,
    "container": ContainerProbe,
    "alert": None,
    "watchkeeper": WatchkeeperProbe,
    "group": GroupProbe,
    "connectivity": ConnectivityProbe,
}
"""Models by kind; None: the value is just `true`."""


def field_name(kind: str) -> str:
    """What the field of a kind is called in Python, where a name holds no hyphen."""
    return kind.replace("-", "_")


__all__ = ["PROBES", "SECRET", "Strict", "True_", "field_name"]
