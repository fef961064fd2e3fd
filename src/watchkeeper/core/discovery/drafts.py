"""What discovery wants to write: services with their checks, and the list of everything that was found.

A draft is no file yet: `writing` turns it into YAML, `merging` leaves out what the ops repo knows already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from watchkeeper.core.discovery.yaml_text import flow


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was found. key: what makes it the same thing at the next look. service: where it is watched."""

    key: str
    kind: str
    name: str
    where: str
    note: str = ""
    service: str = ""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class CheckDraft:
    """One check, or with suggestion True one that a person has to finish. lines: keys after ``name`` as YAML text.

    found: key of the finding it watches. origin: where it comes from, for the comment above it.
    """

    found: str
    name: str
    lines: tuple[tuple[str, str], ...]
    origin: str
    suggestion: bool = False


@dataclass(slots=True)
class ServiceDraft:
    """One service that is being put together."""

    name: str
    description: str = ""
    origin: str = ""
    checks: list[CheckDraft] = field(default_factory=list)
    depends_on: dict[str, str] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    respond: tuple[str, ...] = ()
    pids: frozenset[int] = frozenset()

    def add(self, check: CheckDraft) -> str:
        """Take a check; a second one of the same name gets a number. Returns the name it has now."""
        names = {each.name for each in self.checks}
        name, at = check.name, 2
        while name in names:
            name, at = f"{check.name}-{at}", at + 1
        self.checks.append(CheckDraft(check.found, name, check.lines, check.origin, check.suggestion))
        return name


@dataclass(frozen=True, slots=True)
class Connection:
    """An entry of databases.yaml: sqlite with a path, or postgresql with the name of a secret."""

    found: str
    name: str
    kind: str
    target: str
    origin: str


@dataclass(frozen=True, slots=True)
class SecretName:
    """An entry of secrets.yaml: a name, and the environment variable that will hold the value."""

    found: str
    name: str
    variable: str
    origin: str


MOST_SERVICES = 300
MOST_SUGGESTIONS = 200


@dataclass(slots=True)
class Draft:
    """All of one host, at most `MOST_SERVICES` of it as services; what is beyond that is found, not watched."""

    host: str
    services: list[ServiceDraft] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    databases: list[Connection] = field(default_factory=list)
    secrets: list[SecretName] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether no further service is drafted."""
        return len(self.services) >= MOST_SERVICES

    def note(self, found: Found) -> Found:
        """Remember a finding; the first of a key stays."""
        return self.found.setdefault(found.key, found)

    def service(self, name: str) -> ServiceDraft:
        """A new service under this name, or under the next free one."""
        taken = {each.name for each in self.services}
        free, at = slug(name), 2
        while free in taken:
            free, at = f"{slug(name)[:58]}-{at}", at + 1
        made = ServiceDraft(free)
        self.services.append(made)
        return made


def slug(text: str, longest: int = 60) -> str:
    """A name as the files allow it: letters, digits, dot, underscore, hyphen, beginning with a letter or digit."""
    clean = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:longest].rstrip("-._")
    return clean or "unnamed"


def heartbeat(key: str, name: str, cron: str, origin: str) -> CheckDraft:
    """A suggestion: a check that waits for a job to report."""
    return CheckDraft(key, name, (("heartbeat", flow({"cron": cron, "grace": "1h"})),), origin, suggestion=True)


def depend(asking: ServiceDraft, asked: ServiceDraft, why: str, every: Iterable[ServiceDraft]) -> None:
    """Note a dependency unless it would close a circle."""
    known = {each.name: each for each in every}
    waiting, seen = [asked.name], set[str]()
    while waiting:
        name = waiting.pop()
        if name == asking.name:
            return
        if name not in seen and name in known:
            seen.add(name)
            waiting += known[name].depends_on
    asking.depends_on.setdefault(asked.name, why)
