"""Jobs as their pings tell of them: runs, durations, schedules through a year of daylight saving in three zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.checks.heartbeats import (
    BODY_HEAD,
    BODY_TAIL,
    Job,
    Ping,
    Schedule,
    cut_body,
    judge_job,
    read,
    took,
    usual,
)
from watchkeeper.core.errors import Usage

NOW = 1_800_000_000.0
HOURLY = Schedule(every_s=3600.0, grace_s=300.0)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def ping(at: float, status: str = "success", **more: object) -> Ping:
    return Ping("shop/backup", NOW + at, status, **more)  # type: ignore[arg-type]


def judged(pings: list[Ping], schedule: Schedule = HOURLY, at: float = 0.0, seen: float = 0.0) -> dict:
    return judge_job(read(pings, schedule.limit_s), schedule, NOW + seen, NOW + at)


# ---- runs and durations ----


def test_duration_is_from_start_to_success_of_the_same_run() -> None:
    pings = [ping(0, "start", rid="a"), ping(10, "start", rid="b"), ping(30, rid="b"), ping(100, rid="a")]
    job = read(pings)
    assert job.durations_s == (20.0, 100.0)
    assert job.newest_s == 100.0 and job.running == ()
    assert took(pings) == [None, None, 20.0, 100.0]


def test_a_success_without_a_start_has_no_duration_and_never_borrows_one() -> None:
    job = read([ping(0, "start", rid="a"), ping(50), ping(60, rid="other")])
    assert job.newest_s is None and job.durations_s == ()
    assert [run.rid for run in job.running] == ["a"]


def test_the_duration_that_the_job_measured_itself_counts() -> None:
    assert read([ping(0, "start"), ping(50, duration_s=12.5)]).newest_s == 12.5
    assert read([ping(50, duration_s=-3.0)]).newest_s == 0.0


def test_a_failed_run_makes_no_usual_duration() -> None:
    assert read([ping(0, "start"), ping(500, "fail", exit_code=2)]).durations_s == ()


def test_log_begins_and_ends_nothing() -> None:
    job = read([ping(0, "start"), ping(10, "log", note="half"), ping(20)])
    assert job.newest_s == 20.0 and job.last == ping(20)
    assert judged([ping(0), ping(5, "log")], at=10)["status"] == "success"


def test_three_times_slower_than_usual_is_seen_when_it_ends_and_while_it_runs() -> None:
    pings = [each for day in range(6) for each in (ping(day * 3600, "start"), ping(day * 3600 + 60))]
    assert judged(pings, at=5 * 3600 + 61)["slowness"] == 1.0
    begun = [*pings, ping(6 * 3600, "start")]
    running = judged(begun, replace(HOURLY, longest_s=900.0), at=6 * 3600 + 200)
    assert running["slowness"] == pytest.approx(200 / 60, abs=0.01)
    assert "3.3 times as slow as usual" in str(running["problem"])
    ended = judged([*begun, ping(6 * 3600 + 240)], at=6 * 3600 + 241)
    assert (ended["slowness"], ended["usual"], ended["duration"]) == (4.0, 60.0, 240.0)


def test_nothing_is_usual_before_five_runs() -> None:
    pings = [each for day in range(5) for each in (ping(day * 100, "start"), ping(day * 100 + 10))]
    assert judged([*pings[:-2], ping(400, "start"), ping(499)], at=500)["slowness"] == 1.0
    assert usual([1.0] * 4) is None and usual([1.0] * 4 + [9.0]) == 1.0


def test_started_and_never_finished() -> None:
    schedule = Schedule(every_s=86_400.0, grace_s=600.0, longest_s=7200.0)
    pings = [ping(0), ping(86_000, "start", rid="7")]
    fine = judged(pings, schedule, at=86_000 + 7199)
    assert (fine["running"], fine["unfinished"], fine["late"]) == (True, False, False)
    late = judged(pings, schedule, at=86_000 + 7201)
    assert (late["unfinished"], late["late"]) == (True, True)
    assert "Run 7 began 2 h ago and has not ended" in str(late["problem"])


def test_grace_is_longer_while_a_run_is_under_way() -> None:
    schedule = Schedule(every_s=3600.0, grace_s=60.0, longest_s=1800.0)
    assert judged([ping(0)], schedule, at=3700)["late"] is True
    assert judged([ping(0), ping(3500, "start")], schedule, at=3700)["late"] is False
    assert judged([ping(0), ping(3500, "start")], schedule, at=3500 + 1801)["late"] is True


def test_a_lost_run_is_forgotten_only_when_a_later_one_succeeded_after_its_limit() -> None:
    lost = [ping(0, "start", rid="lost"), ping(10, "start", rid="b"), ping(20, rid="b")]
    assert [run.rid for run in read(lost, 100.0).running] == ["lost"], "b began before the limit of the lost one"
    later = [*lost, ping(150, "start", rid="c"), ping(160, rid="c")]
    assert read(later, 100.0).running == ()
    failed = [*lost, ping(150, "start", rid="c"), ping(160, "fail", rid="c")]
    assert [run.rid for run in read(failed, 100.0).running] == ["lost"]


def test_the_exit_code_is_told() -> None:
    values = judged([ping(0), ping(5, "fail", exit_code=137, note="Killed")], at=10)
    assert (values["exit_code"], values["failed"]) == (137, True)
    assert values["problem"] == "The last run ended with exit code 137: Killed."
    assert judged([ping(5, "fail")], at=10)["exit_code"] == 1
    assert judged([], at=10)["exit_code"] == 0


def test_misses_are_allowed_and_counted() -> None:
    schedule = Schedule(every_s=3600.0, grace_s=60.0, misses=2)
    for hours, late in ((1, False), (2, False), (3, True)):
        values = judged([ping(0)], schedule, at=hours * 3600 + 61)
        assert (values["missed"], values["late"]) == (hours, late)


# ---- schedules ----


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_two_o_clock_is_due_once_a_day_at_two_or_when_it_does_not_exist_just_after(zone: str) -> None:
    """Debian's cron runs a job of a skipped hour once, right after it, and one of a doubled hour once."""
    schedule = Schedule(cron="30 2 * * *", timezone=zone, grace_s=600.0)
    here = ZoneInfo(zone)
    at = datetime(2026, 1, 1, 12, tzinfo=here).timestamp()
    ends = datetime(2027, 1, 1, 12, tzinfo=here).timestamp()
    days = []
    while (at := schedule.after(at, at)) < ends:
        local = datetime.fromtimestamp(at, here)
        days.append(local.date())
        assert (local.hour, local.minute) == (2, 30) or local.utcoffset() != (local - timedelta(hours=2)).astimezone(
            UTC
        ).astimezone(here).utcoffset(), local
    assert len(days) == 365 and len(set(days)) == 365


