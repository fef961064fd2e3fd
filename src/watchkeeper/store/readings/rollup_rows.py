"""Questions to the roll-ups, the same for both databases. A mix-in of both readers and both writers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Protocol

from watchkeeper.core.checks import Flip, Judged, Reading, State, Verdict
from watchkeeper.core.readings.folding import first_time, numbers_in, unpack_samples
from watchkeeper.core.readings.rollup import DAY_S, HOUR_S, Rollup, Sample, sketch_of_all, unpack_rollup
from watchkeeper.core.readings.sketch import Sketch, merged, sketch_of
from watchkeeper.store.readings.folding import Dialect
from watchkeeper.store.readings.rows import FLIP_COLUMNS, flips_of, readings_of
from watchkeeper.store.readings.schema import STATES, unpack_values

# One statement sees one state of the store: what is folded meanwhile is neither missing nor there twice.
_READINGS = """
select 0, hour, null, null, null, null, null, null, data from {w}blob where check_id = ? and hour >= ? and hour <= ?
union all select raw.*, null from (
  select 1, r.at, r.latency, r.state, r.vals, r.error, r.reason, rule.text from {w}reading r
  join {w}name rule on rule.id = r.rule_id where r.check_id = ? and r.at >= ? and r.at < ? order by r.at limit ?
) as raw order by 1, 2
"""
_SKETCHES = """
select -1, data, cast(null as double precision), null from {w}day where check_id = ? and day >= ? and day < ?
union all select -1, data, null, null from {w}hour where check_id = ? and hour >= ? and hour < ?
union all select -1, data, null, null from {w}hour where check_id = ? and hour >= ? and hour < ?
union all select hour, data, null, null from {w}blob where check_id = ? and hour in (?, ?)
union all select -1, null, case when error is null then latency end, case when vals like ? then vals end from {w}reading
  where check_id = ? and at >= ? and at < ?%s
"""
_FIRST_KEPT = """
select n.id, (select min(at) from {w}reading where check_id = n.id), (select min(hour) from {w}blob where check_id = n.id),
  (select min(day) from {w}day where check_id = n.id) from {w}name n where n.text = ?
