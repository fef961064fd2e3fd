"""What the range chart of a check is made of: readings or roll-ups of the right size, and what happened meanwhile.

A range is chosen by a link (`?range=week`). One chart is made once for all viewers of a moment, as long as it is fresh.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.changes.values import Change
from watchkeeper.core.conditions.quantities import show
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web.charts.limits import measured
from watchkeeper.faces.web.charts.spread import FAR, Drawing, Story, pictures, spread_of, unseen_spans, words_of
from watchkeeper.faces.web.pages import version_of
from watchkeeper.services.series import SeriesPoint
from watchkeeper.services.windows.muting import planned_by_check

DAY_S = 86_400.0
LEAST_RENEW_S, MOST_RENEW_S = 5.0, 300.0
SEVERAL_S = 20.0
"""A check that is asked more often has so many readings a day that hours are taken instead of them."""
_KEPT = 512


@dataclass(frozen=True, slots=True)
class Range:
    """A length of time that a chart shows, in about so many slots."""

    name: str
    length_s: float
    points: int


RANGES = (
    Range("hour", 3600.0, 60), Range("day", DAY_S, 96), Range("week", 7 * DAY_S, 84), Range("month", 30 * DAY_S, 90),
    Range("quarter", 91 * DAY_S, 91), Range("year", 365 * DAY_S, 92),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One slot in the table below a chart. at: its start."""

    at: float
    count: int
    p50: str
    p95: str
    p99: str
    states: str


@dataclass(frozen=True, slots=True)
class RangeChart:
    """One check over one range: two drawings, words, and a table. renew_s: how long it stays true."""

    check: Check
    range: Range
    measured: str
    every: str
    slot: str
    band: bool
    title: str
    words: str
    far: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    rows: tuple[Row, ...]
    changes: tuple[tuple[float, str], ...]
    renew_s: int
    version: str


def range_of(name: str | None) -> Range:
    """The range of a query; the hour when it names none."""
    return next((each for each in RANGES if each.name == name), RANGES[0])


def renewed_s(check: Check, span: Range) -> int:
    """How long a chart is good for: as often as it is asked, a long range only as its slots grow."""
    return int(max(LEAST_RENEW_S, min(max(check.every_s, span.length_s / span.points / 4), MOST_RENEW_S)))


class _Made:
    """Charts that are still fresh; thrown away all at once when there are many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[object, ...], RangeChart | None] = {}

    def get(self, key: tuple[object, ...]) -> tuple[bool, RangeChart | None]:
        with self._lock:
            return key in self._kept, self._kept.get(key)

    def keep(self, key: tuple[object, ...], chart: RangeChart | None) -> None:
        with self._lock:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = chart


_made = _Made()


def of_check(app: Application, check: Check, span: Range, zone: tzinfo, now: float) -> RangeChart | None:
    """The chart; None while no reading of that time is kept."""
    renew = renewed_s(check, span)
    key = (id(app), check.key, check.rule_hash, span.name, str(zone), int(now // renew))
    known, chart = _made.get(key)
    if not known:
        story = collect(app, check, span, now)
        chart = _chart(check, span, story, zone, renew) if story.points else None
        _made.keep(key, chart)
    return chart


def collect(app: Application, check: Check, span: Range, now: float) -> Story:
    """Everything a chart shows of this check, read once."""
    points = 24 if span.name == "day" and check.every_s < SEVERAL_S else span.points
    slot = span.length_s / points
    until = now
    since = max((until - span.length_s) // slot * slot, 0.0)
    points = round((until - since) / slot + 0.5)
    name, quantity, lines = measured(check)
    _, slot_s, drawn = app.series.of(check.key, since, since + points * slot, points, name)
    if not any(each.p50 is not None for each in drawn):
        quantity, lines = ("duration", []) if name != "latency" else (quantity, lines)
        name, slot_s, drawn = app.series.of(check.key, since, since + points * slot, points, "latency")
    flips = app.series.flips(check.key, since, until, 100)
    changes = [each for each in _changes(app, check, since, until) if not each.own]
    with app.store.read() as session:
        windows = planned_by_check(session, app.holder.current, since, until).get(check.key, ())
        runs = [] if span.length_s > 8 * DAY_S else session.runs_between(since, until)
    fixes = [
        (run.last_change_at, f"run {run.id}")
        for run in runs
        if run.last_change_at and since <= run.last_change_at <= until and run.plan.service == check.service
    ]
    return Story(
        name, quantity, tuple(lines), since, until, slot_s, check.every_s, tuple(drawn),
        tuple((each.at, each.after) for each in flips), tuple(fixes), tuple((each.at, each.title) for each in changes),
        tuple((max(a, since), min(b, until)) for a, b in windows if a < until),
        tuple(unseen_spans(drawn, slot_s, check.every_s, until)),
    )  # fmt: skip


def _changes(app: Application, check: Check, since: float, until: float) -> Sequence[Change]:
    """What changed on it, its hosts and what it needs; of a long range the newest."""
    return app.changes.newest(since, until, 12, check.service)


def _chart(check: Check, span: Range, story: Story, zone: tzinfo, renew: int) -> RangeChart:
    most = max((each.p99 or 0.0 for each in story.points), default=0.0)
    far = tuple(f"{line.word} limit {line.text}" for line in story.lines if most and line.value > FAR * most)
    title = f"{check.key}, {story.name}, the last {span.name}"
    drawings = pictures(story, zone)
    rows = tuple(_row(story, each) for each in reversed(story.points))
    version = version_of([(d.line, d.outer, d.strips, d.flips, d.fixes, d.changes, d.last) for d in drawings], rows[:1])
    return RangeChart(
        check, span, story.name, format_duration(check.every_s), format_duration(round(story.slot_s)), spread_of(story.points),
        title, words_of(story, zone), far, drawings, rows, story.changes[:12], renew, version,
    )  # fmt: skip


def _row(story: Story, each: SeriesPoint) -> Row:
    p50, p95, p99 = ("" if value is None else show(value, story.quantity) for value in (each.p50, each.p95, each.p99))
    names = ("OK", "WARN", "CRIT", "UNKNOWN")
    states = ", ".join(f"{count} {name}" for name, count in zip(names, each.counts, strict=True) if count)
    return Row(each.at, each.count, p50, p95, p99, states)