@pytest.mark.parametrize("zone", ZONES)
def test_a_job_that_reports_each_night_through_a_year_is_never_late(zone: str) -> None:
    """Virtual clock, every 4 hours of the year; the job begins when its machine's cron does and takes 5 minutes."""
    schedule = Schedule(cron="30 2 * * *", timezone=zone, grace_s=900.0)
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    ends = now + 366 * 86_400.0
    success, following = now, schedule.after(now, now)
    while now < ends:
        now += 14_400.0
        while following + 300.0 <= now:
            success = following + 300.0
            following = schedule.after(success, now)
        values = judge_job(Job(success=Ping("a/b", success, "success")), schedule, 0.0, now)
        assert values["late"] is False, datetime.fromtimestamp(now, ZoneInfo(zone))


@pytest.mark.parametrize("zone", ZONES)
def test_a_job_that_stops_is_late_within_a_day_and_its_grace_at_any_time_of_the_year(zone: str) -> None:
    schedule = Schedule(cron="30 2 * * *", timezone=zone, grace_s=900.0)
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for day in range(366):
        success = start + day * 86_400.0
        due = schedule.after(success, success) + 900.0
        assert due - success <= 25 * 3600.0 + 900.0
        job = Job(success=Ping("a/b", success, "success"))
        assert judge_job(job, schedule, 0.0, due - 1.0)["late"] is False
        assert judge_job(job, schedule, 0.0, due + 1.0)["late"] is True


