"""Delivery by a virtual clock: what is told when, on which channel, together with what; and that nothing is ever lost."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from dataclasses import replace

import pytest
from tests.fixtures.outbox import START, Desk, channel, incident

from watchkeeper.core.delivery.folding import direction
from watchkeeper.core.incidents.values import Ending, Incident, Status
from watchkeeper.core.notifications import is_late

HOUR = 3600.0


def test_thirty_alerts_of_one_cause_are_one_message_and_one_summary() -> None:
    desk = Desk(channel("push"))
    for number in range(1, 31):
        desk.say(incident(number, f"service-{number}"), "opened")
        desk.wait(2)
    desk.wait(120)
    got = desk.receivers["push"].got
    assert [at - START for at, _ in got] == [0.0, 60.0]
    assert got[0][1].title == "P2 service-1/web: status 502" and not got[0][1].items
    assert got[1][1].title.startswith("P2 29 more since ")
    assert len(got[1][1].items) == 29 and got[1][1].body.count("\n") == 28
    assert not desk.waiting()


def test_what_is_there_at_once_is_told_at_once_in_one() -> None:
    desk = Desk(channel("push"))
    for number in range(1, 31):
        desk.say(incident(number, f"service-{number}"), "opened")
    desk.wait(5)
    assert len(desk.receivers["push"].got) == 1
    assert desk.receivers["push"].got[0][1].title.startswith("P2 30 messages since ")


def test_a_channel_that_can_update_shows_each_at_once_as_a_replacement() -> None:
    desk = Desk(channel("room", updates=True))
    for number in range(1, 6):
        desk.say(incident(number, f"service-{number}"), "opened")
        desk.wait(2)
    first, *rest = [message for _, message in desk.receivers["room"].got]
    assert first.group == first.key and not first.update
    assert all(each.update and each.group == first.key for each in rest)
    assert len({each.key for each in (first, *rest)}) == 5
    assert [len(each.items) for each in rest] == [2, 3, 4, 5]


def test_the_first_p1_of_a_cause_waits_for_nothing() -> None:
    desk = Desk(channel("push", at_most=(1, 600.0)))
    desk.say(incident(1, "shop"), "opened")
    desk.wait(3)
    desk.say(incident(2, "desk"), "opened")
    desk.wait(3)
    desk.say(incident(3, "pay", severity="P1"), "opened")
    desk.wait(0)
    got = desk.receivers["push"].got
    assert [at - START for at, _ in got] == [0.0, 6.0]
    assert got[1][1].incident == 3


def test_an_opening_that_needs_a_person_from_the_start_is_one_message() -> None:
    desk = Desk(channel("push"))
    held = incident(1, escalated_why="no runbook answers")
    desk.say(held, "opened")
    desk.say(held, "escalated", body="shop/web: status 502. Why: no runbook answers.")
    desk.wait(1)
    ((_, message),) = desk.receivers["push"].got
    assert message.kind == "escalated" and message.key.endswith("-opened")
    assert "no runbook answers" in message.body


def test_a_cause_that_was_closed_is_a_new_one_for_the_next_incident() -> None:
    desk = Desk(channel("push"))
    desk.say(incident(1, "shop"), "opened")
    desk.wait(5)
    desk.say(ended(incident(1, "shop")), "closed")
    desk.wait(5)
    desk.say(incident(2, "desk"), "opened")
    desk.wait(0)
    assert [each.kind for _, each in desk.receivers["push"].got] == ["opened", "closed", "opened"]


def ended(held):  # type: ignore[no-untyped-def]
    return replace(held, status=Status.CLOSED, ending=Ending.ITSELF)


def test_a_limit_summarises_and_drops_nothing() -> None:
    desk = Desk(channel("sms", at_most=(3, 60.0)), group_s=0.0)
    for number in range(1, 21):
        desk.say(incident(number, f"s{number}", host=f"h{number}"), "opened")
        desk.wait(1)
    desk.wait(120)
    got = desk.receivers["sms"].got
    assert [at - START for at, _ in got] == [0.0, 1.0, 2.0, 60.0]
    assert len(got[-1][1].items) == 17
    assert got[-1][1].body.startswith("Together, because sms takes 3 per 1 min.")


def test_what_does_not_fit_at_once_goes_in_the_last_place() -> None:
    desk = Desk(channel("sms", at_most=(3, 60.0)))
    for number in range(1, 21):
        desk.say(incident(number, f"s{number}", host=f"h{number}"), "opened")
    desk.wait(5)
    assert [len(each.items) for _, each in desk.receivers["sms"].got] == [0, 0, 18]


def test_the_next_channel_takes_over_and_the_dead_one_is_passed_over() -> None:
    desk = Desk(channel("push"), channel("mail"))
    desk.receivers["push"].mode = "hang"
    desk.say(incident(1, host="a"), "opened")
    desk.wait(70)
    assert len(desk.receivers["mail"].got) == 1
    desk.say(incident(2, host="b"), "opened")
    before = desk.now
    desk.wait(0)
    assert desk.receivers["mail"].got[1][0] == before, "the dead channel is not waited for a second time"
    desk.receivers["push"].mode = "accept"
    desk.now += 61
    desk.say(incident(3, host="c"), "opened")
    desk.wait(0)
    assert len(desk.receivers["push"].got) == 1, "and is tried again by one message"


def test_refused_for_good_goes_on_at_once() -> None:
    desk = Desk(channel("push"), channel("mail"))
    desk.receivers["push"].mode = "refuse"
    desk.say(incident(1), "opened")
    desk.wait(0)
    assert desk.receivers["mail"].got[0][0] == START


def test_six_hours_without_any_receiver() -> None:
    desk = Desk(channel("push"), channel("mail"))
    for each in desk.receivers.values():
        each.mode = "fail"
    held = incident(1, severity="P1")
    desk.say(held, "opened")
    desk.wait(30)
    assert all(each.failed and is_late(each, desk.now) for each in desk.waiting())
    desk.wait(HOUR)
    desk.say(ended(held), "closed")
    desk.say(incident(2, "desk", host="app2"), "opened")
    desk.wait(5 * HOUR)
    assert len(desk.store.tried) < 1500, "every minute on each channel, not more"
    desk.receivers["mail"].mode = "accept"
    back = desk.now
    desk.wait(70)
    assert not desk.waiting()
    assert all(at - back <= 61 for at, _ in desk.receivers["mail"].got)
    assert [each.kind for each in desk.receivers["mail"].items() if each.incident == 1] == ["opened", "closed"]
    assert "This happened" in desk.receivers["mail"].got[0][1].body


def test_an_up_never_overtakes_its_down_on_another_channel() -> None:
    desk = Desk(channel("push"), channel("mail"))
    desk.receivers["push"].mode = "fail"
    desk.say(incident(1), "opened")
    desk.wait(0)
    desk.receivers["push"].mode = "accept"
    desk.say(ended(incident(1)), "closed")
    desk.wait(0)
    assert not desk.receivers["push"].got and not desk.receivers["mail"].got
    desk.wait(3)
    assert [each.kind for each in desk.receivers["push"].items()] == ["opened", "closed"]


def test_step_two_does_not_wait_for_a_dead_first_channel() -> None:
    desk = Desk(channel("push"), channel("ada"))
    desk.receivers["push"].mode = "fail"
    desk.say(incident(1), "opened", channels=("push",))
    desk.wait(5)
    desk.say(incident(1), "escalated", body="nobody answered", channels=("ada",), again="step 2")
    desk.wait(0)
    assert len(desk.receivers["ada"].got) == 1


def test_the_end_is_told_where_the_beginning_was_told() -> None:
    desk = Desk(channel("push"), channel("ada"), channel("mail"))
    held = incident(1)
    desk.say(held, "opened", channels=("push", "mail"))
    desk.wait(0)
    desk.say(held, "escalated", body="nobody answered", channels=("ada", "mail"), again="step 2")
    desk.wait(0)
    desk.say(ended(held), "closed")
    desk.wait(0)
    told = {name: [each.kind for each in receiver.items()] for name, receiver in desk.receivers.items()}
    assert told == {"push": ["opened", "closed"], "ada": ["escalated", "closed"], "mail": []}


def test_a_message_that_no_channel_takes_holds_up_no_other() -> None:
    desk = Desk(channel("push"))
    desk.receivers["push"].mode = "refuse"
    desk.say(incident(1, host="a"), "opened")
    desk.wait(1)

    def picky(way, message):  # type: ignore[no-untyped-def]
        desk.receivers["push"].mode = "refuse" if message.incident == 1 else "accept"
        Desk.send(desk, way, message)

    desk.outbox._notifier = type("Picky", (), {"send": staticmethod(picky)})()  # type: ignore[assignment]
    desk.say(incident(2, host="b"), "opened")
    desk.wait(30)
    assert [each.incident for each in desk.receivers["push"].items()] == [2]
    assert [each.message.incident for each in desk.waiting()] == [1]


# ---- any order of things -------------------------------------------------------------------------------------------------

NAMES = ("push", "room", "mail")
ACTS = ("open", "open", "close", "close", "escalate", "approval", "wait", "wait", "wait")
MODES = ("accept", "accept", "fail", "refuse", "hang", "lose")


@pytest.mark.parametrize("weather", ["calm", "storm"])
@pytest.mark.parametrize("block", range(5))
def test_nothing_is_lost_and_order_is_kept_whatever_happens(weather: str, block: int) -> None:
    """Random lives of eight incidents on two hosts; in a storm receivers fail in every way and the process dies."""
    for seed in range(block * 60, block * 60 + 60):
        chance = random.Random(f"{weather} {seed}")
        limit = chance.choice([None, None, (1, 30.0), (3, 60.0)])
        group_s = chance.choice([0.0, 60.0, 60.0])
        updates = chance.random() < 0.3
        desk = Desk(
            *(channel(name, at_most=limit, updates=updates and name == "push") for name in NAMES), group_s=group_s
        )
        play(desk, chance, weather == "storm")
        for receiver in desk.receivers.values():
            receiver.mode = "accept"
        desk.wait(6 * HOUR)
        assert not desk.waiting(), (seed, [(each.id, each.message.key, each.last_error) for each in desk.waiting()])
        every = {row.message.key for row in desk.store.rows.values()}
        assert every == {item.key for receiver in desk.receivers.values() for item in receiver.items()}, seed
        in_order(desk, seed)
        one_per_minute(desk, seed)
        within_limits(desk, seed)


def play(desk: Desk, chance: random.Random, storm: bool) -> None:
    """Incidents of two hosts that open, need somebody, close and come back."""
    held: dict[int, Incident] = {}
    turns: dict[int, int] = defaultdict(int)
    acts = (*ACTS, "mode", "mode", "crash") if storm else ACTS
    for _ in range(chance.randrange(5, 80)):
        act, number = chance.choice(acts), chance.randrange(8)
        current = held.get(number)
        if act == "open" and current is None:
            severity = chance.choice(["P1", "P2", "P2"] if storm else ["P2", "P3"])
            held[number] = incident(number, f"s{number}", f"h{number % 2}", severity, reopened=turns[number])
            desk.say(held[number], "opened")
        elif act == "close" and current is not None:
            desk.say(ended(current), "closed")
            del held[number]
            turns[number] += 1
        elif act in ("escalate", "approval") and current is not None:
            kind = "escalated" if act == "escalate" else "approval"
            desk.say(current, kind, body=f"{act} at {desk.now}", channels=NAMES[chance.randrange(3) if storm else 0 :])
        elif act == "mode":
            desk.receivers[chance.choice(NAMES)].mode = chance.choice(MODES)
        elif act == "wait":
            desk.wait(chance.choice([0, 1, 2, 7, 31, 61, 400 if storm else 20]))
        elif act == "crash":  # what the process knew is gone, the rows stay
            desk.outbox = type(desk.outbox)(desk.store, desk, desk.holder, lambda: desk.now)  # type: ignore[arg-type]


def in_order(desk: Desk, seed: int) -> None:
    """Wherever it was read: of one incident no end before its beginning, no new beginning before the end before it."""
    rows = {row.message.key: row for row in desk.store.rows.values()}
    read = sorted(
        (
            (at, position, message)
            for each in desk.receivers.values()
            for position, (at, message) in enumerate(each.got)
        ),
        key=lambda each: each[0],
    )
    first: dict[str, float] = {}
    for at, _, message in read:
        for item in message.items or (message,):
            first.setdefault(item.key, at)
    for key, row in rows.items():
        for other, later in rows.items():
            if row.message.incident != later.message.incident or row.id >= later.id or "approval" in other + key:
                continue
            ways = (direction(row.message.kind), direction(later.message.kind))
            if "end" in ways and set(row.channels) & set(later.channels):
                assert first[key] <= first[other], (seed, key, other)


def one_per_minute(desk: Desk, seed: int) -> None:
    """Where nothing failed: of one cause and direction at most one message per group time and channel."""
    if not desk.team.group_s or any(not attempt.ok for attempt in desk.store.tried):
        return
    rows = {row.message.key: row for row in desk.store.rows.values()}
    last_end = {row.message.incident: row.id for row in rows.values() if row.message.kind == "closed"}
    for name, receiver in desk.receivers.items():
        if next(each for each in desk.team.channels if each.name == name).updates:
            continue
        told: dict[tuple[str, str], list[tuple[float, set[int]]]] = defaultdict(list)
        for at, message in receiver.got:
            items = message.items or (message,)
            if any(item.severity == "P1" for item in items):
                return
            for way in {direction(item.kind) for item in items} & {"alarm", "needs", "end"}:
                own = [rows[item.key] for item in items if direction(item.kind) == way]
                for cause in {row.message.cause for row in own}:
                    told[cause, way].append((at, {row.id for row in own if row.message.cause == cause}))
        for (cause, _), sent in told.items():
            for (first, rows_first), (second, rows_second) in itertools.pairwise(sent):
                by_id = desk.store.rows
                over = all(last_end.get(by_id[each].message.incident, 0) > each for each in rows_first)
                same = {by_id[each].message.incident for each in rows_first} & {
                    by_id[each].message.incident for each in rows_second
                }
                assert second - first >= desk.team.group_s or (over and not same), (seed, name, cause, first, second)


def within_limits(desk: Desk, seed: int) -> None:
    for each in desk.team.channels:
        if each.at_most is None:
            continue
        count, period = each.at_most
        heads = [row for row in desk.store.rows.values() if row.delivered_by == each.name and row.folded_into is None]
        carried = {row.folded_into for row in desk.store.rows.values() if row.message.severity == "P1"}
        free = [row for row in heads if row.message.severity == "P1" or row.id in carried]
        times = sorted(row.delivered_at for row in heads if row not in free)
        for start in times:
            assert len([at for at in times if start <= at < start + period]) <= count, (seed, each.name, times)
