"""The figures and texts of a month's report."""

from __future__ import annotations

from watchkeeper.core.incidents.stages import Stage
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.reports import (
    Automation,
    Report,
    Took,
    budget_words,
    csv_of,
    markdown_of,
    percent,
    service_report,
    took,
)
from watchkeeper.core.runs.automation_month import month_of

MONTH_S = 30 * 86_400.0


def split(down_s: float, known_s: float = MONTH_S) -> Availability:
    return Availability(MONTH_S, known_s - down_s, 0.0, down_s, 0.0, MONTH_S - known_s, 0.0)


def test_the_budget_is_of_the_whole_month() -> None:
    kept = service_report("shop", 0.999, split(600.0), MONTH_S, 2)
    assert (kept.budget_s, kept.left_s, kept.kept) == (2592.0, 1992.0, True)
    broken = service_report("shop", 0.999, split(2600.0), MONTH_S, 2)
    assert broken.kept is False and broken.left_s == -8.0 and budget_words(broken) == "8 s over 43 min"
    assert service_report("shop", None, split(5.0), MONTH_S, 0).kept is None
    assert service_report("shop", 0.9, split(0.0, 0.0), MONTH_S, 0).kept is None  # nobody saw anything


def test_a_share_is_never_rounded_up() -> None:
    assert percent(0.9999999) == "99.999 %" and percent(1.0) == "100 %" and percent(0.9995) == "99.95 %"
    assert percent(None) == "unknown" and percent(0.0) == "0 %"


def test_percentiles_are_figures_that_some_incident_had() -> None:
    found = took([[Stage("proven", 1.0, float(number)), Stage("fixed", None, None)] for number in range(1, 21)])
    assert found["proven"] == Took(20, 10.0, 19.0) and found["fixed"] == Took(0, None, None)


def report(service: str = "shop") -> Report:
    figures = month_of("2026-10", 0.0, MONTH_S, [], [], [])
    return Report(
        "2026-10", "UTC", 0.0, MONTH_S, True, (service_report(service, 0.999, split(600.0), MONTH_S, 2),), took([]),
        Automation(3, 2, 1, 0, 1, 1), figures, {"P1": 2}, {service: 2}, {"http|x": 2}, ("2026-09",),
    )  # fmt: skip


def test_as_csv_and_markdown() -> None:
    assert csv_of(report()).splitlines()[1].startswith("2026-10,shop,0.999,0.999769,")
    text = markdown_of(report())
    assert "| shop | 99.9 % | 99.976 % | 33 min of 43 min left | 10 min |" in text
    assert "http\\|x 2" in text and "False closures: 1." in text
