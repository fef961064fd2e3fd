"""A node among others: whom it may call dead, whose files are in force, and which checks it asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from watchkeeper.core.errors import StoreAway
from watchkeeper.core.nodes import Node
from watchkeeper.services.checks.share import WORD_S, Share
from watchkeeper.services.nodes import Acts, InventoryInForce, Nodes
from watchkeeper.services.ports.nodes import Ask, Beat

ME = Node("me", 1, 1, "one", 10, "0.1", 0.0, 0.0)
OTHER = Node("other", 1, 2, "two", 11, "0.1", 0.0, 0.0)


@dataclass
class Table:
    """A node table with one clock, moved by hand."""

    now: float = 100.0
    seen: float = 100.0
    others: list[Node] = field(default_factory=lambda: [OTHER])
    away: bool = False
    outcast: bool = False
    taken: list[str] = field(default_factory=list)
    stored: tuple[str, dict[str, bytes]] = ("", {})

    def join(self) -> Node:
        return ME

    def beat(self, revision: str) -> Beat | None:
        if self.away:
            raise StoreAway("It is away.")
        before, self.seen = self.seen, self.now
        return None if self.outcast else Beat(self.now, before, (ME, *self.others))

    def take_over(self, dead: Node) -> list[int] | None:
        self.taken.append(dead.id)
        self.others.remove(dead)
        return [7]

    def adopt(self) -> list[int]:
        return []

    def leave(self) -> list[int]:
        return []

    def revision(self) -> str:
        return self.stored[0]

    def inventory(self) -> dict[str, bytes]:
        return self.stored[1]

    def keep_inventory(self, revision: str, files: dict[str, bytes]) -> None:
        self.stored = (revision, files)

    def want(self, node: str, checks: Sequence[str]) -> Ask:
        return Ask(1, node, tuple(checks))

    def wanted(self) -> list[Ask]:
        return []

    def done(self, ask: Ask) -> None: ...

    def is_done(self, ask: Ask) -> bool:
        return True

    def pass_time(self, nodes: Nodes, seconds: int, silent: bool = False) -> None:
        for _ in range(seconds):
            self.now += 1
            if silent:
                self.others = [replace(each, age_s=each.age_s + 1) for each in self.others]
            nodes.beat()


def joined(table: Table) -> tuple[Nodes, list[str]]:
    said: list[str] = []
    acts = Acts(lambda: said.append("dead"), lambda node, runs: said.append(f"took {runs} of {node.id}"))
    nodes = Nodes(table, lambda: "r1", acts)
    nodes.join()
    return nodes, said


def test_a_silent_node_is_taken_over_from() -> None:
    table = Table()
    nodes, said = joined(table)
    table.pass_time(nodes, 5)
    table.pass_time(nodes, 4, silent=True)
    assert said == ["took [7] of other"]
    assert nodes.ids() == ["me"]
    assert nodes.leads()


def test_after_an_outage_of_the_database_nobody_is_called_dead_at_once() -> None:
    table = Table()
    nodes, said = joined(table)
    table.pass_time(nodes, 20)
    table.away = True
    table.pass_time(nodes, 30, silent=True)
    table.away = False
    table.pass_time(nodes, 2)  # the other had no chance to be seen yet
    assert said == []
    assert nodes.ids() == ["me", "other"]
    table.others = [replace(OTHER, age_s=0.5)]
    table.pass_time(nodes, 20)
    assert said == []


def test_a_node_that_slept_itself_calls_nobody_dead_at_once() -> None:
    table = Table()
    nodes, said = joined(table)
    table.pass_time(nodes, 20)
    table.now += 60  # the machine was suspended; the clock of the database went on
    table.others = [replace(OTHER, age_s=60.0)]
    nodes.beat()
    assert said == []


def test_a_node_that_was_declared_dead_ends() -> None:
    table = Table()
    nodes, said = joined(table)
    table.outcast = True
    nodes.beat()
    assert said == ["dead"]


class Files:
    """An ops repo of one file."""

    def __init__(self, text: str) -> None:
        self.text = text

    def signature(self) -> str:
        return self.text

    def files(self) -> dict[str, bytes]:
        return {"watchkeeper.yaml": self.text.encode()}

    def faults(self) -> tuple[tuple[str, str], ...]:
        return ()

    def commits(self, since: float) -> list[tuple[str, float, str, str]]:
        return []


def test_the_leader_stores_its_files_and_others_follow_them() -> None:
    table = Table()
    leader = InventoryInForce(Files("first"), table, lambda: True)
    leader.files()
    leader.put_into_force("r1")
    follower = InventoryInForce(Files("stale"), table, lambda: False)
    assert follower.files() == {"watchkeeper.yaml": b"first"}
    before = follower.signature()
    follower.put_into_force("r9")  # never by a follower
    table.keep_inventory("r2", {"watchkeeper.yaml": b"second"})
    assert follower.signature() != before
    assert follower.files() == {"watchkeeper.yaml": b"second"}


def test_a_change_of_leader_alone_changes_nothing() -> None:
    table, leads, own = Table(), [False], Files("stale checkout")
    table.keep_inventory("r1", {"watchkeeper.yaml": b"in force"})
    node = InventoryInForce(own, table, lambda: leads[0])
    before = node.signature()
    leads[0] = True
    assert node.signature() == before
    assert node.files() == {"watchkeeper.yaml": b"in force"}
    own.text = "somebody saved a file here"
    assert node.signature() != before
    assert node.files() == {"watchkeeper.yaml": b"somebody saved a file here"}
    node.put_into_force("r2")
    assert table.stored[0] == "r2"


class Readings:
    """The side of the readings store that a share uses; takes nothing here."""

    taken_away: tuple[str, ...] = ()


def test_a_watch_waits_for_the_first_word_and_then_asks_everything() -> None:
    share = Share("me", Readings(), lambda: 1000.0)  # type: ignore[arg-type]
    assert not share.is_due("r1", 1000.0 + WORD_S - 1)
    assert share.is_due("r1", 1000.0 + WORD_S)
    share.took("r1", [])
    assert not share.is_due("r1", 2000.0)
    assert share.is_due("r2", 2000.0)
    share.hear(["me", "other"])
    assert share.is_due("r1", 2000.0)
