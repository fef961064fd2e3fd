"""What the team runs: services and hosts as the ops repo describes them. Parse, ask the inventory, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.catalogue import dependents, host_named, services_on
from watchkeeper.core.inventory.values import Host, Inventory, Service
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import service_json

router = Router()


@router.get("/services")
def services(
    request: HttpRequest, host: str = "", owner: str = "", state: str = "", limit: int = 100, after: str = ""
) -> dict[str, Any]:
    """Services with hosts, dependencies and state, by name. host: only those on it, also by its address or label.

    after: the name to go on behind; `more` of the answer before.
    """
    actor_of(request)
    now = application().status.now()
    inventory = now.inventory
    kept = {each.name for each in services_on(inventory, host_named(inventory, host))} if host else inventory.services
    needed_by = dependents(inventory)
    found = [
        described(each.service, needed_by, each.state.value, each.reason)
        for each in sorted(now.services, key=lambda each: each.service.name)
        if each.service.name in kept and (not owner or each.service.owner == owner)
        and (not state or each.state.value == state.upper())
    ]  # fmt: skip
    rest = [each for each in found if each["name"] > after]
    limit = max(1, min(limit, 500))
    more = rest[limit - 1]["name"] if len(rest) > limit else None
    return {"services": rest[:limit], "total": len(found), "more": more}


@router.get("/services/{str:name}")
def service(request: HttpRequest, name: str) -> dict[str, Any]:
    """One service with its checks as they are now, and how it answers."""
    actor_of(request)
    now = application().status.now()
    found = next((each for each in now.services if each.service.name == name), None)
    if found is None:
        names = ", ".join(sorted(now.inventory.services)) or "none"
        raise NotFound(f"There is no service {name[:80]} in the ops repo.", f"Its services: {names}.")
    told = described(found.service, dependents(now.inventory), found.state.value, found.reason)
    return {"service": {**told, "state_of": service_json(found, now)}}


@router.get("/hosts")
def hosts(request: HttpRequest) -> dict[str, Any]:
    """Every host with the services on it."""
    actor_of(request)
    inventory = application().holder.current
    return {"hosts": [host_json(each, inventory) for _, each in sorted(inventory.hosts.items())]}


@router.get("/hosts/{str:name}")
def host(request: HttpRequest, name: str) -> dict[str, Any]:
    """One host, by name, address or label."""
    actor_of(request)
    inventory = application().holder.current
    return {"host": host_json(host_named(inventory, name), inventory)}


def described(service: Service, needed_by: Any, state: str, reason: str) -> dict[str, Any]:
    """A service as its file describes it, with its state."""
    return {
        "name": service.name,
        "description": service.description,
        "state": state,
        "reason": reason,
        "hosts": list(service.hosts),
        "depends_on": list(service.depends_on),
        "needed_by": list(needed_by.get(service.name, ())),
        "owner": service.owner,
        "tier": service.tier,
        "labels": dict(service.labels),
        "docs": list(service.docs),
        "logs": list(service.logs),
        "config": list(service.config),
        "repository": service.repository,
        "checks": [check.key for check in service.checks],
        "respond": [
            {"to": list(each.to), "runbook": each.runbook, "mode": each.mode} for each in service.respond
        ],
    }  # fmt: skip


def host_json(host: Host, inventory: Inventory) -> dict[str, Any]:
    """A host and what runs there; how watchkeeper signs in stays with hosts.yaml."""
    return {
        "name": host.name,
        "kind": host.kind,
        "address": host.address,
        "labels": dict(host.labels),
        "services": [each.name for each in services_on(inventory, host)],
    }
