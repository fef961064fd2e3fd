"""Sightings of documents to drafts of services: one for each unit, container and program, one for what is left."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from watchkeeper.core.discovery.drafts import CheckDraft, Connection, Found, ServiceDraft, slug
from watchkeeper.core.importing.drafting import asked_check, own_check
from watchkeeper.core.importing.hosts import HostStub
from watchkeeper.core.importing.sightings import Sighting, is_loopback
from watchkeeper.core.inventory.values import Host

NAMED: Final = ("unit", "timer", "container", "compose", "program", "pm2", "process", "like")
"""Kinds of sightings that name a service of their own; the others belong to one."""
_TITLE_DULL: Final = re.compile(
    r"\b(?:operations?|operational|ops|runbooks?|manuals?|procedures?|daily|weekly|monthly|guides?|handbooks?|playbooks?|logs?|logbook|"
    r"journal|documentation|docs?|how ?to|troubleshooting|issues?|fixes|and|for|the|of|our|team|shift|knowledge|base|notes?|"
    r"common|checklists?|feedback|devops|deployment|maintenance|on|call|standard|sop|v?\d+(?:\.\d+)*|\d{4}-\d\d-\d\d)\b",
    re.IGNORECASE,
)
_FOR: Final = re.compile(
    r"\b(?:for|of|running|operate|operating)\s+(?:the\s+|our\s+)?((?:[A-Z][A-Za-z0-9-]+)(?:\s+(?=[A-Z][a-z])[A-Z][A-Za-z0-9-]+)?)"
)


@dataclass(slots=True)
class Planned:
    """One service that is put together. hosts: active ones it runs on. waits: hosts of documents that are not active."""

    draft: ServiceDraft
    hosts: dict[str, None] = field(default_factory=dict)
    waits: dict[str, HostStub] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    containers: list[str] = field(default_factory=list)
    unsure: bool = False
    responses: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)

    @property
    def waiting(self) -> bool:
        """Whether it runs on hosts that are not active, so that nothing can be asked on them yet."""
        return not self.hosts

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the checks that are asked, not only proposed."""
        return tuple(check.name for check in self.draft.checks if not check.suggestion)


@dataclass(slots=True)
class Scene:
    """Where one document plays. stubs: the hosts it names. here: the host for what names none, "" for none.

    history: it is a log, so what it speaks of was, and may not be any more. service: the one its front matter names.
    home: the service for what belongs to none it names. single: it is about one service.
    """

    name: str
    title: str
    stubs: tuple[HostStub, ...]
    hosts: Mapping[str, Host]
    here: str
    history: bool = False
    service: str = ""
    home: str = ""
    host: str = ""
    single: bool = False

    def at(self, line: int) -> str:
        """``FILE:LINE``."""
        return f"{self.name}:{line}"


