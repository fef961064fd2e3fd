"""The figures of a month: what counts, what it is compared with, and months in time zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from watchkeeper.core.incidents.values import Ending
from watchkeeper.core.runs.automation_month import Ended, bounds, human_time, month_of
from watchkeeper.core.runs.results import Result

NOW = 1_763_000_000.0
SINCE, UNTIL = NOW - 1000, NOW + 100_000


def case(number: int, took_s: float | None = 60.0, **more: object) -> Ended:
    closed = NOW + number + took_s if took_s is not None else None
    ending = Ending.FIXED if took_s is not None else None
    made = Ended(number, "shop", frozenset(["web"]), NOW + number, closed, ending, False, False, False)
    return replace(made, **more)  # type: ignore[arg-type]


def proof(run: int, held: bool = True) -> Result:
    return Result(run, NOW, "shop", "shop/a.md", "a.md", "d", ("web",), "proven", "auto", False, 1.0, run, held)


def test_each_figure() -> None:
    found = [
        case(1, by_itself=True), case(2, by_itself=True, symptom=frozenset(["disk"])), case(3, 600.0),
        case(4, ending=Ending.ITSELF), case(5, ending=Ending.UNPROVEN, escalated=True),
        case(6, None, escalated=True, reopened=True),
    ]  # fmt: skip
    before = [case(-9, 1800.0), case(-8, 2400.0), *found]
    month = month_of("2025-11", SINCE, UNTIL, found, before, [proof(1), proof(2, held=False), proof(3)])
    assert (month.incidents, month.closed, month.auto_fixed, month.person_fixed) == (6, 5, 2, 1)
    assert (month.recovered, month.unproven, month.escalated, month.recurred) == (1, 1, 2, 1)
    assert (month.proofs, month.false_closures) == (3, 1)
    assert (month.auto_fix_share, month.escalation_share, month.false_closure_share) == (0.3333, 0.3333, 0.3333)
    # people ended web in 1800, 2400, 600 and (unproven) 60 s: 1200 s at the middle, less the 60 s that it took by itself
    assert (month.saved_s, month.compared, month.saved_minutes) == (1140.0, 1, 19)
    assert month.saved_by_symptom == {"shop/web": 1140.0} and "median" in month.how_saved


def test_nothing_is_saved_where_nobody_ever_ended_it() -> None:
    assert (
        human_time(case(1, by_itself=True), [case(2, by_itself=True), case(3, ending=Ending.ITSELF), case(4, None)])
        is None
    )
    slow = case(1, 9000.0, by_itself=True)
    month = month_of("2025-11", SINCE, UNTIL, [slow], [slow, case(-1, 60.0)], [])
    assert (month.saved_s, month.compared) == (0.0, 1), "slower than people is not counted against the others"


def test_an_empty_month_divides_by_nothing() -> None:
    month = month_of("2025-11", SINCE, UNTIL, [], [], [])
    assert (month.auto_fix_share, month.false_closure_share, month.saved_s) == (None, None, 0.0)


def test_months_begin_at_midnight_where_the_team_is() -> None:
    since, until = bounds("2026-10", ZoneInfo("Europe/Berlin")) or (0.0, 0.0)
    assert until - since == 31 * 86_400 + 3600, "October has the hour of the clock change more"
    assert (bounds("2026-12", UTC) or (0, 0))[1] == (bounds("2027-01", UTC) or (1, 1))[0]


@pytest.mark.parametrize(
    "month", ["", "2026", "2026-13", "2026-00", "26-10", "2026-1", "9999-12", "october", "2026-10-01"]
)
def test_what_is_no_month(month: str) -> None:
    assert bounds(month, UTC) is None
