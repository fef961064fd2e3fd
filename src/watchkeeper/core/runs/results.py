"""How runs that answered incidents ended: what a runbook has proven against a symptom, and who comes first by that."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.values import Run, RunState
from watchkeeper.core.times import format_duration

Outcome = Literal["proven", "unproven", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """One run that changed something for an incident. at: its end. checks: names of the checks that failed (the symptom).

    outcome: proven by the checks, unproven (they stayed bad), or failed (a command did). person: somebody started or
    approved it. took_s: from its first changing step to its end. held: it was not reopened within 24 h.
    """

    run: int
    at: float
    service: str
    response: str
    runbook: str
    runbook_digest: str
    checks: tuple[str, ...]
    outcome: Outcome
    mode: str
    person: bool
    took_s: float
    incident: int
    held: bool = True

    @property
    def proved(self) -> bool:
        """It was proven, and that held."""
        return self.outcome == "proven" and self.held


_OUTCOMES: Mapping[RunState, Outcome] = {
    RunState.PROVEN: "proven", RunState.UNPROVEN: "unproven", RunState.FAILED: "failed",
}  # fmt: skip


def result_of(run: Run, checks: Iterable[str]) -> Result | None:
    """What is to be remembered of a run that ended; None when it changed nothing, answered nothing, or was cancelled."""
    outcome = _OUTCOMES.get(run.state)
    if outcome is None or run.incident is None or run.fix_started_at is None or run.last_change_at is None:
        return None
    ended = run.ended_at if run.ended_at is not None else run.last_change_at
    person = run.mode == "manual" or any(step.decided_by for step in run.steps)
    names = tuple(sorted(dict.fromkeys(checks)))
    return Result(
        run.id, ended, run.plan.service, run.response, run.plan.runbook, run.plan.runbook_digest, names, outcome, run.mode,
        person, round(max(0.0, ended - run.fix_started_at), 3), run.incident,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """What a runbook has shown so far. median_s: of the times it was proven, from first change to proof."""

    tried: int = 0
    proven: int = 0
    median_s: float | None = None

    @property
    def words(self) -> str:
        """``proved 7 of 9 times, median 40 s``; "" when it was never tried."""
        if not self.tried:
            return ""
        took = f", median {format_duration(self.median_s)}" if self.median_s is not None else ""
        return f"proved {self.proven} of {self.tried} time{'s' if self.tried != 1 else ''}{took}"


def record(results: Iterable[Result]) -> Record:
    """Counted over all of them."""
    found = list(results)
    took = [each.took_s for each in found if each.proved]
    return Record(len(found), len(took), round(median(took), 3) if took else None)


def records(results: Iterable[Result], symptom: Iterable[str]) -> dict[str, Record]:
    """Per runbook what it has shown against a symptom: runs for incidents with one of these failing checks."""
    wanted, of_runbook = set(symptom), {}  # type: ignore[var-annotated]
    for each in results:
        if wanted & set(each.checks):
            of_runbook.setdefault(each.runbook, []).append(each)
    return {name: record(found) for name, found in of_runbook.items()}


def promise(shown: Record | None) -> float:
    """How far its record can be trusted: the lower end of Wilson's interval, so 9 of 10 count for more than 1 of 1."""
    if shown is None or not shown.tried:
        return 0.0
    tried, share, z = shown.tried, shown.proven / shown.tried, 1.0
    middle = share + z * z / (2 * tried)
    spread = z * math.sqrt((share * (1 - share) + z * z / (4 * tried)) / tried)
    return max(0.0, (middle - spread) / (1 + z * z / tried))


def ranked(
    candidates: Sequence[Response], shown: Mapping[str, Record], aside: Iterable[str] = ()
) -> list[Response]:  # fmt: skip
    """In the order they are tried: what has proven itself by its record, then what was never tried, then what only
    failed so far, and what is set aside at the very end. Ties: the more specific first, then the order of the file."""
    put_aside = frozenset(aside)

    def key(response: Response) -> tuple[bool, int, float, int]:
        known = shown.get(response.runbook)
        level = 0 if known and known.proven else 1 if not known or not known.tried else 2
        return (response.name in put_aside, level, -promise(known) if level == 0 else 0.0, len(response.to) or 999)

    return sorted(candidates, key=key)
