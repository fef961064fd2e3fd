"""Hours of the week: over midnight, through every change of the clocks of a year, and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core import hours as rules
from watchkeeper.core.hours import Hours

ZONES = ("Europe/Berlin", "America/New_York", "Africa/Johannesburg", "Australia/Lord_Howe")
DAY_S = 86400.0
OFFICE = Hours((0, 1, 2, 3, 4), 8 * 3600, 17 * 3600, "Europe/Berlin", frozenset({"2026-12-25"}))
NIGHT = Hours((4, 5), 22 * 3600, 6 * 3600, "Europe/Berlin")


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_office_hours_hold_from_their_first_second_to_before_their_last() -> None:
    assert not rules.is_open(OFFICE, at("2026-12-24 07:59:59"))
    assert rules.is_open(OFFICE, at("2026-12-24 08:00"))
    assert rules.is_open(OFFICE, at("2026-12-24 16:59:59"))
    assert not rules.is_open(OFFICE, at("2026-12-24 17:00"))


def test_a_holiday_is_closed_and_the_next_opening_is_after_the_weekend() -> None:
    assert not rules.is_open(OFFICE, at("2026-12-25 12:00"))
    assert rules.next_open(OFFICE, at("2026-12-24 17:00")) == at("2026-12-28 08:00")
    assert rules.next_open(OFFICE, at("2026-12-28 09:30")) == at("2026-12-28 09:30")


def test_hours_over_midnight_belong_to_the_day_they_begin_on() -> None:
    assert rules.is_open(NIGHT, at("2026-11-21 05:59"))  # Saturday morning, of Friday
    assert rules.is_open(NIGHT, at("2026-11-22 05:59"))  # Sunday morning, of Saturday
    assert not rules.is_open(NIGHT, at("2026-11-22 22:00"))
    assert not rules.is_open(NIGHT, at("2026-11-20 05:59"))


def test_a_holiday_takes_the_night_that_begins_on_it_and_leaves_the_morning_of_the_one_before() -> None:
    hours = Hours(NIGHT.days, NIGHT.opens, NIGHT.closes, NIGHT.timezone, frozenset({"2026-11-21"}))
    assert rules.is_open(hours, at("2026-11-21 03:00"))
    assert not rules.is_open(hours, at("2026-11-22 03:00"))


def test_a_night_is_an_hour_longer_when_the_clocks_go_back_and_shorter_when_they_go_forward() -> None:
    every = Hours(tuple(range(7)), 22 * 3600, 6 * 3600, "Europe/Berlin")
    for text, length in (("2026-10-24", 9), ("2026-03-28", 7), ("2026-06-10", 8)):
        start = at(f"{text} 12:00")
        assert rules.open_seconds(every, start, start + DAY_S) == length * 3600


def test_a_time_that_is_skipped_is_the_moment_of_the_skip_and_one_that_comes_twice_is_the_first() -> None:
    assert rules.moment(date(2026, 3, 29), 9000, "Europe/Berlin") == at("2026-03-29 03:00")
    twice = rules.moment(date(2026, 10, 25), 9000, "Europe/Berlin")
    assert datetime.fromtimestamp(twice, UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert rules.moment(date(2026, 10, 4), 2 * 3600 + 600, "Australia/Lord_Howe") == at(
        "2026-10-04 02:30", "Australia/Lord_Howe"
    )


def test_a_date_that_a_zone_left_out_altogether_is_one_moment() -> None:
    first, last = (rules.moment(date(2011, 12, 30), second, "Pacific/Apia") for second in (0, 86400))
    assert first == last == rules.moment(date(2011, 12, 31), 0, "Pacific/Apia")
    assert not list(rules.spans(Hours(tuple(range(7)), 3600, 7200, "Pacific/Apia"), first - 60, first + 60))


def test_hours_round_the_clock_have_no_gap_and_no_end_that_is_near() -> None:
    always = Hours(tuple(range(7)), 0, 86400, "Europe/Berlin")
    start = at("2026-01-01 00:00")
    assert list(rules.spans(always, start, start + 400 * DAY_S)) == [(start, start + 400 * DAY_S)]
    assert (rules.next_close(always, start) or 0) > start + 700 * DAY_S


def test_closed_for_ever_is_said_as_none() -> None:
    never = Hours((0,), 0, 3600, "UTC", frozenset(_mondays()))
    assert rules.next_open(never, at("2026-01-01 00:00", "UTC")) is None
    assert rules.after_open_seconds(never, at("2026-01-01 00:00", "UTC"), 60) is None


def _mondays() -> list[str]:
    return [(date(2025, 12, 22) + timedelta(weeks=week)).isoformat() for week in range(130)]


def test_business_time_passes_only_in_business_hours() -> None:
    friday = at("2026-11-20 16:00")
    assert rules.after_open_seconds(OFFICE, friday, 3600) == at("2026-11-20 17:00")
    assert rules.after_open_seconds(OFFICE, friday, 3601) == at("2026-11-23 08:00") + 1
    assert rules.after_open_seconds(OFFICE, friday, 4 * 3600) == at("2026-11-23 11:00")
    assert rules.after_open_seconds(OFFICE, at("2026-11-21 03:00"), 0) == at("2026-11-23 08:00")


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_in_each_zone_agrees_with_the_clock_on_the_wall_every_half_hour(zone: str) -> None:
    hours = Hours((0, 1, 2, 3, 4), 9 * 3600, 17 * 3600 + 1800, zone)
    moment = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    spans = list(rules.spans(hours, moment, moment + 366 * DAY_S))
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    place = 0
    for _ in range(366 * 48):
        while place < len(spans) and spans[place][1] <= moment:
            place += 1
        inside = place < len(spans) and spans[place][0] <= moment
        wall = datetime.fromtimestamp(moment, ZoneInfo(zone))
        second = wall.hour * 3600 + wall.minute * 60
        assert inside == (wall.weekday() < 5 and hours.opens <= second < hours.closes), wall
        moment += 1800


@settings(max_examples=60, deadline=None)
@given(
    days=st.sets(st.integers(0, 6), min_size=1),
    opens=st.integers(0, 95),
    length=st.integers(1, 96),
    zone=st.sampled_from(ZONES),
    start=st.integers(1_767_225_600, 1_830_000_000),
    lengths=st.lists(st.integers(1, 40 * 86400), min_size=1, max_size=4),
)
def test_open_seconds_add_up_over_any_cut_and_agree_with_is_open(
    days: set[int], opens: int, length: int, zone: str, start: int, lengths: list[int]
) -> None:
    closes = opens + length
    hours = Hours(tuple(sorted(days)), opens * 900, (closes if closes <= 96 else closes - 96) * 900, zone)
    cuts = [float(start)]
    for each in lengths:
        cuts.append(cuts[-1] + each)
    parts = [rules.open_seconds(hours, first, second) for first, second in pairwise(cuts)]
    assert sum(parts) == pytest.approx(rules.open_seconds(hours, cuts[0], cuts[-1]))
    for opened, closed in rules.spans(hours, cuts[0], cuts[-1]):
        assert rules.is_open(hours, opened) and rules.is_open(hours, closed - 0.5)
        assert rules.next_open(hours, opened) == opened
    reached = rules.after_open_seconds(hours, cuts[0], sum(parts)) if sum(parts) else None
    if reached is not None:
        assert reached <= cuts[-1]
        assert rules.open_seconds(hours, cuts[0], reached) == pytest.approx(sum(parts))


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat, sun", (5, 6)),
        ("fri-mon", (0, 4, 5, 6)),
        ("Monday", (0,)),
        ("mon,wed-thu", (0, 2, 3)),
    ],
)
def test_days_are_read(text: str, days: tuple[int, ...]) -> None:
    assert rules.parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mo", "mon-", "-fri", "mon-fri-sun", "someday", "mon;tue"])
def test_what_is_no_day_is_refused(text: str) -> None:
    assert rules.parse_days(text) is None


@pytest.mark.parametrize("text", ["8", "24:01", "12:60", "1:5", "٠٨:٠٠", "-1:00", "8:00pm", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    assert rules.parse_time(text) is None


def test_hours_in_words() -> None:
    assert rules.words(OFFICE) == "mon-fri 08:00 to 17:00 Europe/Berlin"
    assert rules.words(NIGHT) == "fri, sat 22:00 to 06:00 Europe/Berlin"
