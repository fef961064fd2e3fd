"""The report of a month: availability against what was promised, how fast people and watchkeeper were, what it did by itself.

Pure: figures in, figures and texts out.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.core.incidents.stages import Stage
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.runs.automation_month import Month
from watchkeeper.core.times import format_duration

TIMES: Mapping[str, tuple[str, str]] = {
    "detected": ("Detected", "from the first bad reading to the flip that opened the incident"),
    "acknowledged": ("Acknowledged", "from the first bad reading until a person had it"),
    "fixed": ("Fixed", "from the first bad reading to the end of the last changing step"),
    "proven": ("Proven", "from the first bad reading until the checks had proven it"),
}
"""Stages that are told, with their words and what they measure."""
COLUMNS = (
    "service", "target", "available", "up_s", "degraded_s", "down_s", "maintenance_s", "unknown_s", "budget_s", "left_s",
    "incidents",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One service in a month. target: share (0..1) that was promised, None without a promise. incidents: opened in it.

    budget_s: how long it may be down in the whole month to keep the promise; left_s: what is left of it, below 0 when it
    was broken. Both None without a promise.
    """

    service: str
    target: float | None
    split: Availability
    budget_s: float | None
    left_s: float | None
    incidents: int

    @property
    def kept(self) -> bool | None:
        """Whether it was down for no longer than the promise of the whole month allows; None without a promise, and where
        nothing is known."""
        return None if self.left_s is None or self.split.available is None else self.left_s >= 0


@dataclass(frozen=True, slots=True)
class Took:
    """How long one stage took, seconds, over `count` incidents; None where none reached it."""

    count: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Automation:
    """Runs of the month. proposed: they waited for a person; acted: they changed something by themselves.

    proven, unproven, failed: how all runs that changed something ended. false_closures: proofs that did not hold for 24 h.
    """

    proposed: int
    acted: int
    proven: int
    unproven: int
    failed: int
    false_closures: int


@dataclass(frozen=True, slots=True)
class Report:
    """A month. since, until: epoch seconds; `until` is now while it is under way. earlier: months with something to tell."""

    month: str
    timezone: str
    since: float
    until: float
    complete: bool
    services: tuple[ServiceReport, ...]
    times: Mapping[str, Took]
    automation: Automation
    figures: Month
    by_severity: Mapping[str, int] = field(default_factory=dict)
    by_service: Mapping[str, int] = field(default_factory=dict)
    by_cause: Mapping[str, int] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()


def service_report(
    service: str, target: float | None, split: Availability, month_s: float, incidents: int
) -> ServiceReport:
    """One service. month_s: length of the whole month."""
    if target is None:
        return ServiceReport(service, None, split, None, None, incidents)
    budget_s = (1.0 - target) * month_s
    return ServiceReport(service, target, split, round(budget_s, 3), round(budget_s - split.down_s, 3), incidents)


def took(all_stages: Sequence[Sequence[Stage]]) -> dict[str, Took]:
    """Percentiles per stage of `TIMES`, by nearest rank: a figure that some incident really had."""
    found: dict[str, Took] = {}
    for name in TIMES:
        values = sorted(
            each.after_s for one in all_stages for each in one if each.name == name and each.after_s is not None
        )
        found[name] = Took(len(values), _rank(values, 0.50), _rank(values, 0.95))
    return found


def _rank(values: Sequence[float], share: float) -> float | None:
    return round(values[max(0, math.ceil(share * len(values)) - 1)], 3) if values else None


def percent(share: float | None, digits: int = 3) -> str:
    """``99.95 %``; never rounded up to 100."""
    if share is None:
        return "unknown"
    if share >= 1.0:
        return "100 %"
    step = 10**digits
    return f"{math.floor(share * 100 * step) / step:.{digits}f}".rstrip("0").rstrip(".") + " %"


def budget_words(one: ServiceReport) -> str:
    """``12 min of 43 min left``; "" without a promise."""
    if one.budget_s is None or one.left_s is None:
        return ""
    if one.left_s < 0:
        return f"{format_duration(-one.left_s)} over {format_duration(one.budget_s)}"
    return f"{format_duration(one.left_s)} of {format_duration(one.budget_s)} left"


# ---- as text -------------------------------------------------------------------------------------------------------------


def csv_of(report: Report) -> str:
    """One line per service, durations in seconds, shares 0..1."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("month", *COLUMNS))
    for each in report.services:
        split = each.split
        row = (
            each.service, each.target, split.available, split.up_s, split.degraded_s, split.down_s, split.maintenance_s,
            split.unknown_s, each.budget_s, each.left_s, each.incidents,
        )  # fmt: skip
        writer.writerow((report.month, *(_plain(one) for one in row)))
    return out.getvalue()


def _plain(value: str | float | None) -> str | float:
    return "" if value is None else value if isinstance(value, str | int) else round(value, 6)


def markdown_of(report: Report) -> str:
    """For a wiki, or for the people who pay."""
    whole = "" if report.complete else " (not over yet)"
    lines = [f"# Report of {report.month}{whole}", "", "## Availability", ""]
    lines.append("| service | target | available | error budget | down | maintenance | unknown | incidents |")
    lines.append("|---|---|---|---|---|---|---|---|")
    for each in report.services:
        split = each.split
        target = percent(each.target) if each.target is not None else ""
        cells = (
            each.service, target, percent(split.available), budget_words(each), format_duration(split.down_s),
            format_duration(split.maintenance_s), format_duration(split.unknown_s), str(each.incidents),
        )  # fmt: skip
        lines.append("| " + " | ".join(_cell(one) for one in cells) + " |")
    lines += ["", "## Response times", "", "| | incidents | median | 95 % within |", "|---|---|---|---|"]
    for name, (words, _) in TIMES.items():
        one = report.times[name]
        lines.append(f"| {words} | {one.count} | {_lasted(one.p50)} | {_lasted(one.p95)} |")
    auto = report.automation
    said = (
        f"Runs proposed: {auto.proposed}. Acted by itself: {auto.acted}. Of all that changed something: proven {auto.proven}, "
        f"not proven {auto.unproven}, failed {auto.failed}. False closures: {auto.false_closures}."
    )
    lines += ["", "## Automation", "", said, "", "## Incidents", ""]
    for title, counts in (("severity", report.by_severity), ("service", report.by_service), ("cause", report.by_cause)):
        listed = ", ".join(f"{_cell(name)} {count}" for name, count in counts.items()) or "none"
        lines.append(f"- By {title}: {listed}")
    return "\n".join([*lines, ""])


def _lasted(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(seconds)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
