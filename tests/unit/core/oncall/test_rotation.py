"""Schedules over years: no gap, no overlap, no double hand-over, overrides exactly within their span."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.hours import Hours, is_open, local, moment
from watchkeeper.core.oncall.rotation import by_person, duty, person_at, shifts
from watchkeeper.core.oncall.values import Layer, Override, Schedule

ZONES = ("Europe/Berlin", "America/New_York", "Africa/Johannesburg", "Australia/Lord_Howe")
DAY_S = 86400
WEEK_S = 7 * DAY_S
YEAR = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def weekly(
    *people: str, zone: str = "Europe/Berlin", every: int = WEEK_S, hand_over: int = 9 * 3600, **more
) -> Schedule:
    return Schedule("primary", zone, (Layer(people or ("ana", "ben", "chi"), every, "2026-01-05", hand_over),), **more)


def override(number: int, person: str, since: float, until: float, **more) -> Override:
    return Override(number, "primary", person, since, until, **more)


@pytest.mark.parametrize("zone", ZONES)
def test_a_weekly_rotation_hands_over_on_monday_at_nine_all_year_whatever_the_clocks_do(zone: str) -> None:
    start = at("2026-01-05 09:00", zone)
    found = shifts(weekly(zone=zone), (), start, start + 364 * DAY_S)
    assert [each.person for each in found] == ["ana", "ben", "chi"] * 17 + ["ana"]
    for each in found:
        wall = local(each.since, zone)
        assert (wall.weekday(), wall.hour, wall.minute) == (0, 9, 0)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("every", [12 * 3600, DAY_S, 8 * 3600, 3600])
def test_short_turns_hand_over_at_the_same_hours_of_the_day_for_a_year(zone: str, every: int) -> None:
    schedule = weekly("ana", "ben", zone=zone, every=every)
    found = shifts(schedule, (), YEAR, YEAR + 366 * DAY_S)
    assert found[0].since == YEAR and found[-1].until == YEAR + 366 * DAY_S
    for first, second in pairwise(found):
        assert first.until == second.since
        assert first.person != second.person
    usual = sum(1 for each in found[1:-1] if each.until - each.since == every)
    assert usual >= len(found) - 8  # only where the clocks change is a turn longer or shorter


def test_the_turn_over_new_year_goes_on_and_the_next_one_is_whose_it_is() -> None:
    schedule = weekly()
    eve, day = at("2026-12-31 23:59:59"), at("2027-01-01 00:00")
    assert person_at(schedule, (), eve) == person_at(schedule, (), day)
    held = duty(schedule, (), day)
    assert held.since == at("2026-12-28 09:00") and held.until == at("2027-01-04 09:00")
    weeks = round((at("2026-12-28 09:00") - at("2026-01-05 09:00")) / WEEK_S)
    assert held.person == ("ana", "ben", "chi")[weeks % 3]
    assert held.following == ("ana", "ben", "chi")[(weeks + 1) % 3]


def test_the_first_turn_begins_at_the_start_and_before_it_nobody_is_on_call() -> None:
    layer = Layer(("ana", "ben"), WEEK_S, "2026-11-02", 9 * 3600, "2026-11-04")
    schedule = Schedule("primary", "Europe/Berlin", (layer,))
    assert person_at(schedule, (), at("2026-11-04 08:59:59")) == ""
    assert person_at(schedule, (), at("2026-11-04 09:00")) == "ana"
    assert person_at(schedule, (), at("2026-11-09 09:00")) == "ben"


def test_one_person_without_an_end_has_it_for_good() -> None:
    held = duty(weekly("ana"), (), YEAR)
    assert (held.person, held.since, held.until, held.following) == ("ana", None, None, "")


def test_layers_first_one_with_somebody_counts() -> None:
    office = Hours((0, 1, 2, 3, 4), 8 * 3600, 17 * 3600, "Europe/Berlin")
    day = Layer(("ana",), WEEK_S, "2026-01-05", 0, restrict=office)
    night = Layer(("ben",), WEEK_S, "2026-01-05", 0)
    schedule = Schedule("primary", "Europe/Berlin", (day, night))
    for hour in range(24 * 21):
        moment_ = at("2026-03-20 00:00") + hour * 3600
        assert person_at(schedule, (), moment_) == ("ana" if is_open(office, moment_) else "ben")
    alone = Schedule("primary", "Europe/Berlin", (day,))
    gap = [each for each in shifts(alone, (), at("2026-11-20 12:00"), at("2026-11-23 12:00")) if not each.person]
    assert [(each.since, each.until) for each in gap] == [(at("2026-11-20 17:00"), at("2026-11-23 08:00"))]


def test_holidays_are_covered_in_turn_from_midnight_to_midnight() -> None:
    schedule = weekly("ana", holidays=("2026-12-25", "2026-12-26", "2027-01-01"), cover=("ben", "chi"))
    found = by_person(shifts(schedule, (), at("2026-12-24 12:00"), at("2027-01-02 12:00")))
    assert [(each.person, local(each.since, "Europe/Berlin").strftime("%m-%d %H:%M")) for each in found] == [
        ("ana", "12-24 12:00"), ("ben", "12-25 00:00"), ("chi", "12-26 00:00"), ("ana", "12-27 00:00"),
        ("ben", "01-01 00:00"), ("ana", "01-02 00:00"),
    ]  # fmt: skip
    assert duty(schedule, (), at("2026-12-25 10:00")).reason == "holiday"


def test_an_override_wins_within_its_span_alone_the_newest_over_older_and_command_over_file() -> None:
    start, end = at("2026-11-10 12:00"), at("2026-11-11 12:00")
    schedule = weekly("ana", overrides=(override(0, "ben", start - 3600, end),))
    made = [override(1, "chi", start, end), override(2, "dee", start + 3600, start + 7200)]
    assert person_at(schedule, made, start - 3601) == "ana"
    assert person_at(schedule, made, start - 3600) == "ben"
    assert person_at(schedule, made, start) == "chi"
    assert person_at(schedule, made, start + 3600) == "dee"
    assert person_at(schedule, made, start + 7200) == "chi"
    assert person_at(schedule, made, end) == "ana"


def test_an_override_that_was_taken_back_or_is_of_another_schedule_counts_nothing() -> None:
    gone = override(1, "chi", YEAR, YEAR + DAY_S, removed_at=YEAR)
    other = Override(2, "secondary", "dee", YEAR, YEAR + DAY_S)
    assert person_at(weekly("ana"), [gone, other], YEAR + 60) == "ana"


layers = st.builds(
    Layer,
    rotation=st.lists(st.sampled_from(["ana", "ben", "chi", "dee"]), min_size=1, max_size=4).map(tuple),
    every_s=st.sampled_from([3600, 4 * 3600, 8 * 3600, 12 * 3600, DAY_S, 2 * DAY_S, WEEK_S, 14 * DAY_S]),
    anchor=st.dates(date(2025, 1, 1), date(2026, 12, 31)).map(date.isoformat),
    hand_over=st.integers(0, 95).map(lambda quarter: quarter * 900),
    restrict=st.none()
    | st.builds(
        Hours, st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        st.integers(0, 12).map(lambda h: h * 3600),
        st.integers(13, 24).map(lambda h: h * 3600), st.sampled_from(ZONES),
    ),
)  # fmt: skip
spans = st.builds(
    lambda number, person, start, length: override(number, person, YEAR + start * 60.0, YEAR + (start + length) * 60.0),
    st.integers(1, 50), st.sampled_from(["eve", "fay"]), st.integers(0, 3 * 365 * 1440), st.integers(1, 20 * 1440),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    found=st.lists(layers, min_size=1, max_size=3).map(tuple),
    zone=st.sampled_from(ZONES),
    made=st.lists(spans, max_size=5, unique_by=lambda each: each.id),
    holidays=st.lists(st.dates(date(2026, 1, 1), date(2029, 1, 1)).map(date.isoformat), max_size=4, unique=True).map(
        sorted
    ),
    start=st.integers(0, 3 * 365 * 1440),
    length=st.integers(1, 15 * 1440),
    probes=st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=20),
)
def test_shifts_have_no_gap_no_overlap_no_double_hand_over_and_agree_with_every_moment(
    found: tuple[Layer, ...],
    zone: str,
    made: list[Override],
    holidays: list[str],
    start: int,
    length: int,
    probes: list[float],
) -> None:
    schedule = Schedule("primary", zone, found, tuple(holidays), ("hol",))
    since, until = YEAR + start * 60.0, YEAR + (start + length) * 60.0
    listed = shifts(schedule, made, since, until)
    assert listed[0].since == since and listed[-1].until == until
    for first, second in pairwise(listed):
        assert first.until == second.since
        assert (first.person, first.reason, first.override) != (second.person, second.reason, second.override)
    for first, second in pairwise(by_person(listed)):
        assert first.person != second.person
    for each in listed:
        assert each.since < each.until
    for share in probes:
        moment_ = min(since + share * (until - since), until - 0.5)
        holding = next(each for each in listed if each.since <= moment_ < each.until)
        assert holding.person == person_at(schedule, made, moment_)
        over = [each for each in made if each.since <= moment_ < each.until]
        assert (holding.reason == "override") == bool(over)
        if over:
            assert holding.person == max(over, key=lambda each: each.id).person
        elif local(moment_, zone).date().isoformat() in holidays:
            assert holding.person == "hol"


@settings(max_examples=15, deadline=None)
@given(layer=layers, zone=st.sampled_from(ZONES))
def test_ten_years_of_hand_overs_only_go_forward_and_everybody_has_his_share(layer: Layer, zone: str) -> None:
    whole = Layer(layer.rotation, max(layer.every_s, DAY_S), layer.anchor, layer.hand_over)
    schedule = Schedule("primary", zone, (whole,))
    start = moment(date.fromisoformat(whole.anchor), whole.hand_over, zone)
    turns = len(whole.rotation) * 20
    end_day = date.fromisoformat(whole.anchor) + timedelta(seconds=turns * whole.every_s)
    listed = shifts(schedule, (), start, moment(end_day, whole.hand_over, zone))
    held = dict.fromkeys(whole.rotation, 0.0)
    for each in listed:
        held[each.person] += each.until - each.since
    for person, seconds in held.items():
        mine = whole.rotation.count(person)
        assert abs(seconds - 20 * mine * whole.every_s) <= 40 * 3600


def test_a_moment_before_the_anchor_has_its_turn_too() -> None:
    schedule = weekly()
    assert person_at(schedule, (), at("2025-12-29 09:00")) == "chi"
    assert person_at(schedule, (), at("2026-01-05 08:59:59")) == "chi"
    assert person_at(schedule, (), at("2026-01-05 09:00")) == "ana"
