"""The contract of leases: of many callers one holds a name, an end is an end, and fencing numbers only grow."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.contract.test_store import NOW, server, store
from tests.fixtures.empty_store import open_store

from watchkeeper.core.leases import Lease, is_held_by, still_holds
from watchkeeper.store.writer import Store

__all__ = ["server", "store"]


def take(store: Store, holder: str, now: float = NOW, lasts_s: float = 30.0, name: str = "host:app1", **more) -> Lease:
    return store.write(lambda session: session.take_lease(name, holder, now, lasts_s, **more))


def live(store: Store, now: float = NOW) -> list[Lease]:
    with store.read() as session:
        return session.leases(now)


def test_a_free_name_is_got_and_comes_back_whole(store: Store) -> None:
    got = take(store, "run 12", why="Restart the order desk", run=12)
    assert got == Lease("host:app1", "run 12", "Restart the order desk", 1, NOW, NOW + 30, 12)
    assert live(store) == [got]


def test_another_caller_sees_who_holds_it_and_changes_nothing(store: Store) -> None:
    got = take(store, "run 12", run=12)
    assert take(store, "run 13", NOW + 29, 900, why="mine now", run=13) == got
    assert live(store, NOW + 29) == [got]


def test_a_renewal_moves_the_end_and_keeps_the_number_the_reason_and_the_beginning(store: Store) -> None:
    take(store, "run 12", why="Restart", run=12)
    renewed = take(store, "run 12", NOW + 20)
    assert renewed == Lease("host:app1", "run 12", "Restart", 1, NOW, NOW + 50, 12)
    assert live(store, NOW + 40) == [renewed]


def test_after_its_end_another_takes_it_over_and_the_old_holder_finds_a_higher_number(store: Store) -> None:
    old = take(store, "run 12", run=12)
    over = take(store, "run 13", NOW + 30, run=13)
    assert (over.holder, over.fencing, over.run) == ("run 13", 2, 13)
    back = take(store, "run 12", NOW + 31, run=12)
    assert back == over
    assert not still_holds(old, back, NOW + 31)
    assert still_holds(over, back, NOW + 31)


def test_the_old_holder_who_comes_back_after_his_end_gets_a_new_number_himself(store: Store) -> None:
    old = take(store, "run 12")
    back = take(store, "run 12", NOW + 30)
    assert is_held_by(back, "run 12", NOW + 30)
    assert back.fencing == 2
    assert not still_holds(old, back, NOW + 30)


def test_a_lease_that_was_let_go_is_free_at_once_and_its_number_goes_on(store: Store) -> None:
    take(store, "run 12", why="Restart", run=12)
    store.write(lambda session: session.release_lease("host:app1", "run 12"))
    assert live(store) == []
    assert take(store, "run 13", NOW + 1) == Lease("host:app1", "run 13", "", 2, NOW + 1, NOW + 31, None)


def test_letting_go_of_what_another_holds_does_nothing(store: Store) -> None:
    take(store, "run 12")
    store.write(lambda session: session.release_lease("host:app1", "run 13"))
    store.write(lambda session: session.release_lease("host:nowhere", "run 13"))
    assert [lease.holder for lease in live(store)] == ["run 12"]


def test_live_leases_are_listed_oldest_first(store: Store) -> None:
    for number, name in enumerate(("incident:7", "host:app2", "deploy:shop")):
        take(store, "x", NOW + number, 30.0, name)
    assert [lease.name for lease in live(store, NOW + 29)] == ["incident:7", "host:app2", "deploy:shop"]
    assert [lease.name for lease in live(store, NOW + 31)] == ["deploy:shop"]


@pytest.mark.parametrize(("name", "holder"), [("", "run 12"), ("host:app1", "")])
def test_a_lease_without_a_name_or_a_holder_is_refused(store: Store, name: str, holder: str) -> None:
    with pytest.raises(ValueError, match="needs a name and a holder"):
        take(store, holder, name=name)


def race(stores: list[Store], rounds: int) -> list[list[Lease]]:
    """Every store asks with several threads for the same new names at once; what each of them was answered."""
    callers = 8
    barrier = threading.Barrier(callers)
    answers: list[list[Lease]] = [[] for _ in range(rounds)]

    def ask(number: int) -> None:
        for turn in range(rounds):
            barrier.wait()
            answers[turn].append(take(stores[number % len(stores)], f"caller {number}", name=f"host:{turn}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_racing_callers_exactly_one_gets_it_and_all_are_told_who(store: Store) -> None:
    for told in race([store], 20):
        assert len(told) == 8
        assert len({lease.holder for lease in told}) == 1
        assert {lease.fencing for lease in told} == {1}


def test_two_nodes_on_one_database_never_both_get_it(server: str, tmp_path: Path) -> None:
    from tests.contract.test_store import fresh_database

    url = fresh_database(server)
    nodes = [open_store(tmp_path / name, url) for name in ("a", "b")]
    try:
        for told in race(nodes, 40):
            assert len({lease.holder for lease in told}) == 1
            assert {lease.fencing for lease in told} == {1}
    finally:
        for node in nodes:
            node.close()
