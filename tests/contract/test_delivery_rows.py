"""The rows of the outbox: the store in memory that the unit tests use, SQLite and PostgreSQL tell the same people the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.outbox import START, Desk, MemoryStore, channel, incident
from tests.fixtures.postgresql import empty_database
from tests.unit.services.test_delivery import NAMES, ended, play

from watchkeeper.core.actors import LOCAL, Actor
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.services.deliveries import Deliveries
from watchkeeper.store.writer import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    opened = open_store(tmp_path / "state", url)
    yield opened
    opened.close()


def test_every_store_tells_the_same_people_the_same(store: Store) -> None:
    read = []
    for kept in (MemoryStore(), store):
        desk = Desk(
            *(channel(name, at_most=(3, 60.0), updates=name == "push") for name in NAMES), group_s=60.0, store=kept
        )
        play(desk, random.Random("storm 11"), storm=True)
        for receiver in desk.receivers.values():
            receiver.mode = "accept"
        desk.wait(3600)
        assert not desk.waiting()
        read.append({name: [(at, message) for at, message in each.got] for name, each in desk.receivers.items()})
    assert sum(map(len, read[0].values())) > 10
    assert read[0] == read[1]


def test_what_is_frozen_together_stays_together_in_another_process(store: Store) -> None:
    desk = Desk(channel("push"), store=store)
    desk.receivers["push"].mode = "lose"
    for number in (1, 2, 3):
        desk.say(incident(number, f"s{number}"), "opened")
    desk.wait(0)
    desk.say(incident(4, "s4"), "opened")
    again = Desk(channel("push"), store=store)
    again.now = desk.now
    again.wait(70)
    first = desk.receivers["push"].got[0][1]
    (second,) = [message for _, message in again.receivers["push"].got if message.key == first.key]
    assert first.items == second.items and len(first.items) == 3
    assert not again.waiting()


def test_a_person_reads_what_became_of_it_and_has_it_tried_again(store: Store) -> None:
    desk = Desk(channel("push"), channel("mail"), store=store)
    for each in desk.receivers.values():
        each.mode = "fail"
    for number in (1, 2):
        desk.say(incident(number, f"s{number}"), "opened")
    desk.wait(60)
    deliveries = Deliveries(store, desk.holder, lambda: desk.now)  # type: ignore[arg-type]
    newest, oldest = deliveries.newest(undelivered=True)
    assert (oldest.state, newest.state) == ("undelivered", "on its way")
    assert newest.sentence == f"It goes together with notification {oldest.notification.id}."
    assert [each.down for each in deliveries.channels()] == [True, True]
    with pytest.raises(Forbidden):
        deliveries.retry(oldest.notification.id, Actor("agent", "agent"))
    with pytest.raises(NotFound, match="no channel pigeon"):
        deliveries.retry(oldest.notification.id, LOCAL, "pigeon")
    desk.receivers["mail"].mode = "accept"
    deliveries.retry(newest.notification.id, LOCAL, "mail")
    desk.wait(0)
    assert len(desk.receivers["mail"].got) == 1, "at once, although the channel counts as down"
    shown = deliveries.show(newest.notification.id)
    assert shown.state == "told" and shown.attempts[0].channel == "mail"
    assert [each.down for each in deliveries.channels()] == [True, False]
    with pytest.raises(Usage, match="needs no other try"):
        deliveries.retry(oldest.notification.id, LOCAL)


def test_a_page_written_while_nothing_was_declared_goes_out_when_something_is(store: Store) -> None:
    desk = Desk(store=store)
    desk.say(incident(1), "opened")
    desk.wait(5)
    assert desk.waiting()[0].failed
    later = Desk(channel("push"), store=store)
    later.now = START + 60
    later.wait(5)
    later.say(ended(incident(1)), "closed")
    later.wait(1)
    assert [each.kind for each in later.receivers["push"].items()] == ["opened", "closed"]


def test_a_channel_that_is_gone_is_no_reason_to_lose_a_page(store: Store) -> None:
    desk = Desk(channel("old"), store=store)
    desk.receivers["old"].mode = "fail"
    desk.say(incident(1), "opened")
    desk.wait(1)
    desk.inventory = replace(desk.inventory, team=replace(desk.team, channels=(channel("new"),)))
    desk.holder.current = desk.inventory
    desk.receivers = {"new": type(desk.receivers["old"])()}
    desk.wait(30)
    assert not desk.waiting() and len(desk.receivers["new"].got) == 1
