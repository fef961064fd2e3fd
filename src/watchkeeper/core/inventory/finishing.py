"""What is known only when every file was read: the members of groups, and the check of our own network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from watchkeeper.core.checks.connectivity import CHECK, KEY, SERVICE
from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.conditions import parse_rule
from watchkeeper.core.inventory import groups
from watchkeeper.core.inventory.checking import rule_hash
from watchkeeper.core.inventory.names import is_service, service_name
from watchkeeper.core.inventory.packing import Packed
from watchkeeper.core.inventory.values import Check, ConnectivityPlan, Mistake, Probe, Service
from watchkeeper.core.inventory.yaml_reader import Node

_RECOVER = 2


def finished(
    services: Mapping[str, Service], plan: ConnectivityPlan | None, documents: Mapping[str, Packed]
) -> tuple[dict[str, Service], list[Mistake]]:
    """The services as they are watched, and what is wrong between files: groups in a circle, or without a member."""
    whole = groups.resolved(_with_own_check(services, plan))
    found: list[Mistake] = []
    for key, way in groups.circles(whole.values()):
        words = "itself" if way == key else f"{way}, which contains {key}"
        found.append(
            _mistake(key, documents, f"the group {key} contains {words}", "groups that do not contain each other")
        )
    for service in whole.values():
        for check in service.checks:
            if check.probe.kind == "group" and not check.probe.options.get("members"):
                found.append(_mistake(check.key, documents, "a group without a member", "checks that are there"))
    return whole, found


def _with_own_check(services: Mapping[str, Service], plan: ConnectivityPlan | None) -> dict[str, Service]:
    """The services, and among them watchkeeper itself with the check of its own network."""
    own = services.get(SERVICE) or Service(SERVICE, description="The network of the watch itself")
    if plan is None or any(check.name == CHECK for check in own.checks):
        return dict(services)
    probe = Probe("connectivity", {"any_of": list(plan.any_of)})
    crit = parse_rule(KINDS["connectivity"].crit, "connectivity")
    check = Check(
        key=KEY, service=SERVICE, name=CHECK, host=None, where="here", probe=probe, every_s=plan.every_s,
        timeout_s=plan.timeout_s, ok=None, warn=None, crit=crit, recover=_RECOVER,
        rule_hash=rule_hash(probe, "here", None, [None, None, crit], _RECOVER),
    )  # fmt: skip
    return {**services, SERVICE: replace(own, checks=(*own.checks, check))}


def _mistake(key: str, documents: Mapping[str, Packed], found: str, expected: str) -> Mistake:
    service, _, rest = key.partition("/")
    file, node = _place(service, rest.partition("@")[0], documents)
    return Mistake(file, node.line, node.column, found, expected, "group: {of: [mirror-1/web, mirror-2/web]}")


def _place(service: str, name: str, documents: Mapping[str, Packed]) -> tuple[str, Node]:
    """Where a check stands."""
    for file, document in documents.items():
        root = document.root if is_service(file) else None
        if root is not None and service_name(file, root) == service:
            listed = root.get("checks")
            for each in listed.content if listed is not None and listed.is_list else []:
                named = each.get("name")
                if named is not None and str(named.content) == name:
                    return file, each.at("group", "of") or each
            return file, root
    return f"services/{service}.yaml", Node({}, 1, 1)
