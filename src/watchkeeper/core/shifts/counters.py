"""How a shift kept to its rules: reports, silence, evidence, signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from watchkeeper.core.shifts.values import Note, Shift


@dataclass(frozen=True, slots=True)
class Counters:
    """reports: notes written. longest_silence_s: between two of them, the beginning and the end (or now).

    with_evidence: notes that carry some. answered, failed, signed, items: of the checklist. used_s, budget_s: of it.
    in_time: whether no silence was longer than the rule.
    """

    reports: int
    longest_silence_s: float
    with_evidence: int
    items: int
    answered: int
    failed: int
    signed: bool
    used_s: float
    budget_s: float
    reminders: int
    in_time: bool


def counted(shift: Shift, notes: Sequence[Note], remind_s: float, now: float) -> Counters:
    """The counters at `now`, or at the end of the shift."""
    end = shift.ended_at if shift.ended_at is not None else now
    times = [shift.started_at, *sorted(note.at for note in notes), end]
    silence = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
    silence = max(silence, 0.0)
    return Counters(
        reports=len(notes),
        longest_silence_s=silence,
        with_evidence=sum(1 for note in notes if note.short),
        items=len(shift.items),
        answered=sum(1 for item in shift.items if item.state != "open"),
        failed=sum(1 for item in shift.items if item.state in ("failed", "missing")),
        signed=shift.signed_at is not None,
        used_s=sum(item.used_s for item in shift.items),
        budget_s=sum(item.budget_s for item in shift.items),
        reminders=shift.reminders,
        in_time=not remind_s or silence <= remind_s,
    )


def is_silent(shift: Shift, remind_s: float, now: float) -> bool:
    """Whether this shift has to be asked for a report now: once per silence as long as the rule, three times at most."""
    if shift.ended_at is not None or not remind_s:
        return False
    heard = shift.reported_at if shift.reported_at is not None else shift.started_at
    asked = shift.reminded_at if shift.reminded_at is not None and shift.reminded_at > heard else None
    if now - heard >= 4 * remind_s and asked is not None:
        return False
    return now - (asked if asked is not None else heard) >= remind_s
