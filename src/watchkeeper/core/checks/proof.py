"""Counting proof: how many good readings in a row, asked late enough, under the right rule, far enough apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from watchkeeper.core.checks.judging import measured
from watchkeeper.core.checks.values import Judged, Reading, State, Verdict
from watchkeeper.core.inventory.values import Check

MIN_GAP_S = 1.0
_ROUNDING_S = 1e-6  # epoch seconds are floats: 1.0 s apart must not become 0.9999998 s
NOT_KEPT = frozenset({"body"})
"""Names that a recovery cannot read: their values are not kept with the readings that prove it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The good readings in a row at the end. span_s: from the first of them to the newest, seconds."""

    count: int
    span_s: float

    def holds(self, check: Check) -> bool:
        """Whether it is as much as this check asks for."""
        return self.count >= check.recover and self.span_s >= check.recover_s - _ROUNDING_S


def is_good(check: Check | None, verdict: Verdict, reading: Reading) -> bool:
    """Whether a reading counts for the recovery: it is OK, and within the recover threshold where the check has one."""
    if verdict.state is not State.OK:
        return False
    return check is None or check.recover_when is None or check.recover_when.holds(measured(reading)) is True


def proof_of(
    readings: Sequence[Judged], after: float, rule_hash: str, check: Check | None = None, min_gap_s: float = MIN_GAP_S,
    answers: Collection[State] | None = None,
) -> Proof:  # fmt: skip
    """The good readings in a row at the end of `readings` that count as proof.

    readings: oldest first. A reading counts when it was asked (`Reading.at`) after `after`, under `rule_hash`, is good
    (`is_good`, or one of `answers` when these are given), and was asked at least `min_gap_s` after the one counted before
    it; good readings closer than that are passed over, they neither count nor break the row. Anything else (another
    verdict, between the thresholds, another rule, asked too early) ends the row.
    """
    row: list[float] = []
    for judged in reversed(readings):
        fine = judged.verdict.state in answers if answers else is_good(check, judged.verdict, judged.reading)
        if not fine or judged.rule_hash != rule_hash or judged.reading.at <= after:
            break
        row.append(judged.reading.at)
    row.sort()
    count, last = 0, None
    for at in row:
        if last is None or at - last >= min_gap_s - _ROUNDING_S:
            count, last = count + 1, at
    return Proof(count, row[-1] - row[0] if row else 0.0)


def count_proof(
    readings: Sequence[Judged], after: float, rule_hash: str, min_gap_s: float = MIN_GAP_S,
    good: Collection[State] = (State.OK,),
) -> int:  # fmt: skip
    """The number of good readings in a row that count as proof, without a recover threshold; see `proof_of`."""
    return proof_of(readings, after, rule_hash, None, min_gap_s, good).count