class Services:
    """All services of one import. found: what they stand on, by key."""

    def __init__(self) -> None:
        self.planned: dict[str, Planned] = {}
        self.found: dict[str, Found] = {}
        self.databases: list[Connection] = []

    def named(self, scene: Scene, name: str, line: int) -> Planned:
        """The service of a name, made when it is new."""
        key = slug(name.lower())
        planned = self.planned.get(key)
        if planned is None:
            planned = self.planned[key] = Planned(ServiceDraft(key, origin=f"named in {scene.at(line)}"))
        place = scene.at(line)
        if place not in planned.where:
            planned.where.append(place)
        planned.words |= stems_of(name)
        return planned

    def take(self, scene: Scene, sightings: Sequence[Sighting], homes: Mapping[int, str]) -> None:
        """All sightings of one document. homes: line to the service that its section speaks of."""
        own = [each for each in sightings if each.kind in NAMED]
        for each in own:
            stem = each.name.removesuffix(".timer") if each.kind == "timer" else each.name
            if each.kind == "process":
                stem = re.split(r"[\s/]", stem.rpartition("/")[2] or stem)[0].partition(".")[0] or stem
            self.own(scene, each, self.named(scene, stem.partition("@")[0] or stem, each.line))
        for each in sightings:
            if each.kind not in NAMED and each.kind != "place":
                if scene.history and each.line not in homes and not (each.kind == "url" and not is_loopback(each.name)):
                    found = Found(f"past:{each.kind}/{each.name}", f"{each.kind} of a log", each.name, scene.at(each.line),
                                  "a log tells what was; it was not taken over")  # fmt: skip
                    self.note(found)
                    continue
                self.belonging(scene, self.home(scene, each, homes), each)

    def home(self, scene: Scene, sighting: Sighting, homes: Mapping[int, str]) -> Planned:
        """The service that an address, a disk or a row belongs to."""
        if sighting.kind == "url" and not is_loopback(sighting.name):
            host = urlsplit(sighting.name).hostname or ""
            for name in (host.split(".")[0], host):
                if slug(name) in self.planned:
                    return self.named(scene, name, sighting.line)
            if not homes.get(sighting.line) and not scene.service and not scene.single:
                return self.named(scene, host, sighting.line)
        return self.named(scene, homes.get(sighting.line) or scene.service or scene.home, sighting.line)

    def place(self, scene: Scene, planned: Planned, sighting: Sighting) -> None:
        """Note where the service runs, as far as the document says."""
        wanted = sighting.host or scene.host
        bare = wanted.rpartition("@")[2]
        if bare in scene.hosts:
            planned.hosts[bare] = None
            return
        stubs = [each for each in scene.stubs if bare and bare in (each.address, each.name)] or list(scene.stubs)
        if not stubs:
            if scene.here:
                planned.hosts[scene.here] = None
            return
        if len(stubs) > 1:
            if not planned.hosts and not planned.waits:
                planned.unsure = True
                planned.waits.update({each.name: each for each in stubs})
            return
        if planned.unsure:
            planned.unsure = False
            planned.waits.clear()
        active = stubs[0].active(scene.hosts)
        if active:
            planned.hosts[active] = None
        else:
            planned.waits[stubs[0].name] = stubs[0]

    def note(self, found: Found) -> Found:
        """Remember a finding; the first of a key stays."""
        return self.found.setdefault(found.key, found)

    def add(
        self,
        scene: Scene,
        planned: Planned,
        kind: str,
        check: CheckDraft,
        line: int,
        *,
        local: bool = True,
        note: str = "",
    ) -> str:
        """Give a service a check, unless it has that very one. local: it is asked on a host of the service.

        A check that nobody can answer yet, because its host is not active or its document is a log, is a suggestion.
        Returns the name of the check.
        """
        for known in list(planned.draft.checks):
            if known.lines == check.lines:
                return known.name
            if kind == "table check" and known.lines[0] == check.lines[0] and not _ruled(known):
                planned.draft.checks.remove(known)  # the same question, and the table says what is healthy
                self.found.pop(known.found, None)
        waits = local and planned.waiting
        suggestion = check.suggestion or waits or (scene.history and local)
        key = f"{'waiting' if waits else 'suggested' if suggestion else 'check'}:{planned.draft.name}/{check.name}"
        why = [note] if note else []
        if waits:
            why.append(f"waits for the host {' or '.join(planned.waits) or 'it runs on'}")
        elif scene.history and local:
            why.append("a log tells what was")
        origin = "; ".join([check.origin, *why])
        name = planned.draft.add(CheckDraft(key, check.name, check.lines, origin, suggestion))
        if name != check.name:
            key = f"{key.rpartition('/')[0]}/{name}"
            last = planned.draft.checks.pop()
            planned.draft.checks.append(CheckDraft(key, name, last.lines, last.origin, last.suggestion))
        self.note(Found(key, kind, f"{planned.draft.name}/{name}", scene.at(line), "; ".join(why), planned.draft.name))
        return name

    def own(self, scene: Scene, each: Sighting, planned: Planned) -> None:
        """The check of a unit, container or program that a service is."""
        self.place(scene, planned, each)
        if each.kind in ("container", "like") and each.name not in planned.containers:
            planned.containers.append(each.name)
        known = [check for check in planned.draft.checks if check.name == "container"]
        vague = each.kind == "like" or (each.kind == "compose" and not each.detail)
        check = None if known and vague else own_check(each, scene.at(each.line))
        if check is not None and check.name == "container" and known and _is_vague(known[0]):
            planned.draft.checks.remove(known[0])  # its full name is said now
            self.found.pop(known[0].found, None)
        if check is not None:
            self.add(scene, planned, each.kind, check, each.line)

    def belonging(self, scene: Scene, home: Planned, each: Sighting) -> None:
        """The check of an address, a disk, a port or a certificate, in the service it belongs to."""
        if (
            each.kind != "url"
            or is_loopback(each.name)
            or home.draft.name != slug((urlsplit(each.name).hostname or "").lower())
        ):
            self.place(scene, home, each)
        if each.kind == "sqlite":
            self.connection(scene, home, each)
            return
        asked = asked_check(each, scene.at(each.line))
        port = each.name.rpartition(":")[2] if each.kind == "port" else ""
        if port and any(
            f":{port}" in text for check in home.draft.checks for key, text in check.lines if key == "http"
        ):
            return  # asked over HTTP already
        self.add(scene, home, each.kind, asked.draft, each.line, local=asked.local, note=asked.note)

    def connection(self, scene: Scene, home: Planned, each: Sighting) -> str:
        """The name in databases.yaml of an SQLite file that a command opens."""
        known = next((one.name for one in self.databases if one.target == each.name), "")
        if known:
            return known
        stem = each.name.rpartition("/")[2].partition(".")[0]
        name = base = slug(stem.lower(), 50)
        at = 2
        while any(one.name == name for one in self.databases):
            name, at = f"{base}-{at}", at + 1
        key = f"database:{name}"
        self.note(Found(key, "database", f"sqlite {each.name}", scene.at(each.line), "", home.draft.name))
        self.databases.append(Connection(key, name, "sqlite", each.name, scene.at(each.line)))
        return name


