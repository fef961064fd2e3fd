"""The column `recent` of a check's state: the letters of its newest verdicts, and behind them what few checks need.

``OOC`` alone is the usual case. Rows that are measured in time, turns and flapping follow as JSON after a space.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from watchkeeper.core.checks.values import NO_ROWS, Rows, Settled, State
from watchkeeper.store.readings.schema import LETTERS, NUMBERS, STATE_OF_LETTER, STATES


def text_of(settled: Settled) -> str:
    """What stands in `recent`."""
    letters = "".join(LETTERS[state] for state in settled.recent)
    more: dict[str, Any] = {}
    if settled.rows != NO_ROWS:
        more["rows"] = [settled.rows.crit, settled.rows.warn, settled.rows.good]
    if settled.turns:
        more["turns"] = [round(turn, 3) for turn in settled.turns]
    if settled.flapping_since is not None:
        more["flapping"] = settled.flapping_since
    if settled.by_rules is not None:
        more["by_rules"] = NUMBERS[settled.by_rules]
    return f"{letters} {json.dumps(more, separators=(',', ':'))}" if more else letters


def settled_of(state: int, since: float, recent: str, good_in_row: int, reason: str) -> Settled:
    """The settled state of a row."""
    letters, _, rest = recent.partition(" ")
    window = _window(letters)
    if not rest:
        return Settled(STATES[state], since, window, good_in_row, reason)
    more = json.loads(rest)
    rows, by_rules = more.get("rows"), more.get("by_rules")
    return Settled(
        STATES[state], since, window, good_in_row, reason, Rows(*rows) if rows else NO_ROWS, tuple(more.get("turns", ())),
        more.get("flapping"), STATES[by_rules] if by_rules is not None else None,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _window(letters: str) -> tuple[State, ...]:
    """Most checks have one of a few windows, which is then one and the same."""
    return tuple(STATE_OF_LETTER[letter] for letter in letters)
