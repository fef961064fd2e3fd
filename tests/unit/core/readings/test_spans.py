"""Spans as people say them, and how long readings are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.readings.retention import Retention
from watchkeeper.core.readings.spans import parse_span

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("30d", "", (NOW - 30 * 86_400, NOW)),
        ("1h30m", "2026-11-01", (at("2026-10-31T21:30+00:00"), at("2026-10-31T23:00+00:00"))),
        ("2026-10-01", "2026-11-01", (at("2026-10-01T00:00+02:00"), at("2026-11-01T00:00+01:00"))),
        ("2026-11-01T08:00Z", "", (at("2026-11-01T08:00+00:00"), NOW)),
        ("2026-11-01T08:00", "2026-11-01T09:00-05:00", (at("2026-11-01T07:00+00:00"), at("2026-11-01T14:00+00:00"))),
    ],
)
def test_a_span_is_in_the_time_of_the_team(since: str, until: str, expected: tuple[float, float]) -> None:
    assert parse_span(since, until, BERLIN, NOW) == expected


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        ("tomorrow", "", "is no time"),
        ("", "", "is no time"),
        ("2026-12-01", "", "is empty"),
        ("9999-99-99", "", "is no time"),
        ("50000d", "", "longer than ten years"),
        ("30d", "x" * 5000, "is no time"),
        ("0001-01-01", "", "no time|ten years"),
    ],
)
def test_a_span_that_cannot_be_is_told(since: str, until: str, why: str) -> None:
    with pytest.raises(Usage, match=why) as caught:
        parse_span(since, until, BERLIN, NOW)
    assert len(str(caught.value)) < 200


def team(text: str) -> tuple[Retention | None, list[str]]:
    loaded = load({"watchkeeper.yaml": f"team: T\n{text}\n".encode()}, NOW)
    return loaded.inventory.team.retention if loaded.inventory else None, [each.expected for each in loaded.mistakes]


def test_retention_is_declared_once_and_has_defaults() -> None:
    assert team("timezone: UTC") == (Retention(), [])
    assert team("retention: {readings: 10d, days: 2y}") == (Retention(10 * 86_400, 90 * 86_400, 730 * 86_400), [])
    assert team("retention: {readings: 100d}")[1] == ["readings <= hours <= days"]
    assert team("retention: {readings: 2h}")[1] == ["a duration from 1d to 10y"]
    assert team("retention: {reading: 2d}")[0] is None


def test_a_window_that_never_holds_three_readings_is_a_mistake_of_the_file() -> None:
    files = {
        "watchkeeper.yaml": b"team: T\n",
        "services/shop.yaml": b"service: shop\nchecks:\n  - name: web\n    http: https://shop.example.org/\n    every: 30s\n"
        b"    crit: p95(latency, 1m) > 2s or p95(latency, 90s) > 2s\n",
    }
    (mistake,) = load(files, NOW).mistakes
    assert mistake.found == "p95(latency, 1m) in a check that is asked every 30 s"
    assert mistake.expected == "a window that holds 3 readings: 1m30s or longer"
    assert (mistake.file, mistake.line) == ("services/shop.yaml", 6)
