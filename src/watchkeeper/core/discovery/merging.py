"""What is new goes into the ops repo without touching a line that is there: new files, and blocks at the end of a section.

Pure: files as text in, files as text out. What cannot be added safely (a section in one line, a file with mistakes)
comes back as text for a person to put in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from watchkeeper.core.discovery.drafts import CheckDraft, Draft, ServiceDraft, slug
from watchkeeper.core.discovery.writing import (
    FOUND_FOLDER,
    check_lines,
    code,
    database_lines,
    found_page,
    host_lines,
    known_keys,
    secret_lines,
    service_file,
)
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.yaml_reader import Node, read_yaml

HostEntry = dict[str, "str | int | bool"]


@dataclass(slots=True)
class Merge:
    """files: path to the whole new text. added: sentences for people. by_hand: (path, text that a person puts there).

    new and gone: keys of findings, measured against the look before.
    """

    files: dict[str, str] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    by_hand: list[tuple[str, str]] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Looked:
    """The circumstances of one look. sudo: whether it works there; commands: all that were run."""

    host: str
    entry: HostEntry
    origin: str
    sudo: bool
    day: str
    commands: tuple[str, ...]
    packages: tuple[str, ...] = ()


def merge(made: Draft, looked: Looked, existing: Mapping[str, str], runbook: str = "") -> Merge:
    """How the ops repo changes. existing: its files as text. runbook: answers full disks in a new service file."""
    result = Merge()
    page = f"{FOUND_FOLDER}/{looked.host}.md"
    known, was_gone = known_keys(existing.get(page, ""))
    written = {code(key)[1:-1]: key for key in made.found}
    result.new = [key for text, key in written.items() if text not in known]
    result.gone = sorted(text for text in known if text not in written)
    fresh = set(result.new)
    _host(result, looked, existing)
    names = _names(made, looked.host, existing, fresh)
    for service in made.services:
        _service(result, service, looked, existing, names, fresh, runbook)
    _entries(result, made, existing, fresh)
    gone = {
        **{key: day for key, day in was_gone.items() if key not in written},
        **dict.fromkeys(result.gone, looked.day),
    }
    head = existing.get(page, "").partition("\n<!-- wk init writes")[0]
    if result.new or result.gone or page not in existing:
        result.files[page] = found_page(made, looked.day, looked.commands, sorted(gone.items()), looked.packages, head)
    return result


def _current(result: Merge, existing: Mapping[str, str], path: str) -> str:
    return result.files.get(path, existing.get(path, ""))


def _host(result: Merge, looked: Looked, existing: Mapping[str, str]) -> None:
    text = _current(result, existing, "hosts.yaml")
    root = root_of(text)
    if root is not None and looked.host in keys_of(root, "hosts"):
        return
    lines = host_lines(looked.host, looked.entry, looked.origin, looked.sudo, "  ")
    put(result, "hosts.yaml", text, "hosts", lines, f"the host {looked.host}")


def _service(
    result: Merge, service: ServiceDraft, looked: Looked, existing: Mapping[str, str], names: Mapping[str, str],
    fresh: set[str], runbook: str,
) -> None:  # fmt: skip
    checks = sound([check for check in service.checks if check.found in fresh])
    if not checks:
        return
    path = _place(service.name, looked.host, existing)
    text = _current(result, existing, path)
    if not text:
        needs = {names[name]: why for name, why in service.depends_on.items() if name in names}
        # a check that waits for pings says where they go, so its words must have the name that the service really got
        said = [
            replace(each, origin=each.origin.replace(f"wk ping {service.name}/", f"wk ping {path[9:-5]}/"))
            for each in checks
        ]
        answered = tuple(name for name in service.respond if name in {check.name for check in checks})
        whole = replace(service, name=path[9:-5], checks=said, depends_on=needs, respond=answered)
        result.files[path] = service_file(whole, looked.host, looked.day, runbook)
        result.added.append(f"{path}: new, {count_of(checks)}")
        return
    root = root_of(text)
    there = check_names(root) if root is not None else set()
    # a suggestion that a person has taken up is not made again
    left = [check for check in checks if check.name not in there and f"- name: {check.name}\n" not in text]
    if left:
        put(result, path, text, "checks", check_lines(left, "  "), count_of(left), listed=True)


def sound(checks: list[CheckDraft]) -> list[CheckDraft]:
    """Those that an ops repo would accept. What a host calls its things may not be a name that a check can carry."""
    if _loads(checks):
        return checks
    return [check for check in checks if check.suggestion or _loads([check])]


def _loads(checks: list[CheckDraft]) -> bool:
    files = {"watchkeeper.yaml": b"team: x\n", "hosts.yaml": b"hosts: {x: {ssh: x}}\n"}
    text = "\n".join(["hosts: [x]", "checks:", *check_lines(checks, "  "), ""])
    files["services/x.yaml"] = text.replace(
        "checks:\n", "checks: []\n" if all(c.suggestion for c in checks) else "checks:\n"
    ).encode()
    return not load(files, 0.0).mistakes


def _names(made: Draft, host: str, existing: Mapping[str, str], fresh: set[str]) -> dict[str, str]:
    """What each drafted service is called in the ops repo; those that are not there and are not written are left out."""
    names = {}
    for service in made.services:
        path = _place(service.name, host, existing)
        root = root_of(existing[path]) if path in existing else None
        if root is not None:
            named = root.get("service")
            names[service.name] = str(named.content) if named is not None else path[9:-5]
        elif path not in existing and any(check.found in fresh for check in service.checks):
            names[service.name] = path[9:-5]
    return names


def _place(name: str, host: str, existing: Mapping[str, str]) -> str:
    """The file of a service; one of another host keeps its name, and this one is named after its host too."""
    path = f"services/{name}.yaml"
    root = root_of(existing[path]) if path in existing else None
    hosts = root.get("hosts") if root is not None else None
    names = [str(each.content) for each in hosts.content] if hosts is not None and hosts.is_list else []
    if path not in existing or host in names:
        return path
    return f"services/{slug(f'{name}-{host}', 63)}.yaml"


def count_of(checks: list[CheckDraft]) -> str:
    """``2 checks, 1 suggestion in comments``."""
    ready = sum(not check.suggestion for check in checks)
    waiting = len(checks) - ready
    words = [f"{ready} check{'' if ready == 1 else 's'}"] if ready or not waiting else []
    if waiting:
        words.append(f"{waiting} suggestion{'' if waiting == 1 else 's'} in comments")
    return ", ".join(words)


def _entries(result: Merge, made: Draft, existing: Mapping[str, str], fresh: set[str]) -> None:
    databases = _current(result, existing, "databases.yaml")
    secrets = _current(result, existing, "secrets.yaml")
    known = {
        name: keys_of(root, name)
        for name, root in (("databases", root_of(databases)), ("secrets", root_of(secrets)))
        if root
    }
    lines = [line for secret in made.secrets if secret.found in fresh and secret.name not in known.get("secrets", ())
             for line in secret_lines(secret, "  ")]  # fmt: skip
    if lines:
        put(
            result,
            "secrets.yaml",
            secrets,
            "secrets",
            lines,
            f"{len(lines) // 2} name{'s' * (len(lines) > 2)}, no value",
        )
    lines = [line for each in made.databases if each.found in fresh and each.name not in known.get("databases", ())
             for line in database_lines(each, "  ")]  # fmt: skip
    if lines:
        put(
            result,
            "databases.yaml",
            databases,
            "databases",
            lines,
            f"{len(lines) // 2} connection{'s' * (len(lines) > 2)}",
        )


def put(
    result: Merge, path: str, text: str, section: str, lines: list[str], what: str, *, listed: bool = False
) -> None:
    """Add lines to a section of a file, or leave them to a person where that is not safe. what: a sentence for people."""
    changed = inserted(text, section, lines, listed)
    if changed is None:
        result.by_hand.append((path, "\n".join(lines)))
    else:
        result.files[path] = changed
        result.added.append(f"{path}: {what}")


# ---- text ------------------------------------------------------------------------------------------------------------


def root_of(text: str) -> Node | None:
    """The map of a file; None when it has mistakes or is none."""
    document = read_yaml("x.yaml", text.encode())
    if (
        any(mistake.level == "error" for mistake in document.mistakes)
        or document.root is None
        or not document.root.is_map
    ):
        return None
    return document.root


def keys_of(root: Node, section: str) -> set[str]:
    """The keys of one top-level section."""
    part = root.get(section)
    return set(part.keys()) if part is not None else set()


def check_names(root: Node) -> set[str]:
    """The names of the checks of a service file."""
    checks = root.get("checks")
    named = [each.get("name") for each in checks.content] if checks is not None and checks.is_list else []
    return {str(name.content) for name in named if name is not None}


def inserted(text: str, section: str, lines: list[str], listed: bool = False) -> str | None:
    """The text with lines (indented by two) at the end of a top-level section; None where that is not safe.

    Every old line stays as it is; an empty section (``{}``, ``[]``, nothing) is opened.
    """
    end = "" if not text or text.endswith("\n") else "\n"
    root = root_of(text)
    if root is None:
        return None if _has_content(text) else f"{text}{end}{section}:\n" + "\n".join(lines) + "\n"
    key, node = root.keys().get(section), root.get(section)
    if key is None or node is None:
        return f"{text}{end}{section}:\n" + "\n".join(lines) + "\n"
    if key.column != 1:
        return None
    rows = text.splitlines()
    head = rows[key.line - 1]
    if node.content in (None, {}, []):
        opened = re.sub(r"^([^:]+:)[ ]*(?:\{\s*\}|\[\s*\]|~|null)?", r"\1", head)
        if opened.partition("#")[0].rstrip() != f"{section}:":
            return None
        return "\n".join([*rows[: key.line - 1], opened, *lines, *rows[key.line :]]) + "\n"
    if head.partition("#")[0].rstrip() not in (f"{section}:", f'"{section}":'):
        return None  # a flow map or list on the same line
    first = next((row for row in rows[key.line :] if row.strip() and not row.lstrip().startswith("#")), "")
    width = len(first) - len(first.lstrip())
    if listed != first.lstrip().startswith("- ") or (not listed and width == 0):
        return None
    at = _end_of_block(rows, key.line, width)
    moved = [" " * width + line[2:] for line in lines]
    return "\n".join([*rows[:at], *moved, *rows[at:]]) + "\n"


def _end_of_block(rows: list[str], start: int, width: int) -> int:
    """Index of the row after a block whose entries are indented by `width`; comments of the block belong to it."""
    at = last = start
    while at < len(rows):
        row = rows[at]
        indent = len(row) - len(row.lstrip())
        is_comment = row.lstrip().startswith("#")
        if row.strip() and not is_comment and (indent < width or (indent == width == 0 and not row.startswith("- "))):
            break
        if row.strip() and (not is_comment or (indent >= width and width > 0)):
            last = at + 1
        at += 1
    return last


def _has_content(text: str) -> bool:
    return any(row.strip() and not row.lstrip().startswith("#") for row in text.splitlines())
