"""The names that files may refer to, gathered from all files before meaning is checked, also from files with mistakes.

A name whose own entry is wrong still exists here, so that one mistake is reported once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from watchkeeper.core.inventory.packing import Packed
from watchkeeper.core.inventory.yaml_reader import Node

SINGLES = ("watchkeeper", "hosts", "databases", "secrets")


@dataclass(slots=True)
class Names:
    """Known names. hosts: name to True when it is this machine. services: name to the files that define it.

    checks: of each service. needs: of each service, what it depends on. complete: sections whose file could be read.
    """

    hosts: dict[str, bool] = field(default_factory=dict)
    services: dict[str, list[str]] = field(default_factory=dict)
    checks: dict[str, set[str]] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    databases: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    runbooks: dict[str, bool] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)


def is_service(path: str) -> bool:
    """Whether a path is a file about one service."""
    return path.startswith("services/") and path.endswith(".yaml")


def service_name(file: str, root: Node | None) -> str:
    """The name a service file gives its service; its own name when it says none."""
    named = root.get("service") if root is not None else None
    if named is not None and isinstance(named.content, str | int) and not isinstance(named.content, bool):
        return str(named.content)
    return PurePosixPath(file).stem


def gather(documents: Mapping[str, Packed], runbooks: Mapping[str, bool]) -> Names:
    """All names. runbooks: path to whether its text could be read."""
    names = Names(runbooks=dict(runbooks))
    for section in SINGLES:
        document = documents.get(f"{section}.yaml")
        if document is not None and not document.tree:
            names.unread.add(section)
    _singles(documents, names)
    for file, document in documents.items():
        if is_service(file):
            _service(file, document.root, names)
    return names


def _section(documents: Mapping[str, Packed], file: str, key: str) -> Mapping[str, Node]:
    document = documents.get(f"{file}.yaml")
    root = document.root if document is not None else None
    node = root.get(key) if root is not None else None
    return {name.text: each for name, each in node.items()} if node is not None else {}


def _singles(documents: Mapping[str, Packed], names: Names) -> None:
    for name, node in _section(documents, "hosts", "hosts").items():
        names.hosts[name] = node.get("ssh") is None and node.get("container") is None
    for name, node in _section(documents, "databases", "databases").items():
        names.databases[name] = "postgresql" if node.get("postgresql") is not None else "sqlite"
    names.secrets.update(_section(documents, "secrets", "secrets"))
    names.channels.update(_section(documents, "watchkeeper", "channels"))


def _service(file: str, root: Node | None, names: Names) -> None:
    name = service_name(file, root)
    names.services.setdefault(name, []).append(file)
    if root is None:
        names.checks.setdefault(name, set())
        return
    checks = root.get("checks")
    found = names.checks.setdefault(name, set())
    for each in checks.content if checks is not None and checks.is_list else []:
        named = each.get("name")
        if named is not None:
            found.add(str(named.content))
    needs = root.get("depends_on")
    listed = needs.content if needs is not None and needs.is_list else []
    names.needs.setdefault(name, []).extend(str(each.content) for each in listed)
