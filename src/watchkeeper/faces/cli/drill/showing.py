"""The results of a drill for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from watchkeeper.core.times import format_duration
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.drill.played import FIGURES, Played, summary


def describe(played: Played) -> str:
    """One line about one scenario."""
    if played.skipped:
        return f"skipped: {played.why}"
    took = f" after {format_duration(played.total_s)}" if played.total_s is not None else ""
    works = "orders go through" if played.works else "orders do not go through"
    verdict = "as expected" if played.as_expected else f"EXPECTED {played.expected}"
    return f"{played.outcome}{took}, {works}: {verdict}"


def show(results: Sequence[Played]) -> str:
    """All results as a table, and with several plays the figures over them."""
    head = ("scenario", "detected", "diagnosed", "fix", "verified", "total", "incident", "entry", "works", "outcome")
    rows = [
        (
            each.scenario,
            *(_seconds(getattr(each, name)) for name in FIGURES),
            each.incident or "-",
            each.entry or "-",
            "-" if each.skipped else "yes" if each.works else "no",
            _outcome(each),
        )
        for each in results
    ]
    left_out = sum(each.skipped for each in results)
    good = sum(each.as_expected for each in results)
    lines = [render.table(rows, head), "", f"{good} of {len(results) - left_out} as expected{_skips(left_out)}."]
    if len({each.scenario for each in results}) < len(results):
        lines += ["", *summary(results)]
    return "\n".join(lines)


def _outcome(played: Played) -> str:
    if played.skipped:
        return f"skipped: {played.why}"
    return played.outcome if played.as_expected else f"{played.outcome}, expected {played.expected}"


def _skips(count: int) -> str:
    return f", {count} skipped" if count else ""


def as_json(results: Sequence[Played]) -> dict[str, Any]:
    """`{"scenarios": [...]}`."""
    return {"scenarios": [asdict(each) for each in results]}


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
