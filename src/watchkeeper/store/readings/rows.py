"""From rows of either readings store to values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from watchkeeper.core.checks import Flip, Judged, Reading, Verdict
from watchkeeper.store.readings.schema import STATES, unpack_values

FLIP_COLUMNS = "seq, check_key, service, host, at, before_state, after_state, reason, vals, rule_hash, rule"
"""What `flips_of` reads, in this order."""


def flips_of(rows: Iterable[tuple[Any, ...]]) -> list[Flip]:
    """Flips from rows of FLIP_COLUMNS."""
    return [
        Flip(
            seq, check, service, host, at, STATES[before], STATES[after], reason, unpack_values(vals), rule_hash, rule
        )
        for seq, check, service, host, at, before, after, reason, vals, rule_hash, rule in rows
    ]  # fmt: skip


def readings_of(check: str, rows: Iterable[tuple[Any, ...]]) -> list[Judged]:
    """Judged readings of one check from rows of (at, latency, state, vals, error, reason, rule)."""
    return [
        Judged(Reading(check, at, latency, unpack_values(vals), error), Verdict(STATES[state], reason or ""), rule)
        for at, latency, state, vals, error, reason, rule in rows
    ]


class Latest:
    """The newest reading by check, from rows of (check, at, latency, state, reason, vals, error, rule).

    A row that is as it was the last time is not read again: between two looks most checks were not asked.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[Any, ...], Judged]] = {}

    def of(self, rows: Iterable[tuple[Any, ...]]) -> dict[str, Judged]:
        """By key of the check."""
        known, found = self._kept, dict[str, tuple[tuple[Any, ...], Judged]]()
        for row in rows:
            before = known.get(row[0])
            found[row[0]] = before if before is not None and before[0] == row else (row, _judged(*row))
        self._kept = found
        return {key: judged for key, (_row, judged) in found.items()}


def _judged(
    key: str, at: float, latency: float, state: int, reason: str, vals: str | None, error: str | None, rule: str
) -> Judged:
    return Judged(Reading(key, at, latency, unpack_values(vals), error), Verdict(STATES[state], reason), rule)
