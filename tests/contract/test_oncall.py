"""The contract of ladders, overrides and turns on both databases, and what services make of them there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_store import server, store
from tests.fixtures.telling import ANA, Harbour, at

from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.escalations import Ladder
from watchkeeper.core.incidents.values import Status
from watchkeeper.core.oncall.values import Override, Turn
from watchkeeper.store.writer import Store

__all__ = ["server", "store"]
NOW = 1_795_000_000.25
HOUR = 3600.0


@pytest.fixture
def harbour(store: Store, tmp_path: Path) -> Harbour:
    return Harbour(tmp_path, store)


def test_a_ladder_comes_back_as_it_was_kept_and_a_new_one_replaces_it(store: Store) -> None:
    first = Ladder(7, 0, "urgent", "P1", NOW, 1, NOW + 900)
    full = replace(first, opening=2, step=5, due_at=None, paused_at=NOW + 3, paused_why="muted", told_at=NOW + 0.5)
    for ladder in (first, full):
        store.write(lambda session, ladder=ladder: session.save_ladder(ladder))
        with store.read() as session:
            assert session.ladder(7) == ladder
            assert session.ladder(8) is None
            assert session.ladders([7, 8]) == [ladder]


def test_only_ladders_that_ask_for_something_are_looked_at(harbour: Harbour) -> None:
    due, later, done, acknowledged, muted, worse, merged, closed = (harbour.opened().id for _ in range(8))

    def work(session) -> None:
        for number, changes in (
            (due, {"due_at": harbour.now}),
            (later, {"due_at": harbour.now + 0.5}),
            (done, {"due_at": None}),
            (acknowledged, {"due_at": harbour.now + 99}),
            (muted, {"due_at": None, "paused_at": harbour.now, "paused_why": "muted"}),
            (worse, {"due_at": harbour.now + 99, "severity": "P3"}),
            (merged, {"due_at": harbour.now + 99}),
            (closed, {"due_at": harbour.now - 99}),
        ):
            session.save_ladder(replace(session.ladder(number), **changes))

    harbour.in_transaction(work)
    harbour.acknowledge(acknowledged)
    harbour.change(merged, status=Status.MERGED)
    harbour.change(closed, status=Status.CLOSED)
    with harbour.store.read() as session:
        assert sorted(session.ladders_to_look_at(harbour.now)) == sorted([due, acknowledged, muted, worse, merged])
        assert closed not in [each.incident for each in session.ladders()]
        assert session.without_ladder() == []


def test_overrides_come_back_and_those_that_ended_or_were_taken_back_are_left_out(store: Store) -> None:
    drafts = [Override(0, "primary", "ana", NOW + n, NOW + n + 10, NOW, "ben", "é") for n in range(3)]
    made = [store.write(lambda session, draft=draft: session.add_override(draft)) for draft in drafts]
    assert [each.id for each in made] == [1, 2, 3]
    gone = replace(made[1], removed_at=NOW + 1, removed_by="chi")
    store.write(lambda session: session.save_override(gone))
    with store.read() as session:
        assert session.overrides() == [made[0], made[2]]
        assert session.overrides(since=NOW + 10) == [made[2]]
        assert session.overrides(removed=True) == [made[0], gone, made[2]]
        assert session.override(2) == gone
        with pytest.raises(NotFound, match="no override 9"):
            session.override(9)
    with pytest.raises(NotFound):
        store.write(lambda session: session.save_override(replace(gone, id=9)))


def test_turns_are_one_per_schedule(store: Store) -> None:
    for turn in (Turn("b", "ana", NOW), Turn("a", "", NOW), Turn("b", "ben", NOW + 1)):
        store.write(lambda session, turn=turn: session.save_turn(turn))
    with store.read() as session:
        assert session.turns() == [Turn("a", "", NOW), Turn("b", "ben", NOW + 1)]


def test_an_incident_climbs_and_an_acknowledgement_stops_it(harbour: Harbour) -> None:
    number, other = harbour.opened().id, harbour.opened("crane").id
    harbour.acknowledge(other)
    harbour.until(harbour.now + 20 * 60, 150)
    assert [kind for kind, _ in harbour.told(number)] == ["opened", "escalated", "escalated", "escalated"]
    assert harbour.told(other) == [("opened", "sms-ana")]


def test_a_crash_before_the_commit_leaves_nothing_of_a_step(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.now += 901

    def crash(session) -> None:
        harbour.escalations._look(session, number)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        harbour.in_transaction(crash)
    assert len(harbour.told(number)) == 1
    assert [harbour.tick(), harbour.tick()] == [1, 0]
    assert len(harbour.told(number)) == 4


def test_a_hand_over_is_told_once_with_what_is_open_to_whoever_takes_over(harbour: Harbour) -> None:
    harbour.tick()
    number = harbour.opened(severity="P2").id
    harbour.now = at("2026-11-23 09:00")
    harbour.until(harbour.now + HOUR, 1200)
    told = [row for row in harbour.rows() if row.message.kind == "warning"]
    assert [row.channels[0] for row in told] == ["sms-ana"]
    assert told[0].message.title == "ana: you are on call for primary until Mon 2026-11-30 09:00 (Europe/Berlin)"
    words = f"You follow chi. One incident is open:\n{number}: P2 shop/web: exit code 1, open for"
    assert told[0].message.body.startswith(words)
    assert "On call for primary now: ana, before: chi." in harbour.events(number)


def test_an_override_counts_at_once_and_ends_by_itself(harbour: Harbour) -> None:
    harbour.tick()
    made = harbour.oncall.override(ANA, "primary", "ben", lasts_s=8 * HOUR, why="training")
    assert (made.id, made.since, made.until, made.made_by) == (1, harbour.now, harbour.now + 8 * HOUR, "ana")
    harbour.tick()
    assert harbour.told() == [("warning", "sms-ben")]
    number = harbour.opened().id
    assert harbour.told(number) == [("opened", "sms-ben")]
    assert harbour.oncall.sentence() == "On call: ben (primary) until Mon 18:00; ana (office) until Mon 17:00."
    harbour.until(harbour.now + 8 * HOUR + 60, HOUR)
    handed = [row.message.title for row in harbour.rows() if "you are on call for primary" in row.message.title]
    assert [title.partition(":")[0] for title in handed] == ["ben", "chi"]
    with harbour.store.read() as session:
        assert session.entries()[0].draft.title == "ben is on call for primary: override 1"


def test_an_override_is_taken_back_once(harbour: Harbour) -> None:
    harbour.oncall.override(ANA, "primary", "ben", "2026-11-17 09:00", "2026-11-18 09:00")
    assert [each.person for each in harbour.oncall.shifts("primary")] == ["chi", "ben", "chi", "ana", "ben"]
    harbour.oncall.remove(ANA, 1)
    assert [each.person for each in harbour.oncall.shifts("primary")] == ["chi", "ana", "ben"]
    with pytest.raises(Usage, match="taken back already"):
        harbour.oncall.remove(ANA, 1)


def test_two_people_swap_their_next_turns(harbour: Harbour) -> None:
    harbour.now = at("2026-11-14 10:00")
    one, two = harbour.oncall.swap(ANA, "primary", "chi", "ana")
    assert (one.person, one.since, one.until) == ("ana", at("2026-11-16 09:00"), at("2026-11-23 09:00"))
    assert (two.person, two.since, two.until) == ("chi", at("2026-11-23 09:00"), at("2026-11-30 09:00"))
    assert [each.person for each in harbour.oncall.shifts("primary")] == ["ben", "ana", "chi"]


@pytest.mark.parametrize(
    ("arguments", "fault", "words"),
    [
        (("primary", "ben"), Usage, "needs an end"),
        (("primary", "ben", "", "18:00", 60.0), Usage, "needs an end"),
        (("primary", "ben", "2026-11-17 09:00", "2026-11-17 08:00"), Usage, "ends before it begins"),
        (("primary", "ben", "2026-11-10 09:00", "2026-11-11 08:00"), Usage, "over already"),
        (("primary", "ben", "", "2029-01-01"), Usage, "at most a year"),
        (("primary", "ben", "soon", "18:00"), Usage, "'soon' is no time"),
        (("primry", "ben", "", "18:00"), NotFound, "no on-call schedule primry"),
        (("primary", "bem", "", "18:00"), NotFound, "no person bem"),
    ],
)
def test_wrong_overrides_are_named(
    store: Store, tmp_path: Path, arguments: tuple, fault: type[Exception], words: str
) -> None:
    harbour = Harbour(tmp_path, store)
    with pytest.raises(fault, match=words):
        harbour.oncall.override(ANA, *arguments)


def test_agents_and_viewers_change_nobodys_turn(harbour: Harbour) -> None:
    for actor in (Actor("agent", "agent"), Actor("person", "vic", "viewer")):
        with pytest.raises(Forbidden):
            harbour.oncall.override(actor, "primary", "ben", lasts_s=60.0)
        with pytest.raises(Forbidden):
            harbour.oncall.swap(actor, "primary", "ana", "ben")
        with pytest.raises(Forbidden):
            harbour.oncall.remove(actor, 1)


def test_a_schedule_that_is_asked_and_has_nobody_is_told_to_everybody_as_it_begins(harbour: Harbour) -> None:
    harbour.tick()
    harbour.now = at("2026-11-20 16:59")
    harbour.tick()
    harbour.until(at("2026-11-20 17:05"))
    told = [row.message.title for row in harbour.rows() if "office" in row.message.title]
    assert told == ["Nobody is on call for office until Mon 08:00"] * 5
    gap = harbour.oncall.gaps()[0]
    assert (gap.schedule, gap.since, gap.until) == ("office", harbour.now, at("2026-11-23 08:00"))
