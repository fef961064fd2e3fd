"""The figures of one month: what mended itself, what needed people, what did not hold, and how much time that saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from statistics import median

from watchkeeper.core.incidents.values import Ending, Incident
from watchkeeper.core.runs.results import Result

HOW_SAVED = (
    "For each incident that was fixed without a person: the median time in which people ended the same symptom (the same "
    "failing check of the same service) in the year before, less the time it took here, never below zero. Where no person "
    "ever ended it nothing is counted."
)


@dataclass(frozen=True, slots=True)
class Ended:
    """One incident as the figures see it. symptom: names of its failing checks. by_itself: no person had a hand in it."""

    incident: int
    service: str
    symptom: frozenset[str]
    opened_at: float
    closed_at: float | None
    ending: Ending | None
    escalated: bool
    reopened: bool
    by_itself: bool


@dataclass(frozen=True, slots=True)
class Month:
    """Counts of the incidents opened in a month. Shares are 0..1, None where there is nothing to divide by.

    auto_fixed: fixed and proven, no person had a hand in it. person_fixed: fixed with one. false_closures: proofs that did
    not hold for 24 h. recurred: incidents that came back. saved_s: see `how_saved`; compared: of how many it is known.
    """

    month: str
    since_at: float
    until_at: float
    incidents: int
    closed: int
    auto_fixed: int
    person_fixed: int
    recovered: int
    unproven: int
    escalated: int
    false_closures: int
    proofs: int
    recurred: int
    auto_fix_share: float | None
    escalation_share: float | None
    false_closure_share: float | None
    recurrence_share: float | None
    saved_s: float
    compared: int
    how_saved: str = HOW_SAVED
    saved_by_symptom: Mapping[str, float] = field(default_factory=dict)

    @property
    def saved_minutes(self) -> float:
        """Whole minutes, for people."""
        return round(self.saved_s / 60.0)


def bounds(month: str, zone: tzinfo) -> tuple[float, float] | None:
    """Begin and end of ``2026-10`` in a time zone, epoch seconds; None when it is no month."""
    match = re.fullmatch(r"(\d{4})-(\d\d)", month)
    if match is None or not 1 <= int(match.group(2)) <= 12 or not 1970 <= int(match.group(1)) <= 9998:
        return None
    year, number = int(match.group(1)), int(match.group(2))
    begin = datetime(year, number, 1, tzinfo=zone)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)
    return begin.timestamp(), end.timestamp()


def ended(incident: Incident, results: Iterable[Result], reopened: bool, names: Iterable[str]) -> Ended:
    """How one incident went. results: of its runs."""
    own = [each for each in results if each.incident == incident.id]
    alone = bool(own) and not any(each.person for each in own) and incident.ending is Ending.FIXED
    hands = incident.acknowledged_at is not None
    return Ended(
        incident.id, incident.service, frozenset(names), incident.opened_at, incident.closed_at, incident.ending,
        incident.escalated_at is not None, reopened, alone and not hands,
    )  # fmt: skip


def month_of(
    month: str, since: float, until: float, found: Sequence[Ended], before: Sequence[Ended], results: Sequence[Result]
) -> Month:
    """Put together. found: incidents opened within the month. before: those of the year before its end, to compare with.
    results: of runs that ended within the month."""
    auto = [each for each in found if each.by_itself]
    fixed = sum(each.ending is Ending.FIXED for each in found)
    proofs = [each for each in results if each.outcome == "proven"]
    false = sum(not each.held for each in proofs)
    escalated, recurred = sum(each.escalated for each in found), sum(each.reopened for each in found)
    saved: dict[str, float] = {}
    compared = 0
    for each in auto:
        usual = human_time(each, before)
        if usual is not None and each.closed_at is not None:
            compared += 1
            name = f"{each.service}/{'+'.join(sorted(each.symptom))}"
            saved[name] = saved.get(name, 0.0) + max(0.0, usual - (each.closed_at - each.opened_at))
    return Month(
        month=month, since_at=since, until_at=until, incidents=len(found),
        closed=sum(each.ending is not None for each in found), auto_fixed=len(auto), person_fixed=fixed - len(auto),
        recovered=sum(each.ending is Ending.ITSELF for each in found),
        unproven=sum(each.ending is Ending.UNPROVEN for each in found), escalated=escalated, false_closures=false,
        proofs=len(proofs), recurred=recurred, auto_fix_share=_share(len(auto), len(found)),
        escalation_share=_share(escalated, len(found)), false_closure_share=_share(false, len(proofs)),
        recurrence_share=_share(recurred, len(found)), saved_s=round(sum(saved.values()), 1), compared=compared,
        saved_by_symptom={name: round(value, 1) for name, value in sorted(saved.items())},
    )  # fmt: skip


def human_time(case: Ended, before: Iterable[Ended]) -> float | None:
    """The median time in which people ended the same symptom; None when they never did. What recovered by itself was
    ended by nobody."""
    took = [
        each.closed_at - each.opened_at
        for each in before
        if each.service == case.service and each.symptom & case.symptom and not each.by_itself
        and each.closed_at is not None and each.ending in (Ending.FIXED, Ending.UNPROVEN)
    ]  # fmt: skip
    return median(took) if took else None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
