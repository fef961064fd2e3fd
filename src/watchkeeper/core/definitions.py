"""Definitions: the YAML and Markdown files of the ops repo that say what the team runs, and what a change of them does."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Literal

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.names import SINGLES
from watchkeeper.core.inventory.values import Check, Inventory, Mistake, Response, Service

Kind = Literal["team", "hosts", "databases", "secrets", "service", "runbook", "document"]
How = Literal["added", "changed", "removed"]

FOLDERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "services": ("service", (".yaml", ".yml")),
    "runbooks": ("runbook", (".md",)),
    "docs": ("document", (".md", ".txt")),
    "queries": ("document", (".sql", ".md")),
    "routines": ("document", (".md",)),
}
"""Folder -> (kind, endings) of what may be read and written besides the single files at the top."""
LARGEST = 1_048_576
LONGEST_PATH = 240
MOST = 2_000
_PART = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]{1,120}\Z")


@dataclass(frozen=True, slots=True)
class Definition:
    """One file. path: relative to the ops repo, with ``/``. digest: sha256 of its bytes. size: bytes."""

    path: str
    kind: Kind
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same in two inventories. what: which of its parts differ, or what it leads to."""

    how: How
    noun: str
    name: str
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be if these files were in force. before, after: revisions; after is "" while there are mistakes."""

    before: str
    after: str
    files: tuple[tuple[How, str], ...]
    differences: tuple[Difference, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def sound(self) -> bool:
        """Whether it could be put in force."""
        return not any(mistake.level == "error" for mistake in self.mistakes)


def digest_of(data: bytes) -> str:
    """sha256 of the bytes of a file, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def definition_of(path: str, data: bytes) -> Definition:
    """The definition in a file."""
    return Definition(path, kind_of(path), digest_of(data), len(data))


def kind_of(path: str) -> Kind:
    """What a path holds. Raises `Usage` for every path that is no definition: nothing else is read or written by its name."""
    parts = path.split("/")
    sound = len(path) <= LONGEST_PATH and all(
        _PART.match(each) and not each.startswith((".", "#", "-")) for each in parts
    )
    if sound and len(parts) == 1 and path.removesuffix(".yaml") in SINGLES and path.endswith(".yaml"):
        return "team" if path == "watchkeeper.yaml" else path.removesuffix(".yaml")  # type: ignore[return-value]
    if sound and len(parts) > 1 and parts[0] in FOLDERS:
        kind, endings = FOLDERS[parts[0]]
        if path.endswith(endings):
            return kind  # type: ignore[return-value]
    shown = path[:80].encode("unicode_escape").decode("ascii")
    raise Usage(
        f"{shown!r} is no definition.",
        f"It is one of {', '.join(f'{name}.yaml' for name in SINGLES)}, or lies in "
        f"{', '.join(f'{name}/' for name in FOLDERS)} and ends as those do (services/shop.yaml, runbooks/web-down.md).",
    )


def overlaid(files: Mapping[str, bytes], changes: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """The files with the changes made; None takes a file away. Raises `Usage` for what may not be written."""
    result = dict(files)
    for path, data in changes.items():
        kind_of(path)
        if data is None:
            result.pop(path, None)
            continue
        if len(data) > LARGEST:
            raise Usage(f"{path} has {len(data) / 1e6:.1f} MB, and at most 1 MB is taken.", "Split it.")
        result[path] = data
    if len(result) > MOST:
        raise Usage(f"That makes {len(result)} definitions, and at most {MOST} are read.", "Leave some out.")
    return result


def file_changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[tuple[How, str], ...]:
    """Which files differ, by path."""
    found: list[tuple[How, str]] = []
    for path in sorted({*before, *after}):
        if path not in before:
            found.append(("added", path))
        elif path not in after:
            found.append(("removed", path))
        elif before[path] != after[path]:
            found.append(("changed", path))
    return tuple(found)


# ---- what differs between two inventories ---------------------------------------------------------------------------


def differences(before: Inventory | None, after: Inventory) -> tuple[Difference, ...]:
    """Everything that is not the same, by noun and name. before: None when nothing is in force yet."""
    found = [*_team(before, after)]
    for noun in ("hosts", "databases", "secrets"):
        old = getattr(before, noun) if before is not None else {}
        found += _of(noun.removesuffix("s"), old, getattr(after, noun))
    old_services = before.services if before is not None else {}
    found += _of("service", old_services, after.services, leave=("checks", "respond"))
    found += _checks(_all(old_services.values(), "checks"), _all(after.services.values(), "checks"))
    found += _of("response", _all(old_services.values(), "respond"), _all(after.services.values(), "respond"))
    found += _runbooks(before, after)
    return tuple(found)


def _team(before: Inventory | None, after: Inventory) -> Iterator[Difference]:
    if before is None:
        yield Difference("added", "team", after.team.name)
    elif before.team != after.team:
        yield Difference("changed", "team", after.team.name, _parts(before.team, after.team))


def _of(
    noun: str, before: Mapping[str, object], after: Mapping[str, object], leave: tuple[str, ...] = ()
) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield Difference("added", noun, name)
        elif name not in after:
            yield Difference("removed", noun, name)
        elif before[name] != after[name]:
            parts = _parts(before[name], after[name], leave)
            if parts:
                yield Difference("changed", noun, name, parts)


def _checks(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Difference]:
    """A check whose rule changes proves nothing that was opened under its old one: that is said beside it."""
    for each in _of("check", before, after, leave=("rule_hash",)):
        old, new = before.get(each.name), after.get(each.name)
        if isinstance(old, Check) and isinstance(new, Check) and old.rule_hash != new.rule_hash:
            told = (*each.what, "its rule is another one: an incident that is open now cannot be proven by it")
            yield Difference(each.how, each.noun, each.name, told)
        else:
            yield each


def _runbooks(before: Inventory | None, after: Inventory) -> Iterator[Difference]:
    """Any changed byte of a runbook ends the grants on it."""
    old = {path: book.digest for path, book in before.runbooks.items()} if before is not None else {}
    new = {path: book.digest for path, book in after.runbooks.items()}
    yield from _of("runbook", old, new)
    for path in sorted(old.keys() & new.keys()):
        if old[path] != new[path]:
            yield Difference(
                "changed", "runbook", path, ("grants on it propose from now on, until they are given anew",)
            )


def _all(services: Iterable[Service], part: Literal["checks", "respond"]) -> dict[str, Check | Response]:
    found: dict[str, Check | Response] = {}
    for service in services:
        for each in getattr(service, part):
            found[each.key if isinstance(each, Check) else each.name] = each
    return found


def _parts(old: object, new: object, leave: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the fields that differ, as people write them in the file."""
    if type(old) is not type(new) or not hasattr(type(new), "__dataclass_fields__"):
        return ()
    return tuple(
        each.name.removesuffix("_s")
        for each in fields(new)  # type: ignore[arg-type]
        if each.compare and each.name not in leave and getattr(old, each.name) != getattr(new, each.name)
    )
