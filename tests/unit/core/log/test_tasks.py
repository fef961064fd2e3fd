"""Follow-ups: which lines of an entry are to be done, until when, by whom; and what a bound check proves."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.log.due import read_due, spoken_time
from watchkeeper.core.log.tasks import bound_state, due_words, follow_ups_of, items, wants_reminder
from watchkeeper.core.log.values import Draft

ZONE = ZoneInfo("Africa/Johannesburg")
AT = datetime(2025, 12, 17, 22, 40, tzinfo=ZONE)  # a Wednesday
NOW = AT.timestamp()
HOUR, DAY = 3600.0, 86400.0


def due(text: str) -> str:
    """Local day and time of what a text says; "" when it says none."""
    found = spoken_time(text, NOW, ZONE).due_at
    return "" if found is None else f"{datetime.fromtimestamp(found, ZONE):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Monitor for 48 hours for any path-related issues", "2025-12-19 22:40"),
        ("monitor for 48 h", "2025-12-19 22:40"),
        ("48-hour watch of the disk", "2025-12-19 22:40"),
        ("Monitor DNS propagation (check in 2-4 hours)", "2025-12-18 02:40"),
        ("clean up in 2 weeks", "2025-12-31 22:40"),
        ("watch it over the next two weeks", "2025-12-31 22:40"),
        ("rotate the keys within 7 days", "2025-12-24 22:40"),
        ("delete it after 3 months", "2026-03-17 22:40"),
        ("in a month", "2026-01-17 22:40"),
        ("review on 2026-01-02", "2026-01-02 09:00"),
        ("review on 2026-01-02 at 14:30", "2026-01-02 14:30"),
        ("finish by 2026-01-02", "2026-01-02 17:00"),
        ("Review January 5", "2026-01-05 09:00"),
        ("Review 5 Jan 2026 at 2:30 pm", "2026-01-05 14:30"),
        ("2025年12月20日 確認", "2025-12-20 09:00"),
        ("check it next Monday", "2025-12-22 09:00"),
        ("done by Friday", "2025-12-19 17:00"),
        ("on Wednesday", "2025-12-24 09:00"),
        ("tomorrow at 14:00", "2025-12-18 14:00"),
        ("by end of day", "2025-12-17 23:59"),
        ("end of the month", "2025-12-31 17:00"),
        ("schedule for next week", "2025-12-22 09:00"),
        ("every 2 weeks look at it", ""),
        ("Delete the backup of 2025-12-16", ""),
        ("Remove the snapshot from 2026-01-05", ""),
        ("it failed for the last 3 days", ""),
        ("Track the first 10 real issues", ""),
        ("May fix this", ""),
        ("on Feb 30", ""),
        ("wait 99999 years", ""),
        ("", ""),
    ],
)
def test_when_people_want_something_done(text: str, expected: str) -> None:
    assert due(text) == expected


def test_only_what_lasts_is_a_time_to_stay_ok() -> None:
    assert spoken_time("monitor for 48 h", NOW, ZONE).lasts_s == 48 * HOUR
    assert spoken_time("in 48 h", NOW, ZONE).lasts_s is None
    both = spoken_time("monitor for 48 hours, review on 2026-01-02", NOW, ZONE)
    assert both.lasts_s == 48 * HOUR and both.due_at == datetime(2026, 1, 2, 9, tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("48h", "2025-12-19 22:40"), ("2 d", "2025-12-19 22:40"), ("2026-01-02", "2026-01-02 09:00"),
        ("2026-01-02T14:00", "2026-01-02 14:00"), ("2026-01-02 14:00", "2026-01-02 14:00"),
        ("2026-01-02T12:00Z", "2026-01-02 14:00"), ("monday", "2025-12-22 09:00"), ("next monday at 10:00", "2025-12-22 10:00"),
        ("2 weeks", "2025-12-31 22:40"), ("tomorrow", "2025-12-18 09:00"),
    ],
)  # fmt: skip
def test_what_a_person_gives_as_a_date(text: str, expected: str) -> None:
    found = read_due(text, NOW, ZONE)
    assert found is not None and f"{datetime.fromtimestamp(found, ZONE):%Y-%m-%d %H:%M}" == expected


def test_a_word_that_is_no_date() -> None:
    assert read_due("soon", NOW, ZONE) is None and read_due("", NOW, ZONE) is None


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.integers(0, 2**31))
def test_no_text_makes_a_date_in_the_past(text: str, at: int) -> None:
    found = spoken_time(text, float(at), ZONE)
    assert found.due_at is None or at - DAY < found.due_at <= at + 6 * 366 * DAY


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 400), st.sampled_from(["hours", "h", "days", "d", "weeks"]), st.sampled_from(["for", "in", "within"])
)
def test_every_length_is_read(count: int, unit: str, word: str) -> None:
    seconds = count * {"hours": HOUR, "h": HOUR, "days": DAY, "d": DAY, "weeks": 7 * DAY}[unit]
    found = spoken_time(f"Watch it {word} {count} {unit}, please", NOW, ZONE)
    assert found.due_at == (NOW + seconds if seconds <= 5 * 366 * DAY else None)


@settings(max_examples=100, deadline=None)
@given(st.dates(AT.date() + timedelta(days=1), AT.date() + timedelta(days=1800)))
def test_every_written_day_is_that_day(day: object) -> None:
    for text in (f"review on {day}", f"Review by {day:%d %B %Y}", f"look again {day:%B %d, %Y}"):
        found = spoken_time(text, NOW, ZONE).due_at
        assert found is not None and datetime.fromtimestamp(found, ZONE).date() == day, text


# ---- lines ---------------------------------------------------------------------------------------------------------------


def test_lines_of_a_section() -> None:
    text = (
        "- [ ] Monitor for 48 hours\n- [x] Told the desk\n* [ ] Delete the old directory: `rm -rf /x`\n"
        "  - really all of it\n    with its logs\n1. Then this:\n   - a\n   - b\n\n```\n- no task\n```\n☐ box\n✅ done\n"
    )
    assert list(items(text)) == [
        "Monitor for 48 hours", "Delete the old directory: `rm -rf /x`; really all of it with its logs",
        "Then this: a; b", "box",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["None", "none.", "N/A", "-", "", "  \n", "Nothing", "None required.", "<!-- later -->"]
)
def test_nothing_is_no_task(text: str) -> None:
    assert list(items(text)) == []


def test_paragraphs_are_tasks_where_no_list_is() -> None:
    assert list(items("Watch the disk\nuntil Friday.\n\n**Tell** the desk.")) == [
        "Watch the disk until Friday.",
        "Tell the desk.",
    ]
    assert list(items("Do: - [ ] one - [x] two - [ ] three")) == ["one", "three"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gives_bounded_lines(text: str) -> None:
    found = list(items(text))
    assert all(line and "\n" not in line and len(line) <= 500 for line in found)


def a_draft(*sections: tuple[str, str]) -> Draft:
    return Draft(NOW, "Migration", "Moved the desk", "ana", sections=sections)


def test_follow_ups_of_an_entry() -> None:
    draft = a_draft(
        ("Change", "- [ ] this is no follow-up"),
        ("Follow-up Actions", "- [ ] Monitor shop/web for 48 h (ben)\n- [ ] Delete it @Ana\n- [ ] Delete it @Ana"),
        ("Next Steps", "Write it up"),
    )
    found = follow_ups_of(draft, ZONE, ("ana", "ben"), ("shop/web@app1", "shop/web@app2", "shop/disk"))
    assert [(each.text, each.owner, each.bound_to) for each in found] == [
        ("Monitor shop/web for 48 h (ben)", "ben", "shop/web"), ("Delete it @Ana", "ana", ""), ("Write it up", "", ""),
    ]  # fmt: skip
    assert (found[0].due_at, found[0].lasts_s) == (NOW + 48 * HOUR, 48 * HOUR)
    assert len(follow_ups_of(a_draft(("Next Steps", "\n".join(f"- step {n}" for n in range(500)))), ZONE)) == 50


# ---- checks --------------------------------------------------------------------------------------------------------------


def test_what_a_bound_check_proves() -> None:
    good, bad = Settled(State.OK, NOW - HOUR), Settled(State.CRIT, NOW - 5, reason="exit code 1")
    assert bound_state("shop/web", {}, (), NOW, NOW) is None
    both = bound_state("shop/web", {"shop/web@a": good, "shop/web@b": bad}, (), NOW - DAY, NOW)
    assert both is not None and (both.state, both.ok_s, both.reason) == (State.CRIT, 0.0, "exit code 1")
    two = bound_state("shop/web", {"shop/web@a": good, "shop/web@b": Settled(State.OK, NOW - 60)}, (), NOW - DAY, NOW)
    assert two is not None and two.ok_s == 60, "the check that was OK last counts"


def test_nobody_saw_is_not_ok() -> None:
    settled = {"shop/web": Settled(State.OK, NOW - 10 * HOUR)}
    gaps = [(NOW - 20 * HOUR, NOW - 9 * HOUR), (NOW - 2 * HOUR, NOW - HOUR)]
    found = bound_state("shop/web", settled, gaps, NOW - 30 * HOUR, NOW)
    assert found is not None and found.ok_s == 8 * HOUR
    later = bound_state("shop/web", settled, gaps, NOW - 3 * HOUR, NOW)
    assert later is not None and later.ok_s == 2 * HOUR, "the time before the task does not count"


def test_a_reminder_a_day() -> None:
    task = Task(1, 0, "x", NOW, "ana", due_at=NOW)
    told = Task(1, 0, "x", NOW, "ana", due_at=NOW, reminded_at=NOW)
    assert wants_reminder(task, NOW) and not wants_reminder(task, NOW - 1)
    assert not wants_reminder(told, NOW + DAY - 1) and wants_reminder(told, NOW + DAY)
    assert not wants_reminder(Task(1, 0, "x", NOW, "ana", due_at=NOW, done_at=NOW), NOW + DAY)
    assert not wants_reminder(Task(1, 0, "x", NOW, "ana"), NOW + 100 * DAY)
    waits = Task(1, 0, "x", NOW, "ana", due_at=NOW, stays_s=60.0)
    assert not wants_reminder(waits, NOW + 59) and wants_reminder(waits, NOW + 60)
    assert due_words(task, NOW + DAY * 3) == "overdue by 3 days" and due_words(task, NOW - 7200) == "due in 2 h"
