"""Values of the watch: Reading -> Verdict -> Flip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """What a check says. UNKNOWN is a state of its own: nobody could see."""

    OK = "OK"
    WARN = "WARN"
    CRIT = "CRIT"
    UNKNOWN = "UNKNOWN"

    @property
    def rank(self) -> int:
        """Order of badness for summaries: OK 0, UNKNOWN 1, WARN 2, CRIT 3."""
        return _RANKS[self]


_RANKS = {State.OK: 0, State.UNKNOWN: 1, State.WARN: 2, State.CRIT: 3}


Value = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer of one check.

    at: epoch seconds when the question was sent. latency_s: how long the answer took.
    values: what was measured, by the names that conditions use (``status``, ``value``, ``free``, ``age``, ...).
    error: one sentence when the question could not be asked; then the verdict is UNKNOWN.
    """

    check: str
    at: float
    latency_s: float
    values: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reading judged: the state and the measured number beside its rule, as one phrase."""

    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading with its verdict under one rule hash: a row of the readings store."""

    reading: Reading
    verdict: Verdict
    rule_hash: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Since when (epoch seconds) readings of one kind have come without a break; None while the newest is another kind.

    Kept only for what a check measures in time: crit and warn with a hold, good with a recovery that must last.
    """

    crit: float | None = None
    warn: float | None = None
    good: float | None = None


NO_ROWS = Rows()


@dataclass(frozen=True, slots=True)
class Settled:
    """The settled state of a check and what is needed to move it: the window of recent verdicts.

    recent: the newest verdict states, oldest first, bounded by the largest window of the check.
    good_in_row: readings in a row that count for the recovery. since: epoch seconds of the last flip.
    turns: when it fell and rose by its rules, newest last, see `flapping`. flapping_since: None while it does not flap.
    by_rules: the state by its rules alone while flapping holds another one; None when they are the same.
    """

    state: State
    since: float
    recent: tuple[State, ...] = ()
    good_in_row: int = 0
    reason: str = ""
    rows: Rows = NO_ROWS
    turns: tuple[float, ...] = ()
    flapping_since: float | None = None
    by_rules: State | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of a check's settled state: a row of its own in the flip journal.

    seq: position in the journal, 0 before it is written. values and rule: what was measured, against what.
    """

    seq: int
    check: str
    service: str
    host: str | None
    at: float
    before: State
    after: State
    reason: str
    values: Mapping[str, Value]
    rule_hash: str
    rule: str
