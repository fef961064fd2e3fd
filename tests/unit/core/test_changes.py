"""Suspects: ranked by relation, kind and time; what answers an incident is none of its causes; one line for messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.changes import KINDS, Change, Relations, first_suspect, rank, relations
from watchkeeper.core.inventory.values import Inventory, Service, Team

NOW = 1_763_000_000.0
NEAR = Relations("shop", ("app1",), {"shop-db": 1, "disk": 2}, {"db1": 1, "san1": 2})


def change(number: int = 1, **more: object) -> Change:
    return replace(Change(number, NOW - 60, "configuration", "shop.env was edited", "ann", "shop", "app1"), **more)  # type: ignore[arg-type]


def inventory(*services: Service) -> Inventory:
    return Inventory("r", 0.0, Team(), {}, {each.name: each for each in services}, {}, {}, {})


def test_dependencies_are_followed_to_any_depth_and_circles_end() -> None:
    known = inventory(
        Service("shop", hosts=("app1",), depends_on=("shop-db", "mail")),
        Service("shop-db", hosts=("db1", "app1"), depends_on=("disk", "shop")),
        Service("disk", hosts=("san1",), depends_on=("shop-db",)),
        Service("mail", depends_on=("gone",)),
    )
    found = relations(known, "shop")
    assert found.needs == {"shop-db": 1, "mail": 1, "disk": 2, "gone": 2}
    assert found.hosts_of_needs == {"db1": 1, "san1": 2}, "a host of its own is nearer than that"
    assert relations(known, "", "app1") == Relations("", ("app1",))


def test_the_nearer_the_stronger() -> None:
    order = [
        change(1), change(2, service="", host="app1"), change(3, service="shop-db", host="db1"),
        change(4, service="disk", host="san1"), change(5, service="", host="db1"), change(6, service="docs", host="app1"),
        change(7, service="", host="san1"), change(8, service="docs", host="docs1"),
    ]  # fmt: skip
    ranked = rank(reversed(order), NEAR, NOW)
    assert [each.change.id for each in ranked] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [each.related for each in ranked] == [True] * 7 + [False]


def test_commits_of_the_ops_repo_are_not_about_a_host_that_cannot_be_reached() -> None:
    (suspect,) = rank([change(service="", host="", kind="commit")], Relations("", ("app1",)), NOW)
    assert not suspect.related and suspect.score < 0.15


def test_its_own_answer_is_no_cause_and_a_persons_run_is_one() -> None:
    answer, other = change(1, kind="run", incident=7), change(2, kind="run", incident=6)
    by_hand = change(3, kind="run", actor="ann", incident=None)
    assert [each.change.id for each in rank([answer, other, by_hand], NEAR, NOW, incident=7)] == [3, 2]
    assert rank([change(own=True)], NEAR, NOW) == ()


def test_what_came_later_is_the_repair() -> None:
    assert rank([change(at=NOW + 5), change(at=NOW - 86_401)], NEAR, NOW) == ()
    assert len(rank([change(at=NOW + 1.5)], NEAR, NOW)) == 1


def test_the_first_suspect_is_one_clean_line() -> None:
    nasty = change(title="a\x1b[31m\nb‮c" + "x" * 500)
    said = first_suspect(rank([nasty], NEAR, NOW))
    assert said.startswith("First suspect: a[31m b") and said.endswith(".") and len(said) < 320
    assert said.isprintable()
    assert first_suspect(rank([change(at=NOW - 240)], NEAR, NOW)) == (
        "First suspect: shop.env was edited 4 min before, same service, by ann."
    )
    assert first_suspect(rank([change(service="docs", host="docs1")], NEAR, NOW)) == ""
    assert first_suspect(()) == ""


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.floats(-10, 90_000), st.sampled_from(["shop", "shop-db", "", "x"])))
)
def test_scores_lie_between_0_and_1_and_younger_is_never_weaker(found: list[tuple[str, float, str]]) -> None:
    ranked = rank(
        [change(n, kind=kind, at=NOW - age, service=name) for n, (kind, age, name) in enumerate(found)], NEAR, NOW
    )  # type: ignore[arg-type]
    assert all(0.0 <= each.score <= 1.0 for each in ranked)
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)


@pytest.mark.parametrize("age", [0.0, 60.0, 3600.0, 40_000.0])
def test_age_halves_what_a_change_weighs(age: float) -> None:
    (old,), (young,) = rank([change(at=NOW - age)], NEAR, NOW), rank([change(at=NOW)], NEAR, NOW)
    assert old.score == pytest.approx(young.score * (0.25 + 0.75 * 0.5 ** (age / 3600)), abs=0.011)
