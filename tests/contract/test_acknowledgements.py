"""The link in a message: what it opens, for whom, how long, and that looking does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.outbox import START, channel, incident

from watchkeeper.core.errors import Forbidden
from watchkeeper.core.incidents.values import Ending, Incident, Status
from watchkeeper.core.inventory.values import Inventory, Team
from watchkeeper.core.notifications import Message
from watchkeeper.core.routing import Contact, Telling
from watchkeeper.services.acknowledgements import PURPOSE, Acknowledgements, who_reads
from watchkeeper.services.incidents import Incidents
from watchkeeper.services.keys import Keys
from watchkeeper.store.writer import Store

TEAM = Team(
    channels=(channel("ada-phone"), channel("room")),
    web_url="https://watch.example.org",
    telling=Telling(people={"ada": Contact("ada", ("ada-phone", "room")), "ben": Contact("ben", ("room",))}),
)


class Bench:
    def __init__(self, store: Store) -> None:
        self.now = START
        self.store = store
        self.holder = SimpleNamespace(current=Inventory("r", 0.0, TEAM, {}, {}, {}, {}, {}))
        self.keys = Keys(store, lambda: self.now, self.holder, SimpleNamespace(write=lambda *_: None))  # type: ignore[arg-type]
        self.keys.secret()
        nothing = SimpleNamespace()
        incidents = Incidents(store, nothing, nothing, self.holder, lambda: self.now)  # type: ignore[arg-type]
        self.links = Acknowledgements(incidents, self.keys, self.holder)  # type: ignore[arg-type]
        self.incident = store.write(lambda session: session.add_incident(incident(0)))

    def link(self, way: str = "ada-phone", **more: object) -> str:
        facts = {"opening": f"{self.incident.id}.0"}
        message = Message("k", "opened", "t", "b", incident=self.incident.id, at=START, facts=facts)
        return self.links.linked(replace(message, **more), way).acknowledge  # type: ignore[arg-type]

    def key(self, way: str = "ada-phone") -> str:
        return self.link(way).removeprefix("https://watch.example.org/ack/")

    def change(self, **more: object) -> None:
        changed: Incident = replace(self.incident, **more)  # type: ignore[arg-type]
        self.store.write(lambda session: session.save_incident(changed))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(tmp_path / "state")
    yield Bench(store)
    store.close()


def test_the_link_is_the_same_at_every_retry_and_another_on_every_channel(bench: Bench) -> None:
    first = bench.link()
    bench.now += 3600
    assert bench.link() == first != bench.link("room")


def test_no_link_without_a_public_address_nor_where_nothing_is_to_be_acknowledged(bench: Bench) -> None:
    assert (
        bench.link(kind="closed") == bench.link(kind="test") == bench.link(facts={}) == bench.link(incident=None) == ""
    )
    bench.holder.current = replace(bench.holder.current, team=replace(TEAM, web_url=""))
    assert bench.link() == ""


def test_looking_changes_nothing_and_pressing_says_who(bench: Bench) -> None:
    seen = [bench.links.look(bench.key()) for _ in range(3)][-1]
    assert (seen.refusal, seen.who, seen.incident.acknowledged_at) == ("", "ada", None)
    assert bench.links.accept(bench.key()).acknowledged_by == "ada"
    assert bench.links.look(bench.key("room")).refusal == "ada has it."
    with pytest.raises(Forbidden, match="ada has it"):
        bench.links.accept(bench.key("room"))


def test_a_channel_of_several_people_says_so() -> None:
    assert who_reads(TEAM, "room") == "somebody by the link of channel room"
    assert who_reads(TEAM, "gone") == "somebody by the link of channel gone"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": Status.CLOSED, "ending": Ending.ITSELF, "closed_at": START}, "closed"),
        ({"reopened": 1}, "came back"),
    ],
)
def test_a_link_ends_with_its_opening(bench: Bench, change: dict[str, object], words: str) -> None:
    key = bench.key()
    bench.change(**change)
    with pytest.raises(Forbidden, match=words):
        bench.links.accept(key)


def test_a_link_ends_after_a_day_and_is_good_for_nothing_else(bench: Bench) -> None:
    key = bench.key()
    forged = key[:-1] + ("a" if key[-1] != "a" else "b")
    for wrong in (forged, "", "x" * 5000, bench.keys.sign("ping", f"{bench.incident.id}.0:ada-phone")):
        with pytest.raises(Forbidden):
            bench.links.look(wrong)
    with pytest.raises(Forbidden, match="not there"):
        bench.links.look(bench.keys.sign(PURPOSE, "999.0:room"))
    bench.now += 24 * 3600 + 1
    with pytest.raises(Forbidden, match="expired"):
        bench.links.accept(key)
