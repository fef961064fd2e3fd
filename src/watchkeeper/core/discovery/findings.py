"""What was found on a host, as values. Every one knows where it was read: the question, or a file with its line.

All text comes from the host and is untrusted: it has been cleaned (one line, no control characters, bounded) by
`text.lines`, and only `yaml_text` writes it into files.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class System:
    """The machine. root: whether the questions were asked as root. zone: IANA name, "" when unknown."""

    name: str = ""
    release: str = ""
    kernel: str = ""
    init: str = ""
    zone: str = ""
    root: bool = False
    programs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Disk:
    """One mounted file system. free and inodes_free in percent; inodes_free None when it counts none."""

    path: str
    device: str
    kind: str
    kilobytes: int
    free: float
    inodes_free: float | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One systemd service unit. cgroup: its control group, "" when it has no processes."""

    name: str
    description: str = ""
    load: str = "loaded"
    active: str = ""
    sub: str = ""
    enabled: str = ""
    path: str = ""
    kind: str = ""
    main_pid: int = 0
    cgroup: str = ""
    triggered_by: tuple[str, ...] = ()
    environment_files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timer:
    """One systemd timer. calendar: OnCalendar expressions; every: OnUnitActive and the like as written."""

    name: str
    unit: str
    calendar: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    active: bool = False
    enabled: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """One process. words: the first words of its command line, values behind an equals sign cut off on the host."""

    pid: int
    parent: int
    terminal: str
    age_s: int
    user: str
    name: str
    cgroup: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The program, or the script that an interpreter runs."""
        words = [word for word in self.words if word]
        first = words[0].rpartition("/")[2].rstrip(":") if words else self.name
        if first.rstrip("0123456789.") in INTERPRETERS:
            scripts = [word for word in words[1:] if not word.startswith("-")]
            if len(words) > 2 and words[1] == "-m":
                return words[2].rpartition("/")[2]
            if scripts:
                return scripts[0].rpartition("/")[2]
        return self.name if words and first.startswith("-") else first or self.name


INTERPRETERS = frozenset(
    {"python", "perl", "ruby", "node", "nodejs", "php", "sh", "bash", "dash", "java", "deno", "bun"}
)


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket. pids are empty when the host does not say whose it is."""

    protocol: str
    address: str
    port: int
    programs: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()

    @property
    def reach(self) -> str:
        """An address under which the host itself reaches it."""
        bare = self.address.partition("%")[0]
        if bare in ("*", "0.0.0.0", ""):
            return "127.0.0.1"
        return "::1" if bare == "::" else bare.removeprefix("::ffff:")


@dataclass(frozen=True, slots=True)
class CronJob:
    """One line of a crontab, or one script of a cron folder. guarded: it leaves the work to systemd where that runs."""

    file: str
    line: int
    schedule: str
    user: str
    program: str
    guarded: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """One container. ports: published ones as (address, port of the host)."""

    id: str
    name: str
    image: str
    running: bool
    status: str
    engine: str
    ports: tuple[tuple[str, int], ...] = ()
    project: str = ""
    service: str = ""
    compose_file: str = ""


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """One compose file with the services it names and the lines they stand in."""

    path: str
    services: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Program:
    """One program under supervisor. state: RUNNING, FATAL ..., "" when supervisor did not answer."""

    name: str
    state: str
    pid: int = 0
    file: str = ""
    line: int = 0
    log: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """One virtual host of a web server. names[0] is asked for; "" is the default site. upstream: host:port behind it."""

    server: str
    names: tuple[str, ...]
    address: str
    port: int
    secure: bool
    file: str
    line: int
    certificate: str = ""
    upstream: str = ""


_CADDY = "Caddy Local Authority"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate: in a file, or shown on a port. begins and ends: epoch seconds, begins 0.0 when not known."""

    subject: str
    issuer: str
    begins: float
    ends: float
    names: tuple[str, ...] = ()
    file: str = ""
    address: str = ""
    port: int = 0
    asked: str = ""

    @property
    def self_signed(self) -> bool:
        """Signed by itself, or by the authority that Caddy makes for itself: only its owner can say that it is trusted."""
        return (bool(self.subject) and self.subject == self.issuer) or _CADDY in self.issuer

    @property
    def renewed_daily(self) -> float:
        """Days it holds in all when it is one of Caddy's own, renewed twice a day; 0.0 for any other, however short."""
        return max(self.ends - self.begins, 0.0) / 86400.0 if self.begins and _CADDY in self.issuer else 0.0

    def holds_for(self, name: str) -> bool:
        """Whether the certificate names this host; a wildcard stands for one label."""
        wanted = name.lower().rstrip(".")
        for held in self.names or (self.subject.rpartition("CN = ")[2] or self.subject.rpartition("CN=")[2],):
            known = held.lower().rstrip(".")
            if known == wanted or (known.startswith("*.") and wanted.partition(".")[2] == known[2:]):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Answered:
    """What a door said: HTTP status without and with TLS, 0 for no answer."""

    address: str
    port: int
    name: str
    plain: int
    secure: int


@dataclass(frozen=True, slots=True)
class FoundDatabase:
    """One database of a server that runs. kind: postgresql or mysql. socket: where its server was asked."""

    kind: str
    name: str
    socket: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that a process holds open."""

    pid: int
    path: str


@dataclass(frozen=True, slots=True)
class Setting:
    """The name of one setting in a file of settings; its value stays on the host."""

    file: str
    line: int
    name: str


@dataclass(frozen=True, slots=True)
class LogFolder:
    """A folder of logs and what it holds now."""

    path: str
    kilobytes: int


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One change of a package: when (as the log says), what was done, name, new version."""

    when: str
    action: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found on one host. unread: files that were there and could not be read."""

    system: System = field(default_factory=System)
    disks: tuple[Disk, ...] = ()
    units: tuple[Unit, ...] = ()
    timers: tuple[Timer, ...] = ()
    processes: tuple[Process, ...] = ()
    listeners: tuple[Listener, ...] = ()
    links: tuple[tuple[int, int], ...] = ()
    cron: tuple[CronJob, ...] = ()
    containers: tuple[Container, ...] = ()
    compose: tuple[ComposeFile, ...] = ()
    programs: tuple[Program, ...] = ()
    sites: tuple[Site, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    shown: tuple[Certificate, ...] = ()
    answers: tuple[Answered, ...] = ()
    databases: tuple[FoundDatabase, ...] = ()
    open_files: tuple[OpenFile, ...] = ()
    sqlite: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    log_files: tuple[str, ...] = ()
    log_folders: tuple[LogFolder, ...] = ()
    packages: tuple[PackageChange, ...] = ()
    unread: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
