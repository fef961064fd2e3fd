"""What came of one scenario: its figures, whether it ended as expected, and the statistics over many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchkeeper.adapters.sample.breaks import Scenario
from watchkeeper.faces.cli import render

FIGURES = ("detected_s", "diagnosed_s", "fix_started_s", "verified_s", "total_s")
REOPENED = "closed, then open again"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario, played once. Times in seconds from the break, None where not applicable.

    outcome: `closed`, `escalated`, `skipped`, or what went wrong. incident, entry: their numbers. evidence: steps that
    left some. works: whether an order, placed from outside after the end, was confirmed. why: why it was skipped.
    """

    scenario: str
    expected: str
    outcome: str
    detected_s: float | None = None
    diagnosed_s: float | None = None
    fix_started_s: float | None = None
    verified_s: float | None = None
    total_s: float | None = None
    incident: int | None = None
    entry: int | None = None
    evidence: int = 0
    works: bool = False
    why: str = ""

    @property
    def skipped(self) -> bool:
        """Not played, because this machine lacks what it needs."""
        return self.outcome == SKIPPED

    @property
    def as_expected(self) -> bool:
        """The expected outcome; closed counts only when orders go through as well."""
        return self.outcome == self.expected and (self.expected != "closed" or self.works)

    @property
    def false_closure(self) -> bool:
        """Closed, although it does not work, should not have been closed, or opened again.

        One that works, but was not put down to our fix ("recovered by itself"), is not as expected, yet not false.
        """
        wrong = not self.works or self.expected != "closed" or self.outcome == REOPENED
        return self.outcome.startswith("closed") and wrong


def skipped(scenario: Scenario, why: str) -> Played:
    """A scenario that cannot be played here."""
    return Played(scenario.name, scenario.expected, SKIPPED, why=why)


def result(scenario: Scenario, incident: Mapping[str, Any], at: float, outcome: str, works: bool) -> Played:
    """The figures of one scenario from its incident, as the API shows it. at: the break, epoch seconds."""

    def since(value: object) -> float | None:
        moment = render.parse_time(value)
        return None if moment is None or moment < at - 0.5 else round(max(moment - at, 0.0), 3)

    closed = outcome == "closed"
    proofs = [render.parse_time(check["proven_at"]) or 0.0 for check in incident["checks"]]
    end = incident["closed_at"] if closed else incident["escalated_at"]
    return Played(
        scenario=scenario.name,
        expected=scenario.expected,
        outcome=outcome,
        detected_s=since(incident["opened_at"]),
        diagnosed_s=since(incident["diagnosed_at"]),
        fix_started_s=since(incident["fix_started_at"]),
        verified_s=round(max(proofs) - at, 3) if closed and proofs else None,
        total_s=since(end),
        incident=int(incident["id"]),
        entry=incident["entry"],
        evidence=sum(1 for run in incident["runs"] for step in run["steps"] if step["evidence"]),
        works=works,
    )


def was_told(incident: Mapping[str, Any], since: float = 0.0) -> bool:
    """Whether the page of the escalation was delivered to somebody, after `since`."""
    return any(
        told["message"]["kind"] == "escalated" and (render.parse_time(told["delivered_at"]) or 0.0) > since
        for told in incident["notifications"]
    )


def tried(incident: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The runs of an incident that changed something."""
    return [run for run in incident["runs"] if run["fix_started_at"]]


# ---- over many ---------------------------------------------------------------------------------------------------


def present(values: Iterable[float | None]) -> list[float]:
    """The values that are there."""
    return [value for value in values if value is not None]


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; `values` is not empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The one-sided upper bound of a rate that was seen `events` times in `trials` (Clopper and Pearson, exact).

    The rate at which so few events would be seen with the chance 1 - confidence only; with 0 events about 3 / trials.
    """
    if trials <= 0 or events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        if _at_most(events, trials, rate) > 1.0 - confidence:
            low = rate
        else:
            high = rate
    return high


def _at_most(events: int, trials: int, rate: float) -> float:
    """The chance of at most `events` in `trials`."""
    return math.fsum(math.comb(trials, k) * rate**k * (1.0 - rate) ** (trials - k) for k in range(events + 1))


def summary(results: Sequence[Played]) -> list[str]:
    """p50 and p95 per scenario and figure, and the false closures with the bound that so many plays allow."""
    lines = []
    played = [each for each in results if not each.skipped]
    for name in dict.fromkeys(each.scenario for each in results):
        own = [each for each in played if each.scenario == name]
        words = [
            f"{figure.removesuffix('_s')} {percentile(values, 50):.1f}/{percentile(values, 95):.1f}"
            for figure in FIGURES
            if (values := present(getattr(each, figure) for each in own))
        ]
        if own:
            lines.append(f"{name}, {len(own)} times, p50/p95 in seconds: {', '.join(words)}")
        else:
            why = next(each.why for each in results if each.scenario == name)
            lines.append(f"{name}, skipped: {why}")
    false = sum(each.false_closure for each in played)
    if played:
        bound = 100.0 * upper_bound(false, len(played))
        lines.append(f"false closures: {false} of {len(played)}, so with 95 % confidence below {bound:.1f} %")
    return lines
