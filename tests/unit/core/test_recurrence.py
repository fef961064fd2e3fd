"""Recurring windows over years in zones whose clocks change: no gap, no double, every length as it was asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.recurrence import (
    Plan,
    assert_plan,
    dates,
    local_time,
    next_occurrence,
    occurrence_key,
    occurrences,
    plan_fault,
    rule_fault,
)

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]  # the last one moves its clock by half an hour
DAY = 86_400.0


def plan(**more: object) -> Plan:
    return replace(Plan("k", "n", "window", ("shop",), "why", "ana", "Europe/Berlin", 3600.0), **more)  # type: ignore[arg-type]


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def days_of(found: list[tuple[float, float]], zone: str) -> list[date]:
    return [datetime.fromtimestamp(start, ZoneInfo(zone)).date() for start, _ in found]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("how", ["cron", "rrule"])
@pytest.mark.parametrize("clock", ["01:30", "02:00", "02:30", "03:00", "23:45", "00:10"])
def test_every_day_of_two_years_has_its_window_once(zone: str, how: str, clock: str) -> None:
    hour, minute = clock.split(":")
    daily = plan(timezone=zone, cron=f"{int(minute)} {int(hour)} * * *")
    if how == "rrule":
        daily = plan(timezone=zone, rrule="FREQ=DAILY", starts=f"2026-01-01T{clock}")
    since, until = at("2026-01-01T00:00", zone), at("2028-01-01T00:00", zone)
    found = [each for each in occurrences(daily, since, until) if each[0] >= since]
    first, last = date(2026, 1, 1), date(2027, 12, 31)
    assert days_of(found, zone) == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert all(end - start == 3600.0 for start, end in found)
    gaps = [later - start for (start, _), (later, _) in itertools.pairwise(found)]
    assert all(22.4 * 3600 <= gap <= 25.6 * 3600 for gap in gaps)
    strange = [each for each in gaps if each != DAY]
    assert len(strange) <= 8  # two around each change of the clock at most
    for start, _ in found:
        local = datetime.fromtimestamp(start, ZoneInfo(zone))
        exists = datetime(local.year, local.month, local.day, int(hour), int(minute), tzinfo=ZoneInfo(zone))
        if exists.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == exists.replace(tzinfo=None):
            assert f"{local:%H:%M}" == clock  # a time that exists is kept


def test_a_window_in_the_leap_of_spring_and_in_the_double_hour_of_autumn() -> None:
    nightly = plan(cron="30 2 * * *", lasts_s=7200.0)
    spring = occurrences(nightly, at("2026-03-29T00:00", "Europe/Berlin"), at("2026-03-30T00:00", "Europe/Berlin"))
    assert [start for start, _ in spring] == [at("2026-03-29T03:00", "Europe/Berlin")]
    autumn = occurrences(nightly, at("2026-10-25T00:00", "Europe/Berlin"), at("2026-10-26T00:00", "Europe/Berlin"))
    assert autumn == [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp(), datetime(2026, 10, 25, 2, 30, tzinfo=UTC).timestamp())
    ]
    ruled = plan(rrule="FREQ=DAILY", starts="2026-01-01T02:30")
    leapt = occurrences(ruled, at("2026-03-29T00:00", "Europe/Berlin"), at("2026-03-30T00:00", "Europe/Berlin"))
    assert [start for start, _ in leapt] == [at("2026-03-29T03:30", "Europe/Berlin")]


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    cron=st.sampled_from(
        ["30 2 * * *", "0 */6 * * *", "15 1 * * sun", "0 3 1 * *", "30 1,13 * * 1-5", "59 23 28-31 * *"]
    ),
    rule=st.sampled_from(
        ["", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=DAILY;UNTIL=20270301"]
    ),
    offset=st.floats(0, 700 * DAY),
    span=st.floats(0, 40 * DAY),
    lasts=st.floats(60.0, 5 * 3600.0),
)
def test_any_look_at_any_span_gives_the_same_times(zone, cron, rule, offset, span, lasts) -> None:  # type: ignore[no-untyped-def]
    made = plan(
        timezone=zone, cron="" if rule else cron, rrule=rule, starts="2026-01-04T02:30" if rule else "", lasts_s=lasts
    )
    begin = at("2026-01-02T00:00", zone)
    whole = occurrences(made, begin, begin + 800 * DAY)
    since, until = begin + offset, begin + offset + span
    expected = [(start, end) for start, end in whole if end > since and start < until]
    assert occurrences(made, since, until) == expected
    assert all(later > end for (_, end), (later, _) in itertools.pairwise(whole))
    following = next((each for each in whole if each[0] >= since), None)
    if following is not None:
        assert next_occurrence(made, since, 800 * DAY) == following
    for start, end in expected[:3]:
        moment = (start + end) / 2
        assert (start, end) in occurrences(made, moment, moment + 0.001)


def test_a_single_one_takes_place_once_and_excepted_days_are_left_out() -> None:
    once = plan(starts="2026-12-01T02:00")
    assert occurrences(once, 0, 9e9) == [
        (at("2026-12-01T02:00", "Europe/Berlin"), at("2026-12-01T03:00", "Europe/Berlin"))
    ]
    nightly = plan(cron="0 2 * * *", excepted=("2026-12-25",))
    found = occurrences(nightly, at("2026-12-24T00:00", "Europe/Berlin"), at("2026-12-27T00:00", "Europe/Berlin"))
    assert days_of(found, "Europe/Berlin") == [date(2026, 12, 24), date(2026, 12, 26)]


def test_nothing_begins_once_it_has_expired() -> None:
    nightly = plan(cron="0 2 * * *", expires_at=at("2026-06-02T00:00", "Europe/Berlin"))
    found = occurrences(nightly, at("2026-06-01T00:00", "Europe/Berlin"), at("2026-07-01T00:00", "Europe/Berlin"))
    assert days_of(found, "Europe/Berlin") == [date(2026, 6, 1)]
    assert next_occurrence(nightly, at("2026-06-05T00:00", "Europe/Berlin")) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (plan(cron="* * * * *", lasts_s=60.0), "begins again before"),
        (plan(cron="0 * * * *", lasts_s=3600.0), "begins again before"),
        (plan(cron="0 2 * * *", lasts_s=90_000.0), "begins again before"),
        (plan(cron="0 2 30 2 *"), "no cron expression"),
        (plan(cron="0 2 * *"), "no cron expression"),
        (plan(cron="@reboot"), "no cron expression"),
        (plan(rrule="FREQ=HOURLY", starts="2026-01-01T02:00"), "FREQ is one of"),
        (plan(rrule="FREQ=DAILY;COUNT=9", starts="2026-01-01T02:00"), "is none of"),
        (plan(rrule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", starts="2026-01-01T02:00"), "never takes place"),
        (plan(rrule="FREQ=DAILY;INTERVAL=0", starts="2026-01-01T02:00"), "whole numbers"),
        (plan(rrule="nonsense", starts="2026-01-01T02:00"), "is none of"),
        (plan(rrule="FREQ=DAILY;UNTIL=2026", starts="2026-01-01T02:00"), "UNTIL is a date"),
        (plan(rrule="FREQ=DAILY", starts=""), "no beginning"),
        (plan(), "no beginning"),
        (plan(cron="0 2 * * *", lasts_s=9 * DAY), "at most 7 days"),
    ],
)
def test_what_would_never_come_or_never_end_is_refused(made: Plan, said: str) -> None:
    with pytest.raises(Usage, match=said):
        assert_plan(made)


def test_a_rule_that_would_count_to_the_end_of_time_is_answered_soon() -> None:
    assert (
        plan_fault(plan(rrule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", starts="1970-01-01T02:00"))
        == "it never takes place"
    )
    assert occurrences(plan(rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", starts="1970-01-01T02:00"), 0, 2e9) == []


def test_the_same_time_has_the_same_key() -> None:
    nightly = plan(cron="0 2 * * *", key="watchkeeper.yaml:patches")
    (start, _), *_ = occurrences(nightly, 1.8e9, 1.8e9 + 2 * DAY)
    assert occurrence_key(nightly, start) == f"watchkeeper.yaml:patches@{int(start)}"


def test_times_and_dates_of_people() -> None:
    assert local_time("2026-12-01T02:00", "Europe/Berlin") == local_time("2026-12-01 01:00+00:00", "Asia/Tokyo")
    assert dates(["2026-12-25"]) == ("2026-12-25",)
    assert rule_fault("RRULE:FREQ=MONTHLY;BYDAY=1SU") == ""
    for wrong in ("tomorrow", "2026-13-01T00:00", ""):
        with pytest.raises(Usage):
            local_time(wrong, "UTC")
    with pytest.raises(Usage):
        dates(["25.12."])
