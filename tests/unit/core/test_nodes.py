"""Who leads, who owns what, and who counts as alive."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.nodes import GRACE_S, Node, leader, owned, owner

SERVICES = [f"service-{number}" for number in range(300)]
NODE = Node("a", 1, 1, "one", 10, "0.1", 0.0, 0.0)


def test_every_service_has_one_owner_and_the_shares_are_even() -> None:
    nodes = ["a", "b", "c"]
    shares = {node: owned(SERVICES, node, nodes) for node in nodes}
    assert sorted(service for share in shares.values() for service in share) == sorted(SERVICES)
    assert all(70 <= len(share) <= 130 for share in shares.values())


def test_only_the_services_of_a_node_that_goes_move() -> None:
    before = {service: owner(service, ["a", "b", "c"]) for service in SERVICES}
    after = {service: owner(service, ["c", "a"]) for service in SERVICES}
    assert all(after[service] == node for service, node in before.items() if node != "b")
    assert {after[service] for service, node in before.items() if node == "b"} == {"a", "c"}


def test_nobody_owns_without_nodes() -> None:
    assert owner("shop", []) == ""
    assert owned(SERVICES, "a", []) == set()


def test_the_first_that_joined_leads_until_it_is_declared_dead() -> None:
    first, second = NODE, replace(NODE, id="b", number=7)
    assert leader([second, first]) == first
    silent = replace(first, age_s=GRACE_S + 1)
    assert leader([second, silent]) == silent  # it may still be at work; only its row decides
    assert leader([]) is None
