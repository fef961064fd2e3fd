"""Steps of a policy on a real store: on time, once, and never to nobody. Their rows on PostgreSQL: test_oncall.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.telling import TEAM, Harbour, at

from watchkeeper.core.escalations import LATE_S
from watchkeeper.core.incidents.values import Status
from watchkeeper.core.windows import Window
from watchkeeper.services.escalations import channels_for
from watchkeeper.store.writer import Store

MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "state", "")
    yield opened
    opened.close()


@pytest.fixture
def harbour(store: Store, tmp_path: Path) -> Harbour:
    return Harbour(tmp_path, store)


def test_an_opening_tells_who_is_on_call_and_each_step_follows_at_its_time(harbour: Harbour) -> None:
    number = harbour.opened().id
    assert harbour.told(number) == [("opened", "sms-chi")]  # the third week of the rotation
    harbour.until(harbour.now + 2 * HOUR)
    assert harbour.told_at(number)[1:] == [
        (900.0, "sms-ben"), (900.0, "sms-chi"), (900.0, "mail"),
        (3600.0, "sms-ana"), (3600.0, "sms-ben"), (3600.0, "sms-chi"), (3600.0, "mail"), (3600.0, "chat"),
    ]  # fmt: skip
    assert [row.message.kind for row in harbour.rows(number)[1:]] == ["escalated"] * 8
    titles = {row.message.title for row in harbour.rows(number)}
    assert "P1 shop needs you: nobody acknowledged within 15 min" in titles
    second = "Step 2 of default: ben (leads), chi (leads), mail told, nobody acknowledged within 15 min."
    assert second in harbour.events(number)
    assert not any("late" in text for text in harbour.events(number))


def test_step_two_is_told_within_five_seconds_of_its_plan(harbour: Harbour) -> None:
    opened = harbour.opened()
    harbour.until(harbour.now + 14 * MINUTE + 50)
    while not (late := [row for row in harbour.rows(opened.id) if row.message.kind == "escalated"]):
        harbour.now += 1.0  # the beat of main
        harbour.tick()
    assert 0 <= late[0].created_at - (opened.opened_at + 15 * MINUTE) < LATE_S


def test_an_acknowledgement_stops_the_steps(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.until(harbour.now + 14 * MINUTE)
    harbour.acknowledge(number)
    harbour.until(harbour.now + 3 * HOUR, 600)
    assert harbour.told(number) == [("opened", "sms-chi")]
    harbour.change(number, acknowledged_at=None, acknowledged_by=None)  # somebody gives it back
    harbour.until(harbour.now + 59, 1)
    assert len(harbour.told(number)) == 1
    harbour.until(harbour.now + 2, 1)  # one minute was left
    assert harbour.told(number)[1:] == [("escalated", "sms-ben"), ("escalated", "sms-chi"), ("escalated", "mail")]


def test_an_acknowledgement_that_ends_is_said_and_the_next_step_is_told_at_once(harbour: Harbour) -> None:
    number = harbour.opened(severity="P3").id
    assert harbour.told(number) == [("opened", "mail")]
    harbour.until(harbour.now + 10 * MINUTE)
    harbour.acknowledge(number)
    harbour.until(harbour.now + HOUR - 1)
    assert len(harbour.told(number)) == 1
    harbour.until(harbour.now + 2, 1)
    assert harbour.told(number)[1:] == [("escalated", "sms-ben")]
    assert "The acknowledgement of ana ended after 1 h: nobody has it, the steps go on." in harbour.events(number)
    with harbour.store.read() as session:
        assert session.incident(number).acknowledged_at is None
    harbour.until(harbour.now + 9 * HOUR, 600)
    assert len(harbour.told(number)) == 2  # all steps were told


def test_an_acknowledgement_again_holds_again(harbour: Harbour) -> None:
    number = harbour.opened(severity="P3").id
    harbour.acknowledge(number)
    harbour.until(harbour.now + 50 * MINUTE)
    harbour.acknowledge(number, "ben")
    harbour.until(harbour.now + 50 * MINUTE)
    assert harbour.told(number) == [("opened", "mail")]
    harbour.until(harbour.now + 11 * MINUTE)
    assert harbour.told(number)[1:] == [("escalated", "sms-ben")]


def test_a_policy_is_walked_again_for_five_hours(harbour: Harbour) -> None:
    number = harbour.opened("crane").id
    harbour.until(harbour.now + 6 * HOUR)
    expected = [(minutes * MINUTE, "sms-ana" if minutes % 60 == 0 else "sms-ben") for minutes in range(0, 300, 30)]
    assert harbour.told_at(number) == expected
    assert any(text.startswith("Step 1 of round, round 5:") for text in harbour.events(number))


def test_a_restart_at_any_moment_tells_no_step_twice_and_none_never(harbour: Harbour) -> None:
    number = harbour.opened().id
    while harbour.now < at("2026-11-16 12:00"):
        harbour.now += 100
        harbour.restart()
        harbour.tick()
        harbour.tick()
    assert [when for when, _ in harbour.told_at(number)] == [0.0, *[900.0] * 3, *[3600.0] * 5]


def test_a_crash_before_the_commit_leaves_nothing_of_the_step_and_the_next_beat_tells_it(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.now += 15 * MINUTE

    def crash(session) -> None:
        assert harbour.escalations._look(session, number) == 1
        raise RuntimeError("killed")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="killed"):
            harbour.in_transaction(crash)
        assert harbour.told(number) == [("opened", "sms-chi")]
    harbour.tick()
    harbour.tick()
    assert len(harbour.told(number)) == 4


def test_away_over_several_steps_the_current_one_is_told_and_says_which_were_late(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.now += 2 * HOUR
    harbour.restart()
    harbour.tick()
    told = [row for row in harbour.rows(number) if row.message.kind == "escalated"]
    assert [row.channels[0] for row in told] == ["sms-ana", "sms-ben", "sms-chi", "mail", "chat"]
    assert "This comes 1 h late: watchkeeper was away." in told[0].message.body
    missed = "step 2 of default (leads, mail) was due Mon 2026-11-16 10:15 (Europe/Berlin) and was not told"
    assert missed in told[0].message.body
    harbour.until(harbour.now + HOUR, 600)
    assert len(harbour.told(number)) == 6


def test_nobody_on_call_tells_everybody_and_says_so(harbour: Harbour) -> None:
    harbour.now = at("2026-11-21 03:00")  # a Saturday: the office schedule has nobody
    number = harbour.opened("desk").id
    assert sorted(harbour.told(number)) == [
        ("opened", name) for name in ("chat", "mail", "sms-ana", "sms-ben", "sms-chi")
    ]
    assert "Nobody is on call for office: everybody is told instead." in harbour.events(number)
    assert any("Nobody is on call for office until Mon 08:00" in each for each in harbour.oncall.warnings())


def test_somebody_outside_his_hours_is_spared_unless_it_is_a_p1_or_nobody_else_is_told(harbour: Harbour) -> None:
    harbour.now = at("2026-11-18 23:00")
    number = harbour.opened(severity="P2").id
    assert harbour.told(number) == [("opened", "sms-chi")]  # alone on call
    harbour.until(harbour.now + 16 * MINUTE)
    assert harbour.told(number)[1:] == [("escalated", "sms-ben"), ("escalated", "mail")]
    assert any("chi is outside the hours" in text for text in harbour.events(number))
    other = harbour.opened("batch", "P1").id
    assert harbour.told(other) == [("opened", "chat")]
    p1 = harbour.opened("shop", "P1", host="app2").id
    harbour.until(harbour.now + 16 * MINUTE)
    assert ("escalated", "sms-chi") in harbour.told(p1)


def test_the_next_business_day_is_when_the_first_step_is_told_and_not_before(harbour: Harbour) -> None:
    harbour.now = at("2026-12-24 17:30")
    number = harbour.opened(severity="P3", escalated_why="no runbook answers it").id
    assert harbour.told(number) == []
    assert "Nobody is told yet: the first step of low is due Mon 2026-12-28 08:00 (Europe/Berlin)." in harbour.events(
        number
    )
    harbour.until(at("2026-12-28 07:59"), 4 * HOUR)
    assert harbour.told(number) == []
    harbour.until(at("2026-12-28 08:00:03"), 1)
    assert harbour.told(number) == [("opened", "mail")]
    assert harbour.rows(number)[0].message.body == "shop/web: exit code 1. It needs you: no runbook answers it."
    harbour.until(at("2026-12-28 12:00:05"), 600)
    assert harbour.told(number)[1:] == [("escalated", "sms-ben")]
    harbour.close(number)
    assert [kind for kind, _ in harbour.told(number)].count("closed") >= 1


def test_what_recovers_before_its_first_step_is_told_to_nobody_at_all(harbour: Harbour) -> None:
    harbour.now = at("2026-12-24 17:30")
    number = harbour.opened(severity="P3").id
    harbour.now += HOUR
    harbour.close(number)
    harbour.until(at("2026-12-28 09:00"), HOUR)
    assert harbour.told(number) == []


def test_what_becomes_worse_begins_the_steps_of_its_new_policy(harbour: Harbour) -> None:
    harbour.now = at("2026-12-24 17:30")
    number = harbour.opened(severity="P3").id
    harbour.now += MINUTE
    harbour.change(number, severity="P1")
    harbour.tick()
    assert harbour.told(number) == [("opened", "sms-ben")]  # who has the eighth week
    harbour.until(harbour.now + 16 * MINUTE)
    assert len(harbour.told(number)) == 4
    again = harbour.opened("desk", "P3").id
    harbour.now = at("2026-12-28 10:00")
    harbour.tick()
    assert ("opened", "mail") in harbour.told(again)
    harbour.change(again, severity="P2")
    harbour.tick()
    assert harbour.rows(again)[-1].message.title == "P2 desk needs you: it is P2 now"


def test_a_silence_stops_the_clock_of_the_steps(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.until(harbour.now + 10 * MINUTE)
    start = harbour.now
    window = Window(0, "silence", ("shop",), "upgrade", "ana", start, start + HOUR, start, begun_at=start)
    kept = []
    harbour.in_transaction(lambda session: kept.append(session.add_window(window)))
    harbour.until(start + HOUR - 1)
    assert harbour.told(number) == [("opened", "sms-chi")]
    harbour.in_transaction(lambda session: session.save_window(replace(kept[0], ended_at=start + HOUR)))
    harbour.until(start + HOUR + 10, 1)
    assert len(harbour.told(number)) == 4


def test_opened_in_a_silence_begins_its_steps_when_the_silence_ends(harbour: Harbour) -> None:
    start = harbour.now
    window = Window(0, "silence", ("shop",), "upgrade", "ana", start, start + HOUR, start, begun_at=start)
    kept = []
    harbour.in_transaction(lambda session: kept.append(session.add_window(window)))
    number = harbour.opened().id
    harbour.until(start + HOUR - 1)
    assert harbour.told(number) == []
    harbour.in_transaction(lambda session: session.save_window(replace(kept[0], ended_at=start + HOUR)))
    harbour.until(start + HOUR + 5, 1)
    assert harbour.told(number) == [("opened", "sms-chi")]
    harbour.until(start + HOUR + 16 * MINUTE)
    assert len(harbour.told(number)) == 4


def test_a_merged_incident_climbs_no_further_and_goes_on_when_it_stands_alone(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.until(harbour.now + 5 * MINUTE)
    harbour.change(number, status=Status.MERGED, merged_into=99)
    harbour.tick()
    harbour.until(harbour.now + 3 * HOUR, 600)
    assert len(harbour.told(number)) == 1
    harbour.change(number, status=Status.OPEN, merged_into=None)
    harbour.tick()
    harbour.until(harbour.now + 9 * MINUTE)
    assert len(harbour.told(number)) == 1
    harbour.until(harbour.now + 2 * MINUTE)
    assert len(harbour.told(number)) == 4


def test_a_reopened_incident_climbs_from_its_first_step(harbour: Harbour) -> None:
    opened = harbour.opened()
    harbour.until(harbour.now + 20 * MINUTE)
    harbour.close(opened.id)
    before = len(harbour.told(opened.id))
    harbour.until(harbour.now + 3 * HOUR, 600)
    assert len(harbour.told(opened.id)) == before
    harbour.change(opened.id, status=Status.OPEN, reopened=1, opened_at=harbour.now, closed_at=None, ending=None)
    harbour.tick()
    harbour.tick()
    assert harbour.told(opened.id)[before:] == [("opened", "sms-chi")]
    harbour.until(harbour.now + 16 * MINUTE)
    assert len(harbour.told(opened.id)) == before + 4


def test_routes_pick_by_service_label_owner_kind_and_hours(harbour: Harbour) -> None:
    def first(service: str, severity: str = "P1", kind: str = "opened") -> tuple[str, ...]:
        with harbour.store.read() as session:
            from watchkeeper.core.incidents.values import Incident

            made = Incident(0, service, None, Status.OPEN, severity, "", harbour.now, ())  # type: ignore[arg-type]
            return channels_for(session, harbour.holder.current, made, kind, harbour.now)  # type: ignore[arg-type]

    assert first("shop")[0] == "sms-chi"
    assert first("shop", "P3")[0] == "mail"
    assert first("desk")[0] == "sms-ana"
    assert first("crane")[0] == "sms-ana"
    assert first("batch") == ("chat", "mail")
    assert first("shop", "P1", "approval")[0] == "sms-chi"
    harbour.now = at("2026-11-16 20:00")
    assert first("shop", "P1", "approval") == ("chat",)


def test_a_persons_page_goes_on_to_shared_channels_before_those_of_others(harbour: Harbour) -> None:
    number = harbour.opened("crane").id
    assert harbour.rows(number)[0].channels == ("sms-ana", "mail", "chat", "sms-ben", "sms-chi")


def test_a_team_with_a_plain_list_is_told_in_its_order_and_nothing_climbs(store: Store, tmp_path: Path) -> None:
    channels = "channels:\n  duty: {script: tools/page.sh}\n  mail: {script: tools/page.sh}\n"
    plain = f"team: Harbour\n{channels}escalation: [mail, duty]\n"
    harbour = Harbour(tmp_path, store, plain)
    number = harbour.opened().id
    harbour.until(harbour.now + 5 * HOUR, 600)
    assert [row.channels for row in harbour.rows(number)] == [("mail", "duty")]


def test_policies_that_come_while_incidents_are_open_take_them_along_without_telling_them_again(
    store: Store, tmp_path: Path
) -> None:
    plain = TEAM[: TEAM.index("escalations:")]
    harbour = Harbour(tmp_path, store, plain)
    number = harbour.opened().id
    harbour.now += HOUR
    harbour.reload(TEAM)
    harbour.tick()
    assert len(harbour.told(number)) == 1
    harbour.until(harbour.now + 16 * MINUTE)
    assert len(harbour.told(number)) == 4


def test_a_policy_that_is_renamed_goes_on_at_the_same_step(harbour: Harbour) -> None:
    number = harbour.opened("crane").id
    harbour.until(harbour.now + 10 * MINUTE)
    harbour.reload(TEAM.replace("round", "circle"))
    harbour.until(harbour.now + 25 * MINUTE)
    assert harbour.told_at(number) == [(0.0, "sms-ana"), (1800.0, "sms-ben")]


def test_a_policy_that_was_made_shorter_ends(harbour: Harbour) -> None:
    number = harbour.opened().id
    harbour.until(harbour.now + 16 * MINUTE)
    harbour.reload(TEAM.replace("    - {after: 1h, to: [everybody]}\n", ""))
    harbour.until(harbour.now + 3 * HOUR, 600)
    assert len(harbour.told(number)) == 4


def test_held_incidents_are_left_alone_until_their_cause_was_asked(harbour: Harbour) -> None:
    number = harbour.opened(held_until=harbour.now + 10).id
    assert harbour.rows(number)[0].due_at == harbour.now + 10
    harbour.until(harbour.now + 16 * MINUTE)
    assert len(harbour.told(number)) == 4


def test_the_preview_shows_each_step_with_its_time_and_people(harbour: Harbour) -> None:
    policy, steps = harbour.escalations.preview("shop", "P1", at=at("2026-12-25 03:00"))
    assert policy is not None and policy.name == "default"
    assert [(step.at - at("2026-12-25 03:00"), [way.to for way in step.found.ways]) for step in steps] == [
        (0.0, ["ben (on call primary)"]), (900.0, ["ben (leads)", "chi (leads)", "mail"]), (3600.0, ["everybody"] * 5),
    ]  # fmt: skip
