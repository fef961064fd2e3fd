"""What an act is about, found in the inventory, so that `core.access` can judge it by service and label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.access import (
    RULES,
    TEAM,
    Resource,
    Rule,
    Verdict,
    able,
    able_words,
    lowest_role,
    role_on,
    verdict,
)
from watchkeeper.core.actors import Actor, Role
from watchkeeper.core.errors import NotFound, WatchkeeperError
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Inventory, Service
from watchkeeper.core.runs.values import Plan, Run
from watchkeeper.core.windows import covered_checks, covers_host, parse_target
from watchkeeper.services.accounts import people_as_actors
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Session, StorePort

Resources = tuple[Resource, ...]


def on_service(inventory: Inventory, name: str) -> Resources:
    """A service with its labels: its own (`tier` and `owner` among them), and those on which all its hosts agree.

    A name that the inventory does not have (any more) has no labels. "" is the team's.
    """
    if not name:
        return (TEAM,)
    service = inventory.services.get(name)
    return (Resource(name, _labels(inventory, service) if service else {}),)


def on_host(inventory: Inventory, name: str) -> Resources:
    """A host is every service that runs on it; one without services stands for itself."""
    found = [each.name for each in inventory.services.values() if name in each.hosts]
    if found:
        return tuple(resource for each in sorted(found) for resource in on_service(inventory, each))
    host = inventory.hosts.get(name)
    return (Resource("", dict(host.labels) if host else {}, name),)


def on_incident(inventory: Inventory, incident: Incident) -> Resources:
    """The service of an incident; for an unreachable host all that runs there."""
    if not incident.service and incident.host:
        return on_host(inventory, incident.host)
    return on_service(inventory, incident.service)


def on_plan(inventory: Inventory, plan: Plan) -> Resources:
    """The service of a plan, and what runs on each host of it that is not this service's. Without a service: its hosts."""
    service = inventory.services.get(plan.service)
    own = set(service.hosts) if service else set()
    found = list(on_service(inventory, plan.service)) if plan.service else []
    for host in dict.fromkeys(step.host for step in plan.steps):
        if host not in own:
            found += on_host(inventory, host)
    return _once(found) or (TEAM,)


def on_run(inventory: Inventory, run: Run) -> Resources:
    """What a run is about."""
    return on_plan(inventory, run.plan)


def on_response(inventory: Inventory, name: str) -> Resources:
    """A response is named ``SERVICE/RUNBOOK``."""
    return on_service(inventory, name.partition("/")[0])


def on_targets(inventory: Inventory, targets: Iterable[str]) -> Resources:
    """Every service of which these targets of a window cover something; ``all`` is the team's."""
    found: list[Resource] = []
    for text in targets:
        target = parse_target(text)
        if target.kind == "all":
            return (TEAM,)
        if target.kind in ("service", "check"):  # also when it is not in the inventory any more
            found += on_check(inventory, target.name)
        names = {inventory.checks[key].service for key in covered_checks([text], inventory)}
        found += [resource for name in sorted(names) for resource in on_service(inventory, name)]
        if target.kind in ("host", "label"):
            for host in inventory.hosts:
                if covers_host([text], host, inventory):
                    found += on_host(inventory, host)
    return _once(found) or (TEAM,)


def on_check(inventory: Inventory, name: str) -> Resources:
    """The service of a check, by the check's name or key."""
    return on_service(inventory, name.partition("/")[0])


def on_either(inventory: Inventory, service: str, host: str) -> Resources:
    """Of something that may name a service, a host, or neither."""
    return on_service(inventory, service) if service or not host else on_host(inventory, host)


def _once(found: Iterable[Resource]) -> Resources:
    return tuple({(each.service, each.host): each for each in found}.values())


def _labels(inventory: Inventory, service: Service) -> dict[str, str]:
    hosts = [inventory.hosts[name].labels for name in service.hosts if name in inventory.hosts]
    first = hosts[0] if hosts else {}
    shared = {name: value for name, value in first.items() if all(each.get(name) == value for each in hosts)}
    own = {"tier": str(service.tier)} | ({"owner": service.owner} if service.owner else {})
    return shared | dict(service.labels) | own


# ---- people ---------------------------------------------------------------------------------------------------------


def roles_there(session: Session, inventory: Inventory, resources: Sequence[Resource]) -> Mapping[str, Role]:
    """name -> role on all of these, of every person who can prove who he is."""
    return {each.name: lowest_role(each, resources) for each in people_as_actors(session, inventory.team)}


@dataclass(frozen=True, slots=True)
class May:
    """One action and what the table says of it. ask: whom one could ask who may not; "" when nobody is known."""

    action: str
    rule: Rule
    verdict: Verdict
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one caller may do. service: "" for what is the team's. role: the one there; services: where it is another one."""

    actor: Actor
    service: str
    role: Role
    services: Mapping[str, Role]
    may: tuple[May, ...]


class AccessReader:
    """Explains the table to whoever calls: what he may do, why not, and whom he could ask."""

    def __init__(self, store: StorePort, holder: InventoryHolder) -> None:
        self._store = store
        self._holder = holder

    def reach(self, actor: Actor, service: str = "") -> Reach:
        """Every action for this actor, on one service or on what is the team's. Raises `NotFound` for an unknown one."""
        inventory = self._holder.current
        if service and service not in inventory.services:
            names = ", ".join(sorted(inventory.services)) or "none"
            raise NotFound(f"There is no service {service[:80]} in the ops repo.", f"Its services: {names}.")
        resources = on_service(inventory, service)
        people = self._people()
        found = []
        for action, rule in RULES.items():
            about = TEAM if rule.about == "team" else resources[0]
            said = verdict(actor, action, about)
            ask = "" if said.allowed or said.needs_factor else able_words(*able(action, about, people))
            found.append(May(action, rule, said, ask))
        there = {name: role_on(actor, on_service(inventory, name)[0]) for name in sorted(inventory.services)}
        others = {name: role for name, role in there.items() if role != actor.role}
        return Reach(actor, service, lowest_role(actor, resources), others, tuple(found))

    def hint(self, error: WatchkeeperError) -> str:
        """The next step after a refusal: whom to ask, when the table refused and somebody may; else the error's own."""
        action, about = error.details.get("action"), error.details.get("resource")
        if error.kind != "forbidden" or not isinstance(action, str) or not isinstance(about, Resource):
            return error.hint
        if not error.hint.startswith("Who may"):  # a token that does not reach so far: nobody else is the way on
            return error.hint
        return able_words(*able(action, about, self._people())) or error.hint

    def _people(self) -> list[Actor]:
        with self._store.read() as session:
            return people_as_actors(session, self._holder.current.team)