"""
_FIRST, _LAST = -(2**31), 2**31 - 1
_EVER_S = 7e12


class Asking(Protocol):
    """What the mix-in needs of its class."""

    dialect: Dialect

    def ask(self, query: str, values: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
        """The rows of one question; none before the store was made."""
        ...


class RollupRows:
    """Implements `RollupsPort` and the readings of a check, whether they are folded or not."""

    dialect: Dialect

    def ask(self, query: str, values: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
        """The rows of one question; none before the store was made."""
        raise NotImplementedError

    def readings(self, check: str, since: float, limit: int = 1000, until: float = math.inf) -> list[Judged]:
        """Readings of a check with since <= at < until, oldest first. While OK the reason is left out, see `schema`."""
        number = self._number(check)
        if number is None:
            return []
        since, until = max(since, -_EVER_S), min(until, _EVER_S)
        hours = (max(_FIRST, int(since // HOUR_S)), min(_LAST, int(until // HOUR_S)))
        rows = list(self._rows(_READINGS, (number, *hours, number, since, until, limit)))
        found: list[Judged] = []
        names: dict[int, str] = {}
        for row in rows:
            if row[0] == 1:
                break
            samples = [each for each in unpack_samples(bytes(row[8])) if since <= each.at < until]
            names |= self._texts({each.rule for each in samples} - names.keys())
            found += [_judged(check, each, names) for each in samples]
            if len(found) >= limit:
                break
        raw = readings_of(check, [row[1:8] for row in rows if row[0] == 1])
        if found and raw and raw[0].reading.at < found[-1].reading.at:  # late ones that wait to be folded
            return sorted([*found, *raw], key=lambda each: each.reading.at)[:limit]
        return [*found, *raw][:limit]

    def first_reading(self, check: str) -> float | None:
        """The time of the oldest reading of a check that is known, to the day where only a roll-up is left of it."""
        for number, raw, hour, day in self._rows(_FIRST_KEPT, (check,)):
            times = [] if raw is None else [raw]
            if hour is not None and (raw is None or (hour + 1) * HOUR_S <= raw):
                times.append(self._first_of(number, hour))
            if day is not None and (not times or (day + 1) * DAY_S <= min(times)):
                times.append(day * float(DAY_S))
            return min(times, default=None)
        return None

    def _first_of(self, number: int, hour: int) -> float:
        query = "select data from {w}blob where check_id = ? and hour = ?"
        return next((first_time(bytes(data)) for (data,) in self._rows(query, (number, hour))), hour * 3600.0)

    def days(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        """(start, roll-up) of the UTC days that begin within [since, until), oldest first."""
        return self._rollups("day", DAY_S, check, since, until)

    def hours(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        """(start, roll-up) of the hours that begin within [since, until), oldest first."""
        return self._rollups("hour", HOUR_S, check, since, until)

    def sketch(self, check: str, name: str, since: float, until: float) -> Sketch:
        """All numbers of one measured name within [since, until): days where they are whole, hours and readings at the ends.

        Hours that are cut by an end are read exactly while their readings are kept; else they count as a whole.
        """
        number = self._number(check)
        if number is None or until <= since:
            return Sketch()
        first_hour, last_hour = math.ceil(since / HOUR_S), math.floor(until / HOUR_S)
        first_day, last_day = math.ceil(since / DAY_S), math.floor(until / DAY_S)
        before, after = (first_hour, last_hour), (0, 0)
        if last_day > first_day:
            before, after = (first_hour, first_day * 24), (last_day * 24, last_hour)
        cut = {hour for hour in (int(since // HOUR_S), int(until // HOUR_S)) if not first_hour <= hour < last_hour}
        cuts = (*cut, *(-2,) * (2 - len(cut)))
        own = "" if name == "latency" else " and vals is not null"
        days, hours = (number, first_day, last_day), (number, *before, number, *after)
        values = (*days, *hours, number, *cuts, f'%"{name}":%', number, since, until)
        rollups: list[bytes] = []
        numbers: list[float] = []
        for hour, data, latency, vals in self._rows(_SKETCHES % own, values):
            if data is None:
                value = unpack_values(vals).get(name) if vals else latency if name == "latency" else None
                if type(value) is float or type(value) is int:
                    numbers.append(float(value))
            elif hour >= 0:
                cut.discard(hour)
                numbers += numbers_in(bytes(data), name, since, until)
            else:
                rollups.append(bytes(data))
        rollups += [bytes(data) for hour in cut for data in self._hour(number, hour) if hour * HOUR_S < until]
        together = sketch_of_all(rollups, name)
        return merged((together, sketch_of(numbers))) if numbers else together

    def _hour(self, number: int, hour: int) -> list[bytes]:
        """The roll-up of an hour that is cut by an end, when its readings are not kept any more."""
        query = (
            "select data from {w}hour where check_id = ? and hour = ?"
            " and hour not in (select hour from {w}blob where check_id = ?)"
        )
        return [data for (data,) in self._rows(query, (number, hour, number))]

    def holes(self, since: float, least_s: float = 7200.0) -> dict[str, list[tuple[float, float]]]:
        """By check: times since `since` in which nobody asked it, between readings that are folded; longer than `least_s`.

        A day that was seen nearly whole has none. Within others it is looked at the hours, while they are kept.
        """
        first = int(since // DAY_S)
        query = (
            "select name.text, d.check_id, d.day, d.next, d.covered from (select check_id, day, covered,"
            " lead(day) over (partition by check_id order by day) as next from {w}day where day >= ?) d"
            " join {w}name name on name.id = d.check_id where d.covered < ? or d.next > d.day + 1"
        )
        rows = list(self._rows(query, (first - 1, DAY_S - least_s)))
        found: dict[str, list[tuple[float, float]]] = {}
        for check, number, day, following, _covered in rows:
            seen = [start for (start,) in self._rows(
                "select hour from {w}hour where check_id = ? and hour >= ? and hour < ? order by hour",
                (number, (day - 1) * 24, ((following or day) + 1) * 24))]  # fmt: skip
            if not seen:
                seen = [day * 24, day * 24 + 23, *([following * 24] if following else [])]
            for before, after in pairwise(seen):
                start, end = (before + 1) * float(HOUR_S), after * float(HOUR_S)
                if end - start >= least_s and (start, end) not in found.get(check, ()):
                    found.setdefault(check, []).append((start, end))
        return {check: sorted(holes) for check, holes in found.items()}

    def first_days(self) -> dict[str, float]:
        """By check: the start of the first day of which a roll-up is kept."""
        query = (
            "select name.text, min(d.day) from {w}day d join {w}name name on name.id = d.check_id group by name.text"
        )
        return {check: day * float(DAY_S) for check, day in self._rows(query)}

    def turns(self, after: int) -> list[tuple[int, str, float, State, State]]:
        """(seq, check, at, before, after) of all flips with seq > after, in their order: `flips` without what they carry."""
        query = "select seq, check_key, at, before_state, after_state from {w}flip where seq > ? order by seq"
        return [(seq, check, at, STATES[a], STATES[b]) for seq, check, at, a, b in self._rows(query, (after,))]

    def flips_of(self, check: str, since: float, until: float, limit: int = 200) -> list[Flip]:
        """The newest flips of one check with since <= at < until, newest first."""
        query = (
            f"select {FLIP_COLUMNS} from {{w}}flip where check_key = ? and at >= ? and at < ? order by seq desc limit ?"
        )
        return flips_of(self._rows(query, (check, since, until, limit)))

    def last_alive(self) -> float | None:
        """When a watch marked last that it lives; None before the first."""
        return next((at for (at,) in self._rows("select max(at) from {w}alive")), None)

    def _rollups(self, table: str, length: int, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        number = self._number(check)
        if number is None:
            return []
        query = f"select {table}, data from {{w}}{table} where check_id = ? and {table} >= ? and {table} < ? order by {table}"
        values = (number, math.ceil(since / length), math.ceil(until / length))
        return [(start * float(length), unpack_rollup(bytes(data))) for start, data in self._rows(query, values)]

    def _number(self, check: str) -> int | None:
        return next((int(number) for (number,) in self._rows("select id from {w}name where text = ?", (check,))), None)

    def _texts(self, numbers: set[int]) -> dict[int, str]:
        return {
            number: text
            for each in numbers
            for number, text in self._rows("select id, text from {w}name where id = ?", (each,))
        }

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
        return self.ask(self.dialect(query), values)


def _judged(check: str, sample: Sample, names: dict[int, str]) -> Judged:
    reading = Reading(check, sample.at, sample.latency_s, sample.values, sample.error)  # type: ignore[arg-type]
    return Judged(reading, Verdict(STATES[sample.state], sample.reason or ""), names.get(sample.rule, ""))
