"""Folding: raw readings of an hour that is over become one blob, its roll-up, and a part of the day's roll-up.

The same for SQLite and PostgreSQL, see `Dialect`. A check and hour is folded in one transaction, and what it takes is what it
deletes: whatever happens in between, each reading is counted once. Late readings are folded into what is there.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from watchkeeper.core.readings.folding import pack_samples, unpack_samples
from watchkeeper.core.readings.retention import Retention
from watchkeeper.core.readings.rollup import (
    DAY_S,
    HOUR_S,
    Rollup,
    Sample,
    merged_rollups,
    moved,
    pack_rollup,
    rollup_of,
    unpack_rollup,
    with_seconds,
)
from watchkeeper.store.readings.schema import unpack_values

log = logging.getLogger(__name__)

LAG_S = 900.0
"""How long after its end an hour is left alone: what is asked now may still be written into it."""
PAUSE_S, STEADY_S = 300.0, 3600.0
"""How long folding rests after a round that found nothing due."""
PRUNE_S = 3600.0
"""How often it is looked for what is past its time."""
_LOOKED_AT = 64
"""Checks that one slice looks at, at most."""
_MOST_SAMPLES = 5_000
"""Readings that one fold takes at most; the rest of an hour of a very quick check comes with the next slice."""


class Executing(Protocol):
    """A connection of sqlite3 or psycopg within a transaction."""

    def execute(self, query: Any, params: Any = ..., /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between the databases: the schema before a table's name, the sign of a value, a row's own number."""

    prefix: str
    mark: str
    row: str

    def __call__(self, query: str) -> str:
        """A statement, from one with ``{w}`` before tables, ``{row}`` for the row's number and ``?`` for values."""
        return query.replace("{w}", self.prefix).replace("{row}", self.row).replace("?", self.mark)


SQLITE = Dialect("", "?", "rowid")
POSTGRESQL = Dialect("watch.", "%s", "id")

# One look at the index for each check: `distinct` would read all of it.
_CHECKS = """
with recursive c(id) as (
  select min(check_id) from {w}%(table)s
  union all select (select min(check_id) from {w}%(table)s where check_id > c.id) from c where c.id is not null
) select id from c where id is not null
"""
_TAKE = """
delete from {w}reading where {row} in (
  select {row} from {w}reading where check_id = ? and at >= ? and at < ? order by at limit ?
) returning at, latency, state, rule_id, vals, error, reason
"""


class Pace:
    """Folding beside writing: a few milliseconds now and then, and after a failure not for a minute."""

    EVERY_S, AT_ONCE_S, AFTER_FAILURE_S = 0.1, 0.003, 60.0

    def __init__(self) -> None:
        self._not_before = self._began = 0.0
        self._steady: tuple[float, float] | None = None
        self.fault = ""

    def now_and_then(self, folder: Folder, now: float, fold: Callable[[], object]) -> None:
        """Fold a slice when one is due. What fails is told once in the log and tried again: readings stay as they are."""
        self._began = time.monotonic()
        if self._began < self._not_before or not folder.due(now):
            return
        try:
            fold()
            self.fault = ""
        except Exception as error:  # the group is written; folding it has time
            if str(error) != self.fault:
                log.exception("readings of %s cannot be folded, it is tried again", folder.at_work)
            self.fault = str(error)
            folder.skip()
            self._not_before = self._began + self.AFTER_FAILURE_S
            return
        self._not_before = time.monotonic() + self.EVERY_S

    def may_prune(self, now: float) -> bool:
        """Whether the clock can be believed: it has gone as the machine's own for an hour.

        A clock that is years ahead for some minutes after a start must not delete years of readings.
        """
        mono = time.monotonic()
        if self._steady is None or abs(now - self._steady[0] - (mono - self._steady[1])) > STEADY_S / 2:
            self._steady = (now, mono)
        return mono - self._steady[1] > STEADY_S

    def enough(self) -> bool:
        """Whether this slice has had its time."""
        return time.monotonic() - self._began > self.AT_ONCE_S