def _is_vague(check: CheckDraft) -> bool:
    return check.suggestion and check.lines[0][1].strip('"').startswith("PROJECT-")


def _ruled(check: CheckDraft) -> bool:
    return any(key in ("ok", "warn", "crit") for key, _ in check.lines)


def default_name(title: str, texts: Sequence[str], stem: str, names: Sequence[str]) -> str:
    """What a document is about, for what belongs to no service it names: the common beginning of the names, a name in its
    title, or in its first lines behind "for", or its file name."""
    if names:
        first = [part for part in re.split(r"[-_.]", names[0]) if part]
        for count in range(len(first), 0, -1):
            front = "-".join(first[:count])
            alike = [name for name in names if re.split(r"[-_.]", name)[:count] == first[:count]]
            if len(alike) > 1 and len(alike) * 2 >= len(names) and len(front) > 2:
                return slug(front.lower())
    left = [word for word in re.findall(r"[A-Za-z][A-Za-z0-9-]+", _TITLE_DULL.sub(" ", title)) if len(word) > 2]
    if 0 < len(left) <= 2:
        return slug("-".join(left).lower())
    for text in texts:
        match = _FOR.search(text)
        if match and not _TITLE_DULL.fullmatch(match[1].split()[0]):
            return slug(match[1].split()[0].lower())
    left = [
        word
        for word in re.findall(r"[A-Za-z][A-Za-z0-9]+", _TITLE_DULL.sub(" ", stem.replace("_", " ")))
        if len(word) > 2
    ]
    if 0 < len(left) <= 3 and not re.search(r"[0-9a-f]{8}", stem):
        return slug("-".join(left).lower())
    return "operations"


def stems_of(text: str) -> set[str]:
    """The words of a name or a sentence as they are compared: lower case, without endings."""
    parts = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower())
    return {stem(part) for part in parts if len(part) > 1}


def stem(word: str) -> str:
    """A word without its English ending."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word