crons = st.sampled_from(["*/5 * * * *", "0 2 * * *", "15 3 * * 1", "0 0 1 * *", "30 1,13 * * *", "0 9-17 * * 1-5"])
times = st.floats(1.7e9, 1.9e9)


@settings(deadline=None)
@given(crons, st.sampled_from(ZONES), times)
def test_the_next_time_is_after_and_there_is_none_between(cron: str, zone: str, since: float) -> None:
    schedule = Schedule(cron=cron, timezone=zone)
    following = schedule.after(since, since)
    assert following > since
    assert schedule.after((since + following) / 2, since) == following
    assert schedule.times(since, since, 4) == sorted(set(schedule.times(since, since, 4)))


@settings(deadline=None)
@given(crons, times, st.floats(0, 40 * 86_400.0), st.floats(0, 7200.0), st.integers(0, 3))
def test_late_begins_at_due_and_missed_agrees(cron: str, since: float, after: float, grace: float, misses: int) -> None:
    schedule = Schedule(cron=cron, timezone="Europe/Berlin", grace_s=grace, misses=misses)
    now = since + after
    values = judge_job(Job(success=Ping("a/b", since, "success")), schedule, 0.0, now)
    due = schedule.times(since, now, misses + 1)[-1] + grace
    assert values["late"] is (now > due)
    assert (int(values["missed"]) > misses) is (now >= due)


@given(st.floats(1.0, 1e6), st.floats(0, 1e7))
def test_an_interval_is_missed_as_often_as_it_went_by(every: float, after: float) -> None:
    schedule = Schedule(every_s=every)
    missed = schedule.missed(NOW, NOW + after)
    assert abs(missed - min(100, after / every)) <= 1.0


def test_a_schedule_that_is_none_or_never_comes() -> None:
    with pytest.raises(Usage, match="needs cron or every"):
        Schedule().after(NOW, NOW)
    with pytest.raises(Usage, match="not a cron schedule"):
        Schedule(cron="soon").after(NOW, NOW)
    with pytest.raises(Usage, match="not a time zone"):
        Schedule(cron="0 2 * * *", timezone="Mars/Olympus").after(NOW, NOW)
    with pytest.raises(Usage, match="not a cron schedule"):
        Schedule(cron="0 0 30 2 *").after(NOW, NOW)


# ---- the fold as a whole ----

statuses = st.sampled_from(["success", "start", "fail", "log"])
rows = st.lists(st.tuples(statuses, st.sampled_from(["", "a", "b"]), st.integers(1, 500)), max_size=40)


@given(rows, st.sampled_from([0.0, 60.0, 600.0]))
def test_any_row_of_pings_makes_sense(given_rows: list[tuple[str, str, int]], limit_s: float) -> None:
    at, pings = 0.0, []
    for status, rid, gap in given_rows:
        at += gap
        pings.append(ping(at, status, rid=rid))
    job = read(pings, limit_s)
    assert len({run.rid for run in job.running}) == len(job.running)
    assert all(run.since <= NOW + at for run in job.running)
    assert all(each >= 0 for each in job.durations_s)
    assert job.failed == (job.ended is not None and job.ended.status == "fail")
    known = [each for each, one in zip(took(pings), pings, strict=True) if each is not None and one.status == "success"]
    assert set(job.durations_s) <= set(known)
    values = judge_job(job, Schedule(every_s=600.0, grace_s=limit_s), NOW, NOW + at + 1)
    assert values["running_s"] >= 0 and values["slowness"] > 0  # type: ignore[operator]
    assert (values["status"] == "never") == (job.last is None)


@given(st.text(max_size=3 * (BODY_HEAD + BODY_TAIL)))
def test_a_long_text_keeps_its_beginning_and_its_end(text: str) -> None:
    kept = cut_body(text)
    assert len(kept) <= BODY_HEAD + BODY_TAIL + 20
    assert kept[:BODY_HEAD] == text[:BODY_HEAD]
    assert text.endswith(kept[-BODY_TAIL:])
