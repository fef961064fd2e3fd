"""The calendar file as other programs read it: every shift, in UTC, with lines that no program has to guess at."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.oncall.calendar import calendar
from watchkeeper.core.oncall.values import Shift

NOW = 1_795_000_000.0
icalendar = pytest.importorskip("icalendar")


def shift(person: str = "ana", schedule: str = "primary", since: float = NOW, until: float = NOW + 3600) -> Shift:
    return Shift(schedule, person, since, until, "rotation" if person else "nobody")


def test_a_reader_of_the_format_finds_every_shift() -> None:
    made = [shift(), shift("", since=NOW + 3600, until=NOW + 7200)]
    text = calendar("On call: primary", "Harbour", made, NOW)
    found = icalendar.Calendar.from_ical(text)
    assert (str(found["VERSION"]), str(found["X-WR-CALNAME"])) == ("2.0", "On call: primary")
    events = found.walk("VEVENT")
    assert [str(each["SUMMARY"]) for each in events] == ["ana on call (primary)", "NOBODY on call (primary)"]
    assert [each.decoded("DTSTART") for each in events] == [
        datetime.fromtimestamp(each.since, UTC) for each in made
    ]  # fmt: skip
    assert [each.decoded("DTEND") for each in events] == [datetime.fromtimestamp(each.until, UTC) for each in made]
    assert len({str(each["UID"]) for each in events}) == 2


def test_the_same_shift_keeps_its_name_and_a_changed_one_gets_another() -> None:
    def uid(made: Shift, now: float) -> str:
        return str(icalendar.Calendar.from_ical(calendar("x", "y", [made], now)).walk("VEVENT")[0]["UID"])

    assert uid(shift(), NOW) == uid(shift(until=NOW + 9999), NOW + 86400)
    assert uid(shift(), NOW) != uid(shift("ben"), NOW)


@settings(max_examples=150, deadline=None)
@given(
    name=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200),
    team=st.text(st.characters(exclude_categories=("Cs",)), max_size=300),
    person=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=80),
)
def test_no_name_breaks_the_file_or_adds_to_it(name: str, team: str, person: str) -> None:
    text = calendar(name, team, [shift(person)], NOW)
    lines = text.split("\r\n")
    assert lines[-1] == "" and all("\n" not in line and "\r" not in line for line in lines)
    assert all(len(line.encode()) <= 75 for line in lines)
    found = icalendar.Calendar.from_ical(text)
    (event,) = found.walk("VEVENT")
    assert str(event["SUMMARY"]) == f"{person} on call (primary)"
    assert event.errors == [] and found.errors == []
