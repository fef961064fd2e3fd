"""Several machines as one watch: real programs on one PostgreSQL. The large version is bench/nodes.py."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from tests.fixtures.postgresql import postgresql_server
from tests.house import House
from tests.nodes import Node, Tally, die, lines, prepare_runs, until

pytestmark = pytest.mark.timeout(300)  # two nodes start, die and start again
RUNS = 6
SERVICES = [f"svc{number}" for number in range(4)]


@pytest.fixture(scope="module")
def nodes(
    requires: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Node, Node]]:
    requires("postgresql")
    with postgresql_server() as url:
        house = House(tmp_path_factory.mktemp("nodes"))
        prepare_runs(house, RUNS, sleep_s=1.0)
        for name in SERVICES:
            house.service(name)
        first, second = Node(house, "a", url), Node(house, "b", url, copy=True)
        second.write("services/stale.yaml", "service: stale\nhosts: [app1]\n")  # an old checkout, which must not count
        try:
            first.start("watch", "main")
            second.start("watch", "main")
            yield house, first, second
        finally:
            for node in (first, second):
                node.end()


def nodes_of(node: Node) -> list[dict]:
    return node.get("/status")["status"]["nodes"]


def test_the_checks_are_shared_and_nobody_asks_twice(nodes: tuple[House, Node, Node]) -> None:
    _house, first, second = nodes
    first.until(lambda: len(nodes_of(first)) == len(nodes_of(second)) == 2, 15, "both see both")
    first.until(first.all_ok, 40, "every check was asked")
    second.until(second.all_ok, 10, "both show the same")
    shares = {each["name"]: each["services"] for each in nodes_of(first)}
    assert sorted(service for share in shares.values() for service in share if service in SERVICES) == SERVICES
    asked = [node.get("/status")["status"]["watch"]["checks"] for node in (first, second)]
    assert sum(asked) == len(SERVICES)
    assert [each["leads"] for each in nodes_of(second)] == [True, False]


def test_the_leader_loads_the_ops_repo_and_the_other_follows(nodes: tuple[House, Node, Node]) -> None:
    house, first, second = nodes
    names = [service["name"] for service in second.get("/status")["status"]["services"]]
    assert "svc0" in names and "stale" not in names
    house.service("later")
    second.until(
        lambda: "later" in [each["name"] for each in second.get("/status")["status"]["services"]], 20, "it follows"
    )
    second.until(second.all_ok, 40, "its owner asks it")
    revisions = {node.get("/status")["status"]["inventory"]["revision"] for node in (first, second)}
    assert len(revisions) == 1


def test_a_check_is_asked_by_its_owner_whoever_is_told(nodes: tuple[House, Node, Node]) -> None:
    _house, first, second = nodes
    for node in (first, second):
        answer = node.post("/checks/ask", checks=[])["checks"]
        assert {check["check"].partition("/")[0] for check in answer} >= set(SERVICES)
        assert {check["state"] for check in answer} == {"OK"}


def test_a_flip_is_taken_once_and_paged_once(nodes: tuple[House, Node, Node]) -> None:
    house, first, second = nodes
    house.break_("svc0", "svc1", "svc2", "svc3")
    for name in SERVICES:
        second.until(lambda name=name: second.incident(name), 30, f"{name} has an incident")
    first.until(lambda: len(house.pages()) >= len(SERVICES), 30, "the pages are sent")
    opened = [each for each in first.get("/incidents", limit=100)["incidents"] if each["service"] in SERVICES]
    assert sorted(each["service"] for each in opened) == SERVICES
    told = first.ask("SELECT count(*) FROM notification WHERE kind = 'opened'")
    assert told == [(len(SERVICES),)]
    for name in SERVICES:
        (house.flags / name).touch()
        second.closed(name, 60)


def test_the_doctor_and_the_status_show_the_nodes(nodes: tuple[House, Node, Node]) -> None:
    _house, first, second = nodes
    found = {each["name"]: each for each in second.get("/doctor")["doctor"] if each["name"].startswith("node ")}
    assert len(found) == 2
    assert any("this one" in each["sentence"] for each in found.values())
    assert any("leads" in each["sentence"] for each in found.values())
    said = {each["name"]: each["sentence"] for each in second.get("/doctor")["doctor"]}
    assert "3 files differ" in said["ops repo here"]  # stale.yaml is only here, later.yaml and its runbook only there
    assert "PostgreSQL" in said["own backup"]
    page = first.get("/status")["status"]["nodes"]
    assert {each["version"] for each in page} and all(each["revision"] for each in page)


def test_runs_of_a_node_that_dies_go_on_elsewhere_each_step_once(nodes: tuple[House, Node, Node]) -> None:
    """The first death takes the leader, the second one freezes, is declared dead, wakes up, and may not write."""
    house, first, second = nodes
    tally, chance = Tally(), random.Random(4)
    die(house, first, second, "kill", RUNS, tally, chance)
    die(house, second, first, "freeze", RUNS, tally, chance)
    assert (tally.twice, tally.lost, tally.stuck) == ([], [], [])
    assert all(lines(house, number) == (2, 2) for number in range(RUNS))
    assert "declared dead" in second.log()


def test_the_checks_of_a_dead_node_move_and_come_back(nodes: tuple[House, Node, Node]) -> None:
    _house, first, second = nodes
    first.until(lambda: len(nodes_of(first)) == 2, 20, "both are back")
    second.kill("watch", "main")
    first.until(lambda: first.get("/status")["status"]["watch"]["checks"] == len(SERVICES) + 1, 30, "all are here")
    first.until(lambda: [each["leads"] for each in nodes_of(first)] == [True], 10, "it leads")
    second.start("watch", "main")
    first.until(lambda: first.get("/status")["status"]["watch"]["checks"] < len(SERVICES) + 1, 30, "they are shared")
    second.until(second.all_ok, 40, "and asked")


def test_the_same_node_cannot_run_twice(nodes: tuple[House, Node, Node]) -> None:
    """A state directory that was copied to another machine, for instance."""
    house, first, _second = nodes
    twin = Node(house, "twin", first.url)
    twin.state.mkdir(mode=0o700)
    (twin.state / "node.id").write_text(first.id)
    command = [sys.executable, "-m", "watchkeeper.programs.main", "--ops", str(twin.ops), "--state", str(twin.state)]
    environment = os.environ | twin.environment
    done = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 5
    assert f"Node {first.id} is at work already" in done.stderr


def test_a_node_that_ends_in_order_is_not_missed(nodes: tuple[House, Node, Node]) -> None:
    _house, first, second = nodes
    before = first.log().count("is dead; its runs go on here")
    second.programs["main"].send_signal(signal.SIGTERM)
    second.programs["main"].wait(30)
    assert until(lambda: len(nodes_of(first)) == 1, 10, "it is gone") < 10
    assert first.log().count("is dead; its runs go on here") == before
