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


def latest_of(rows: Iterable[tuple[Any, ...]]) -> dict[str, Judged]:
    """The newest reading by check from rows of (check, at, latency, state, reason, vals, error, rule)."""
    return {
        key: Judged(Reading(key, at, latency, unpack_values(vals), error), Verdict(STATES[state], reason), rule)
        for key, at, latency, state, reason, vals, error, rule in rows
    }
