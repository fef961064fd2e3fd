"""Groups across files: which checks their members are, who they are named after, and that none contains itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.values import Check, Probe, Service
from watchkeeper.core.inventory.yaml_reader import Node

HOST = "host:"


def known_members(node: Node, names: Names, notes: Notes) -> None:
    """Notes members of a group that do not exist, twice-named ones, and a quorum that can never be reached or missed."""
    group, listed = node.get("group"), node.at("group", "of")
    items = list(listed.content) if listed is not None and listed.is_list else []
    seen: set[str] = set()
    for item in items:
        name = str(item.content)
        if name in seen:
            notes.add(item, f"'{name}' a second time", "each member once")
        seen.add(name)
        _known(item, name, names, notes)
    least = node.at("group", "at_least")
    plain = all("@" in name or name.startswith(HOST) or "/" not in name for name in seen)
    if (
        group is not None
        and least is not None
        and isinstance(least.content, int)
        and plain
        and least.content > len(seen)
    ):
        notes.add(least, f"{least.content} of {len(seen)} members", f"a number from 1 to {len(seen)}", "at_least: 1")


def _known(item: Node, name: str, names: Names, notes: Notes) -> None:
    if name.startswith(HOST):
        if name.removeprefix(HOST) not in names.hosts and "hosts" not in names.unread:
            notes.unknown(item, "host", name.removeprefix(HOST), names.hosts, "hosts.yaml")
        return
    service, slash, check = name.partition("/")
    if service not in names.services:
        notes.unknown(item, "service", service, names.services, "services/")
    elif slash and check.partition("@")[0] not in names.checks.get(service, ()):
        known = {f"{service}/{each}": None for each in names.checks.get(service, ())}
        notes.unknown(item, "check", name, known, f"services/{service}.yaml")


def members_of(check: Check, checks: Mapping[str, Check]) -> dict[str, list[str]]:
    """The checks behind each member. A check on several hosts is a member for each of them.

    Behind a service or a host stand its own checks, its groups excepted: they would count the same trouble twice.
    """
    named = check.probe.options.get("of")
    found: dict[str, list[str]] = {}
    for name in named if isinstance(named, list) else []:
        if name.startswith(HOST):
            host = name.removeprefix(HOST)
            found[name] = [key for key, each in checks.items() if each.host == host and each.probe.kind != "group"]
        elif "/" not in name:
            found[name] = [key for key, each in checks.items() if each.service == name and each.probe.kind != "group"]
        else:
            keys = [key for key, each in checks.items() if name in (key, f"{each.service}/{each.name}")]
            found |= {key: [key] for key in keys}
    return found


def resolved(services: Mapping[str, Service]) -> dict[str, Service]:
    """The services with the members of every group known, and members that page through their group marked."""
    checks = {check.key: check for service in services.values() for check in service.checks}
    groups = {key: members_of(check, checks) for key, check in checks.items() if check.probe.kind == "group"}
    if not groups:
        return dict(services)
    quiet = {
        key: group
        for group, members in groups.items()
        if checks[group].probe.options.get("alone") == "quiet"
        for keys in members.values()
        for key in keys
    }
    return {
        name: replace(service, checks=tuple(_resolved(check, groups, quiet) for check in service.checks))
        for name, service in services.items()
    }


def _resolved(check: Check, groups: Mapping[str, dict[str, list[str]]], quiet: Mapping[str, str]) -> Check:
    members = groups.get(check.key)
    if members is not None:
        probe = Probe("group", {**check.probe.options, "members": members})
        covered = json.dumps([check.rule_hash, sorted(members.items())], separators=(",", ":"))
        check = replace(check, probe=probe, rule_hash=hashlib.sha256(covered.encode()).hexdigest())
    return replace(check, spoken_for=quiet[check.key]) if check.key in quiet else check


def circles(services: Iterable[Service]) -> list[tuple[str, str]]:
    """(group, what it contains that contains it) for every group that is a part of itself. Of resolved services."""
    inside = {
        check.key: {key for keys in _members(check).values() for key in keys}
        for service in services
        for check in service.checks
        if check.probe.kind == "group"
    }
    return [(key, way) for key in inside for way in sorted(inside[key] & inside.keys()) if _leads(way, key, inside)]


def _members(check: Check) -> Mapping[str, list[str]]:
    found = check.probe.options.get("members")
    return found if isinstance(found, dict) else {}


def _leads(start: str, target: str, inside: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        key = waiting.pop()
        if key == target:
            return True
        if key not in seen:
            seen.add(key)
            waiting.extend(inside.get(key, ()))
    return False
