"""From the files of the ops repo to an inventory, or to every mistake in every file at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from watchkeeper.core.inventory.assembling import (
    assemble_databases,
    assemble_hosts,
    assemble_secrets,
    assemble_service,
    assemble_team,
)
from watchkeeper.core.inventory.finishing import finished
from watchkeeper.core.inventory.models import TeamFile
from watchkeeper.core.inventory.names import SINGLES, Names, gather, is_service
from watchkeeper.core.inventory.packing import Packed, read_packed
from watchkeeper.core.inventory.telling import gap_warnings
from watchkeeper.core.inventory.validation import Notes, meant
from watchkeeper.core.inventory.values import (
    Database,
    Host,
    Inventory,
    Loaded,
    Mistake,
    RunbookFile,
    Secret,
    Service,
    Team,
)
from watchkeeper.core.inventory.watching import with_watching

Reader = Callable[[str, bytes], Packed]


def load(
    files: Mapping[str, bytes], now: float, faults: Iterable[tuple[str, str]] = (), reader: Reader = read_packed
) -> Loaded:
    """Load all files (path relative to the ops repo -> bytes).

    now: epoch seconds, kept as `Inventory.loaded_at`. faults: (path, sentence) of files that could not be read.
    reader: reads one YAML file; a caller may pass one that remembers files that did not change.
    """
    mistakes = [_fault(path, sentence) for path, sentence in faults]
    documents = {path: reader(path, files[path]) for path in sorted(files) if _is_known_yaml(path)}
    runbooks, broken = _runbooks(files)
    mistakes += broken + _strangers(files)
    if "watchkeeper.yaml" not in files and not any(mistake.file == "watchkeeper.yaml" for mistake in mistakes):
        # Without it this is no ops repo (or its disk went away): an empty inventory must not replace a good one.
        mistakes.append(
            Mistake("watchkeeper.yaml", 1, 1, "no such file", "a file that says who the team is", "team: Harbour")
        )
    for document in documents.values():
        mistakes += document.mistakes
    parts = _assemble(documents, gather(documents, {path: book is not None for path, book in runbooks.items()}))
    places = {(mistake.file, mistake.line, mistake.column) for mistake in mistakes}
    mistakes += [each for each in parts.mistakes if (each.file, each.line, each.column) not in places]
    mistakes += gap_warnings(documents.get("watchkeeper.yaml"), parts.team, now)
    mistakes.sort(key=lambda each: (each.file, each.line, each.column))
    if any(mistake.level == "error" for mistake in mistakes):
        return Loaded(None, tuple(mistakes))
    readable = {path: book for path, book in runbooks.items() if book is not None}
    return Loaded(parts.inventory(revision(files), now, readable), tuple(mistakes))


def revision(files: Mapping[str, bytes]) -> str:
    """sha256 over all paths and bytes, hexadecimal."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{len(path.encode())}:{path}:{len(files[path])}:".encode())
        total.update(files[path])
    return total.hexdigest()


def _is_known_yaml(path: str) -> bool:
    return is_service(path) or path in {f"{name}.yaml" for name in SINGLES}


def _fault(path: str, sentence: str) -> Mistake:
    if path.startswith("runbooks/"):
        return Mistake(path, 1, 1, f"{sentence}; it is left out", "a file that can be read", level="warning")
    return Mistake(path, 1, 1, sentence, "a file that can be read")


def _strangers(files: Mapping[str, bytes]) -> list[Mistake]:
    """YAML files in places or under names that mean nothing: they would be ignored without a word."""
    found = []
    for path in files:
        if not path.endswith((".yaml", ".yml")) or _is_known_yaml(path):
            continue
        right = path.removesuffix(".yml") + ".yaml" if path.endswith(".yml") else ""
        known = [f"{name}.yaml" for name in SINGLES]
        close = right if right and _is_known_yaml(right) else meant(path, known)
        expected = f"{', '.join(known)} or services/NAME.yaml"
        found.append(Mistake(path, 1, 1, "a file that is not read", expected, "", close, "warning"))
    return found


def _runbooks(files: Mapping[str, bytes]) -> tuple[dict[str, RunbookFile | None], list[Mistake]]:
    """Runbooks by path, None for one whose text cannot be read."""
    books: dict[str, RunbookFile | None] = {}
    broken = []
    for path, data in sorted(files.items()):
        if not (path.startswith("runbooks/") and path.endswith(".md")):
            continue
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n")
            books[path] = RunbookFile(path, text, hashlib.sha256(data).hexdigest())
        except UnicodeDecodeError as error:
            books[path] = None
            before = data[: error.start]
            line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
            found = f"the byte 0x{data[error.start]:02x}; this runbook is left out"
            broken.append(Mistake(path, line, column, found, "UTF-8 text; save it as UTF-8", level="warning"))
    return books, broken


@dataclass(slots=True)
class _Parts:
    """What was assembled, with the mistakes on the way."""

    team: Team = field(default_factory=Team)
    sample: bool = False
    hosts: dict[str, Host] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def inventory(self, revision: str, now: float, runbooks: Mapping[str, RunbookFile]) -> Inventory:
        return Inventory(
            revision=revision,
            loaded_at=now,
            team=self.team,
            hosts=self.hosts,
            services=self.services,
            databases=self.databases,
            secrets=self.secrets,
            runbooks=runbooks,
            sample=self.sample,
        )


def _assemble(documents: Mapping[str, Packed], names: Names) -> _Parts:
    parts = _Parts()
    defaults = TeamFile()
    for file in (f"{name}.yaml" for name in SINGLES):
        root, notes = documents[file].root if file in documents else None, Notes(file)
        if root is None:
            continue
        if file == "watchkeeper.yaml":
            parts.team, defaults = assemble_team(root, names, notes)
            parts.sample = defaults.sample
        elif file == "hosts.yaml":
            parts.hosts = assemble_hosts(root, notes)
        elif file == "databases.yaml":
            parts.databases = assemble_databases(root, names, notes)
        elif file == "secrets.yaml":
            parts.secrets = assemble_secrets(root, notes)
        parts.mistakes += notes.mistakes
    for file, document in documents.items():
        root = document.root if is_service(file) else None
        if root is not None:
            notes = Notes(file)
            service = assemble_service(file, root, names, defaults, notes)
            if service is not None:
                parts.services[service.name] = service
            parts.mistakes += notes.mistakes
    parts.services = with_watching(parts.services, defaults)
    parts.services, between = finished(parts.services, parts.team.connectivity, documents)
    parts.mistakes += between
    return parts
