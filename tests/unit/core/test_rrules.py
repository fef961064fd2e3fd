"""Rules of RFC 5545 against a library that walks them from their beginning."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from watchkeeper.core.rrules import RuleError, matching_days, parse_rule

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def days_of(text: str, first: datetime, since: date, until: date) -> list[date]:
    return list(matching_days(parse_rule(text), first, since, until))


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 5))}")
    numbered = frequency in ("MONTHLY", "YEARLY") and draw(st.booleans())
    which = st.sampled_from(["1", "2", "-1", "5"]) if numbered else st.just("")  # mixed, the library wants both at once
    day = st.tuples(which, st.sampled_from(WEEKDAYS)).map("".join)
    picked = False
    if draw(st.booleans()):
        parts.append("BYDAY=" + ",".join(draw(st.lists(day, min_size=1, max_size=3, unique=True))))
        picked = True
    if frequency != "WEEKLY" and draw(st.integers(0, 2)) == 0:
        numbers = st.sampled_from([1, 2, 13, 28, 29, 30, 31, -1, -2, -31])
        parts.append("BYMONTHDAY=" + ",".join(map(str, draw(st.lists(numbers, min_size=1, max_size=3, unique=True)))))
        picked = True
    if draw(st.integers(0, 2)) == 0:
        parts.append(
            "BYMONTH=" + ",".join(map(str, draw(st.lists(st.integers(1, 12), min_size=1, max_size=6, unique=True))))
        )
        picked = True
    # of a first week that begins in its middle the library counts positions from there; we count in the whole week
    if picked and frequency != "WEEKLY" and draw(st.integers(0, 3)) == 0:
        parts.append("BYSETPOS=" + draw(st.sampled_from(["1", "-1", "2", "1,-1"])))
    if draw(st.integers(0, 4)) == 0:
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    return ";".join(parts)


@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(text=rules(), begin=st.integers(0, 900), span=st.integers(0, 900))
def test_every_rule_has_the_days_that_a_walk_from_its_beginning_finds(text: str, begin: int, span: int) -> None:
    first = datetime(2024, 1, 29, 2, 30) + timedelta(days=begin)
    until = first.date() + timedelta(days=span)
    found = days_of(text, first, first.date(), until)
    # as many as were found: where nothing follows any more the library walks on to the year 9999
    assert [each.date() for each in islice(rrulestr(text, dtstart=first), len(found))] == found
    middle = first.date() + timedelta(days=span // 2)
    assert days_of(text, first, middle, until) == [each for each in found if each >= middle]


@pytest.mark.parametrize(
    ("text", "some"),
    [
        ("FREQ=MONTHLY;BYDAY=1SU", ["2026-02-01", "2026-03-01", "2026-04-05"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", ["2026-01-13", "2026-02-10", "2026-03-10"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", ["2026-01-11", "2026-01-25", "2026-02-08"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29", "2032-02-29"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260106", ["2026-01-05", "2026-01-06"]),
        ("FREQ=DAILY;UNTIL=20260106T010000Z", ["2026-01-05"]),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", []),
    ],
)
def test_what_teams_write(text: str, some: list[str]) -> None:
    found = days_of(text, datetime(2026, 1, 5, 2, 0), date(2026, 1, 1), date(2034, 1, 1))
    assert [each.isoformat() for each in found[: len(some)]] == some
    assert some or not found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is none of"), ("FREQ=", "is none of"), ("INTERVAL=2", "FREQ is one of"), ("FREQ=SECONDLY", "FREQ is one of"),
        ("FREQ=DAILY;COUNT=3", "is none of"),
        ("FREQ=DAILY;FREQ=DAILY", "each once"), ("FREQ=DAILY;INTERVAL=0", "whole numbers"),
        ("FREQ=DAILY;INTERVAL=99999", "whole numbers"), ("FREQ=DAILY;BYDAY=1MO", "belongs to MONTHLY"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY is made of"), ("FREQ=MONTHLY;BYDAY=99MO", "BYDAY is made of"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "does not belong to WEEKLY"), ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS needs"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "whole numbers"), ("FREQ=MONTHLY;BYMONTH=0", "whole numbers"),
        ("FREQ=WEEKLY;WKST=XX", "WKST is one of"), ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL is a date"),
        ("FREQ=DAILY;BYMONTHDAY=" + "1," * 200, "is none of"), ("FREQ=DAILY;BYDAY=MO\nX", "BYDAY is made of"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        parse_rule(text)
