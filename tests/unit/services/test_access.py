"""What an act is about: services, hosts, incidents, plans and targets as resources of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.access import TEAM, Resource, covers
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Host, Inventory, Service, Team
from watchkeeper.core.runs.values import Plan, PlanStep
from watchkeeper.services.access import (
    on_check,
    on_either,
    on_host,
    on_incident,
    on_plan,
    on_response,
    on_service,
    on_targets,
)

HOSTS = {
    "app1": Host("app1", "local", labels={"zone": "north", "rack": "1", "tier": "9"}),
    "app2": Host("app2", "local", labels={"zone": "north", "rack": "2"}),
    "lab": Host("lab", "local", labels={"zone": "lab"}),
}


def service(name: str, *hosts: str, **more: object) -> Service:
    return Service(name, hosts=hosts, **more)  # type: ignore[arg-type]


SERVICES = {
    "shop": service("shop", "app1", "app2", tier=1, owner="ops", labels={"env": "prod"}),
    "worker": service("worker", "app1"),
    "paper": service("paper"),
}
INVENTORY = Inventory("r", 0.0, Team(), HOSTS, SERVICES, {}, {}, {})


def names(found: tuple[Resource, ...]) -> list[str]:
    return [each.name for each in found]


def test_a_service_has_its_own_labels_and_those_on_which_all_its_hosts_agree() -> None:
    (shop,) = on_service(INVENTORY, "shop")
    assert shop == Resource("shop", {"zone": "north", "env": "prod", "tier": "1", "owner": "ops"})
    assert not covers("rack=1", shop), "one of two hosts is not the service"
    (worker,) = on_service(INVENTORY, "worker")
    assert worker.labels == {"zone": "north", "rack": "1", "tier": "2"}, (
        "the tier of the service, not a label of the host"
    )
    assert on_service(INVENTORY, "gone") == (Resource("gone"),) and on_service(INVENTORY, "") == (TEAM,)


def test_a_host_is_all_that_runs_there() -> None:
    assert names(on_host(INVENTORY, "app1")) == ["shop", "worker"]
    assert on_host(INVENTORY, "lab") == (Resource("", {"zone": "lab"}, "lab"),)
    assert on_host(INVENTORY, "gone") == (Resource("", {}, "gone"),)
    assert not covers("gone", on_host(INVENTORY, "gone")[0]), "a role on a service of this name is none on the host"
    incident = Incident(1, "", "app1", Status.OPEN, "P1", "app1 is away", 0.0, ())
    assert names(on_incident(INVENTORY, incident)) == ["shop", "worker"]
    assert names(on_incident(INVENTORY, replace(incident, service="worker"))) == ["worker"]


def step(host: str) -> PlanStep:
    return PlanStep(0, "fix", "fix", "Fix", "true", "bash", "change", host)


@pytest.mark.parametrize(
    ("of", "hosts", "expected"),
    [
        ("shop", ("app1", "app2"), ["shop"]),
        ("shop", ("app1", "lab"), ["shop", "lab"]),
        ("worker", ("app2",), ["worker", "shop"]),
        ("", ("app1",), ["shop", "worker"]),
        ("", (), [""]),
        ("gone", ("app1",), ["gone", "shop", "worker"]),
    ],
)
def test_a_plan_is_its_service_and_what_runs_where_else_it_acts(
    of: str, hosts: tuple[str, ...], expected: list[str]
) -> None:
    plan = Plan("x.md", "d", of, tuple(step(host) for host in hosts), "p")
    assert names(on_plan(INVENTORY, plan)) == expected


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (("shop",), ["shop"]), (("shop/web",), ["shop"]), (("gone/web",), ["gone"]), (("all",), [""]),
        (("shop", "all"), [""]), (("host:app1",), ["shop", "worker"]), (("host:lab",), ["lab"]),
        (("shop", "worker"), ["shop", "worker"]), (("label:zone=lab",), ["lab"]), (("label:zone=none",), [""]), ((), [""]),
    ],
)  # fmt: skip
def test_targets_of_a_window_are_the_services_that_they_cover(targets: tuple[str, ...], expected: list[str]) -> None:
    assert names(on_targets(INVENTORY, targets)) == expected


def test_what_names_a_service_in_passing() -> None:
    assert names(on_response(INVENTORY, "shop/runbooks/web.md")) == ["shop"]
    assert names(on_check(INVENTORY, "shop/web@app1")) == ["shop"]
    assert names(on_either(INVENTORY, "", "app1")) == ["shop", "worker"]
    assert names(on_either(INVENTORY, "paper", "app1")) == ["paper"] and on_either(INVENTORY, "", "") == (TEAM,)
