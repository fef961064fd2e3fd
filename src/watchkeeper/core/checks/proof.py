"""Counting proof: how many good readings in a row, asked late enough, under the right rule, far enough apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watchkeeper.core.checks.values import Judged, State

MIN_GAP_S = 1.0
_ROUNDING_S = 1e-6  # epoch seconds are floats: 1.0 s apart must not become 0.9999998 s


def count_proof(
    readings: Sequence[Judged], after: float, rule_hash: str, min_gap_s: float = MIN_GAP_S,
    good: Collection[State] = (State.OK,),
) -> int:  # fmt: skip
    """Number of good readings in a row at the end of `readings` that count as proof.

    readings: oldest first. A reading counts when it was asked (`Reading.at`) after `after`, under `rule_hash`, is good,
    and was asked at least `min_gap_s` after the one counted before it; good readings closer than that are passed over,
    they neither count nor break the row. Anything else (another verdict, another rule, asked too early) ends the row.
    """
    row: list[float] = []
    for judged in reversed(readings):
        if judged.verdict.state not in good or judged.rule_hash != rule_hash or judged.reading.at <= after:
            break
        row.append(judged.reading.at)
    count, last = 0, None
    for at in sorted(row):
        if last is None or at - last >= min_gap_s - _ROUNDING_S:
            count, last = count + 1, at
    return count
