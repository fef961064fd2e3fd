"""What runs out: its order, the days it is told before, the line of the bridge, and dates in time zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.expiries import DAY_S, Expiry, begin_of, due_line, sorted_within, stage_of
from watchkeeper.core.inventory.loading import load

NOW = 1_763_000_000.0


def expiry(days: float, **more: object) -> Expiry:
    return replace(Expiry("certificate", "shop/tls", NOW + days * DAY_S, "certificate of shop/tls"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "stage"),
    [(31, None), (30, 30), (20, 30), (14, 14), (7.5, 14), (7, 7), (1.2, 7), (1, 1), (0.1, 1), (0, 0), (-50, 0)],
)
def test_the_days_before_its_end(days: float, stage: int | None) -> None:
    assert stage_of(expiry(days), NOW) == stage


def test_its_own_warning_counts() -> None:
    assert stage_of(expiry(20, warn_s=14 * DAY_S), NOW) is None
    assert stage_of(expiry(55, warn_s=60 * DAY_S), NOW) == 60
    assert stage_of(expiry(61, warn_s=60 * DAY_S), NOW) is None
    assert stage_of(expiry(0.9, warn_s=DAY_S), NOW) == 1


@given(st.lists(st.floats(-40, 90), min_size=1, max_size=60))
def test_time_that_passes_tells_each_stage_once_and_never_goes_back(days: list[float]) -> None:
    stages = [stage for left in sorted(days, reverse=True) if (stage := stage_of(expiry(left), NOW)) is not None]
    assert stages == sorted(stages, reverse=True)


def test_the_list_and_the_line() -> None:
    found = sorted_within(
        [expiry(40), expiry(3), expiry(-2), expiry(9, kind="secret", what="secret key")], NOW, 30 * DAY_S
    )
    assert [round((each.ends_at - NOW) / DAY_S) for each in found] == [-2, 3, 9]
    assert due_line(found, NOW, most=2) == (
        "Due: certificate of shop/tls ended 2 days ago; certificate of shop/tls ends in 3 days; 1 more."
    )
    assert due_line([expiry(20, warn_s=14 * DAY_S)], NOW) == ""
    full = expiry(6, kind="disk", what="/srv on app1", forecast=True)
    assert full.words(NOW) == "/srv on app1 is full in about 6 days"


def test_a_date_begins_where_the_team_is() -> None:
    assert begin_of("2026-03-29", ZoneInfo("Europe/Berlin")) == begin_of("2026-03-29", UTC) - 3600.0
    assert begin_of("0001-01-01", ZoneInfo("Asia/Tokyo")) < begin_of("9999-12-31", ZoneInfo("America/Lima"))


def test_files_say_what_runs_out() -> None:
    team = b"team: T\nexpiries:\n  - {name: domain example.org, ends: 2027-02-01, owner: ann, warn: 60d}\n"
    secrets = b"secrets:\n  key: {env: KEY, expires: 2027-03-01, owner: ben}\n"
    loaded = load({"watchkeeper.yaml": team, "secrets.yaml": secrets}, NOW)
    assert loaded.inventory is not None, loaded.mistakes
    (declared,) = loaded.inventory.team.expiries
    assert (declared.name, declared.on, declared.owner, declared.warn_s) == (
        "domain example.org",
        "2027-02-01",
        "ann",
        60 * DAY_S,
    )
    assert (loaded.inventory.secrets["key"].expires, loaded.inventory.secrets["key"].owner) == ("2027-03-01", "ben")


@pytest.mark.parametrize(
    "text",
    ["{name: a, ends: 2027-02-30}", "{name: a}", "{name: a, ends: soon}", "{name: a, ends: 2027-02-01, warn: 1h}"],
)
def test_mistakes_in_dates_are_told(text: str) -> None:
    loaded = load({"watchkeeper.yaml": f"team: T\nexpiries:\n  - {text}\n".encode()}, NOW)
    assert loaded.inventory is None and loaded.errors[0].line == 3