class Folder:
    """Folds in slices that take a few milliseconds; knows in memory only which checks it still has to look at."""

    def __init__(self, dialect: Dialect, retention: Retention) -> None:
        self.retention = retention
        self._sql = dialect
        self._round: deque[int] = deque()
        self._rests_until = self._pruned_at = -math.inf
        self._prunes = True

    def due(self, now: float) -> bool:
        """Whether a slice has anything to do: cheap, asks no database."""
        return bool(self._round) or now >= self._rests_until

    def slice(
        self, connection: Executing, now: float, most: int, enough: Callable[[], bool], prune: bool = True
    ) -> int:
        """Fold at most `most` hours of checks within the caller's transaction; how many were folded.

        enough: asked after each; true ends the slice early. prune: delete what is past its time, too.
        A transaction that fails undoes it all, and a later round finds the same work again.
        """
        if not self._round:
            self._begin_round(connection, now)
        folded = 0
        for _ in range(_LOOKED_AT):
            if not self._round or folded >= most or enough():
                break
            check = self._round[0]
            if self._fold_oldest(connection, check, now):
                folded += 1
                continue  # it may have older hours yet
            if prune and self._prunes:
                self._prune(connection, check, now)
            self._round.popleft()
        return folded

    @property
    def at_work(self) -> str:
        """What it was about to fold, for the log."""
        return f"check {self._round[0]}" if self._round else "no check"

    def skip(self) -> None:
        """Leave the check that failed for a later round, so that it does not stop the others."""
        if self._round:
            self._round.popleft()

    def forget_round(self) -> None:
        """Begin a new round: after a failure, or a change of what is kept."""
        self._round.clear()
        self._rests_until = self._pruned_at = -math.inf

    def _begin_round(self, connection: Executing, now: float) -> None:
        checks: set[int] = set()
        self._prunes = now - self._pruned_at >= PRUNE_S or now < self._pruned_at
        if self._prunes:
            self._pruned_at = now
        for table in ("reading", "blob", "hour", "day") if self._prunes else ("reading",):
            query = self._sql(_CHECKS % {"table": table})
            checks |= {number for (number,) in connection.execute(query).fetchall()}
        self._round.extend(sorted(checks))
        following = (now // HOUR_S + 1) * HOUR_S + LAG_S  # when the present hour can be folded
        self._rests_until = min(now + PAUSE_S, following)

    def _fold_oldest(self, connection: Executing, check: int, now: float) -> bool:
        query = self._sql("select min(at) from {w}reading where check_id = ?")
        ((oldest,),) = connection.execute(query, (check,)).fetchall()
        if oldest is None or (oldest // HOUR_S + 1) * HOUR_S + LAG_S > now:
            return False
        hour = int(oldest // HOUR_S)
        values = (check, hour * HOUR_S, (hour + 1) * HOUR_S, _MOST_SAMPLES)
        rows = connection.execute(self._sql(_TAKE), values).fetchall()
        known = {vals: unpack_values(vals) for vals in {row[4] for row in rows}}
        fresh = [
            Sample(at, latency, state, rule, known[vals], error, reason)
            for at, latency, state, rule, vals, error, reason in rows
        ]
        fresh.sort(key=lambda each: each.at)
        self._keep(connection, check, hour, fresh)
        return True

    def _keep(self, connection: Executing, check: int, hour: int, fresh: list[Sample]) -> None:
        """Add samples to their blob, hour and day. The blob tells seconds exactly; without one they are added up."""
        day = hour * HOUR_S // DAY_S
        added = rollup_of(fresh, hour * HOUR_S, HOUR_S)
        blob = self._one(connection, "blob", "hour", check, hour)
        former_hour = self._one(connection, "hour", "hour", check, hour)
        former_day = self._one(connection, "day", "day", check, day)
        before = unpack_rollup(former_hour) if former_hour else Rollup()
        whole = merged_rollups([before, added]) if former_hour else added
        if blob or not former_hour:
            samples = sorted([*(unpack_samples(blob) if blob else ()), *fresh], key=lambda each: each.at)
            whole = with_seconds(whole, rollup_of(samples, hour * HOUR_S, HOUR_S).seconds) if blob else whole
            self._put(connection, "blob", "hour", check, hour, pack_samples(samples))
        known = unpack_rollup(former_day) if former_day else Rollup()
        total = merged_rollups([known, added]) if former_day else added
        total = with_seconds(total, moved(known.seconds, before.seconds, whole.seconds))
        self._put(connection, "hour", "hour", check, hour, pack_rollup(whole), whole.covered_s)
        self._put(connection, "day", "day", check, day, pack_rollup(total, small=False), total.covered_s)

    def _one(self, connection: Executing, table: str, unit: str, check: int, number: int) -> bytes | None:
        query = self._sql(f"select data from {{w}}{table} where check_id = ? and {unit} = ?")
        found = connection.execute(query, (check, number)).fetchall()
        return bytes(found[0][0]) if found else None

    def _put(
        self, connection: Executing, table: str, unit: str, check: int, number: int, data: bytes,
        covered_s: float | None = None,
    ) -> None:  # fmt: skip
        names, values = ["check_id", unit, "data"], [check, number, data]
        changes = "data = excluded.data"
        if covered_s is not None:
            names.append("covered")
            values.append(round(covered_s))
            changes += ", covered = excluded.covered"
        marks = ", ".join("?" * len(names))
        query = (
            f"insert into {{w}}{table} ({', '.join(names)}) values ({marks})"
            f" on conflict (check_id, {unit}) do update set {changes}"
        )
        connection.execute(self._sql(query), tuple(values))

    def _prune(self, connection: Executing, check: int, now: float) -> None:
        """Delete what is past its time, of one check."""
        kept = self.retention
        for table, unit, length, keep_s in (
            ("blob", "hour", HOUR_S, kept.readings_s),
            ("hour", "hour", HOUR_S, kept.hours_s),
            ("day", "day", DAY_S, kept.days_s),
        ):
            last = int((now - keep_s) // length)
            query = self._sql(f"delete from {{w}}{table} where check_id = ? and {unit} < ?")
            connection.execute(query, (check, last))
