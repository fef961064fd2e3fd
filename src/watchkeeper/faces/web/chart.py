"""The chart of one check: one line, its limits in place, the fix as a flag, flips as marks, every verdict at the foot.

Drawn twice, wide and narrow; the sheet shows one. Text sizes stay the same in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import pairwise

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.changes.ranking import Suspect
from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.conditions.quantities import as_number, show
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.runs.values import Run
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import marks
from watchkeeper.faces.web.charts.limits import Line, measured
from watchkeeper.faces.web.charts.marking import box, dotted, flip_marks
from watchkeeper.faces.web.charts.scale import FOOT, LEFT, RIGHT, SIZES, TOP, Scale, nice, ticks
from watchkeeper.services.windows.muting import planned_by_check

BEFORE_S = 600.0
MOST_POINTS = 150
MOST_FLIPS, MOST_SUSPECTS = 40, 4


@dataclass(slots=True)
class Picture:
    """One drawing in user units of `width` x `height`."""

    size: str
    width: int
    height: int
    zones: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    limits: list[tuple[str, float, str, str]] = field(default_factory=list)
    y_labels: list[tuple[float, str]] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    path: str = ""
    strips: list[tuple[str, str]] = field(default_factory=list)
    flips: list[tuple[str, str]] = field(default_factory=list)
    changes: str = ""
    unseen: str = ""
    windows: str = ""
    fixes: list[tuple[float, str, str, float]] = field(default_factory=list)
    last: tuple[float, float, str, str] | None = None
    left: float = LEFT
    right: float = 0.0
    base: float = 0.0


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of one check with its words and the table of its last readings."""

    check: Check | None
    name: str
    key: str
    measured: str
    every: str
    title: str
    words: str
    proof: str
    pictures: tuple[Picture, ...]
    table: tuple[tuple[float, str, str, str], ...]
    version: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What stood beside the readings: (at, words) of fixes and changes, (at, state) of flips, spans of maintenance."""

    fixes: Sequence[tuple[float, str]] = ()
    changes: Sequence[tuple[float, str]] = ()
    flips: Sequence[tuple[float, State]] = ()
    windows: Sequence[tuple[float, float]] = ()


def of_incident(
    app: Application, incident: Incident, run: Run | None, suspects: Sequence[Suspect], zone: tzinfo, now: float
) -> list[Chart]:
    """Charts of the failing checks, from before the first flip until the proof."""
    checks = app.holder.current.checks
    first = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
    end = min(now, incident.closed_at + 120.0) if incident.closed_at else now
    since = max(first - BEFORE_S, end - 6 * 3600.0)
    drawn = []
    with app.store.read() as session:
        windows = planned_by_check(session, app.holder.current, since, end)
    for held in incident.checks[:3]:
        check = checks.get(held.check)
        fixes = [
            (step.ended_at or step.started_at or 0.0, _fix_name(step.index, marks.named(step.plan)))
            for step in (run.steps if run else ())
            if step.plan.risk != "read" and step.started_at and step.sent
        ]
        proof = (
            f"{held.proof_count} of {held.needed}"
            if held.proven_at is None
            else f"{held.needed} of {held.needed}, proven"
        )
        readings = [each for each in app.history.readings(held.check, since) if each.reading.at <= end + 1]
        flips = [(each.at, each.after) for each in app.series.flips(held.check, since, end + 1, MOST_FLIPS)]
        changes = [
            (each.change.at, each.change.title) for each in suspects[:MOST_SUSPECTS] if since <= each.change.at <= end
        ]
        beside = Beside(fixes, changes, flips, windows.get(held.check, ()))
        if made := _chart(check, held.check, readings, since, end, beside, zone, proof):
            drawn.append(made)
    return drawn


def _fix_name(index: int, name: str) -> str:
    return f"step {index + 1}" if name.lower() in ("fix", "rollback", "verify", "diagnose") else name


def _chart(
    check: Check | None, key: str, readings: Sequence[Judged], since: float, until: float, beside: Beside, zone: tzinfo,
    proof: str,
) -> Chart | None:  # fmt: skip
    if not readings:
        return None
    since = max(since, readings[0].reading.at - 5.0)
    name, quantity, lines = measured(check)
    points = _thin(
        [
            (each.reading.at, value)
            for each in readings
            if (value := as_number(each.reading.values.get(name))) is not None
        ]
    )
    if not points:
        name, quantity, lines = "latency", "duration", []
        points = _thin([(each.reading.at, each.reading.latency_s) for each in readings if each.reading.error is None])
    pictures = tuple(
        _picture(
            size,
            width,
            height,
            readings,
            points,
            lines,
            quantity,
            since,
            until,
            beside,
            zone,
            check.every_s if check else 0.0,
        )
        for size, width, height in SIZES
    )
    newest = readings[-1]
    shown = [_row(each, name, quantity) for each in readings[-12:]][::-1]
    short = key.partition("/")[2]
    title = f"{key}, {name}, {marks.local(since, zone):%H:%M} to {marks.local(until, zone):%H:%M}"
    return Chart(
        check, short, key, name, format_duration(check.every_s) if check else "", title,
        _words(readings, name, quantity, lines, beside, zone),
        proof, pictures, tuple(shown), f"{newest.reading.at}{proof}{len(beside.fixes)}{len(beside.flips)}",
    )  # fmt: skip


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS; of each group its lowest and highest stay, so that no peak is lost."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(len(points) / (MOST_POINTS / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        group = points[start : start + size]
        ends = {min(group, key=lambda point: point[1]), max(group, key=lambda point: point[1])}
        kept.extend(sorted(ends))
    return kept


def _picture(
    size: str, width: int, height: int, readings: Sequence[Judged], points: list[tuple[float, float]], lines: list[Line],
    quantity: Quantity, since: float, until: float, beside: Beside, zone: tzinfo, every_s: float,
) -> Picture:  # fmt: skip
    values = [value for _, value in points] + [line.value for line in lines]
    high = nice(max(values, default=1.0) * 1.08 or 1.0)
    low = min(0.0, min(values, default=0.0))
    scale = Scale(since, until, low, high, width - RIGHT - 44, height - FOOT)
    picture = Picture(size, width, height, left=LEFT, right=scale.right, base=scale.base)
    worse: float | None = None
    for line in lines:
        y = scale.y(line.value)
        if line.value <= high:
            top, foot = (TOP, y) if line.above else (y, scale.base)
            if line.css == "warn" and worse is not None:  # the critical zone is drawn once
                top, foot = (max(top, worse), foot) if line.above else (top, min(foot, worse))
            worse = y if line.css == "crit" else worse
            if line.word != "limit" and foot > top:
                picture.zones.append((line.css, LEFT, top, scale.right - LEFT, round(foot - top, 1)))
            picture.limits.append((line.css, y, line.text, line.word))
    for value in (low, high):
        if all(abs(scale.y(value) - y) > 14 for _, y, _, _ in picture.limits):
            picture.y_labels.append((scale.y(value), show(value, quantity, high)))
    picture.ticks.extend(ticks(scale, zone, 5 if size == "wide" else 3))
    _draw_line(picture, scale, points, quantity)
    _draw_marks(picture, scale, readings, beside.fixes, zone)
    picture.unseen = "".join(box(scale, span, TOP, scale.base) for span in _unseen(readings, every_s, until))
    picture.windows = "".join(box(scale, span, TOP, scale.base) for span in beside.windows if span[0] < until)
    picture.changes = dotted(scale, [at for at, _ in beside.changes])
    picture.flips = flip_marks(scale, beside.flips)
    return picture if picture.path or picture.strips else Picture(size, width, height)


def _draw_line(picture: Picture, scale: Scale, points: list[tuple[float, float]], quantity: Quantity) -> None:
    """The line, broken where nothing was measured, and its last value."""
    gaps = [b - a for (a, _), (b, _) in pairwise(points)]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 0.0
    parts, before = [], -math.inf
    for at, value in points:
        parts.append(f"{'M' if at - before > max(4 * usual, 3.0) else 'L'}{scale.x(at):g} {scale.y(value):g}")
        before = at
    picture.path = "".join(parts)
    if points:
        at, value = points[-1]
        x, y = scale.x(at), scale.y(value)
        picture.last = (x, y, show(value, quantity, scale.high), "start")


def _draw_marks(
    picture: Picture, scale: Scale, readings: Sequence[Judged], fixes: Sequence[tuple[float, str]], zone: tzinfo
) -> None:
    for start, end, state in _stretches(readings, scale.until):
        x = scale.x(start)
        picture.strips.append((marks.css_class(state), _strip(state, x, max(scale.x(end) - x, 1.5), scale.base)))
    flags = sorted(fixes)
    for index, (at, title) in enumerate(flags):
        x = scale.x(at)
        crowded = index > 0 and x - scale.x(flags[index - 1][0]) < 110  # its words would stand on the flag before it
        side = -1.0 if x > (LEFT + scale.right) / 2 and not (crowded and scale.right - x > 110) else 1.0
        text = title if len(title) <= 34 else title[:33] + "…"
        last = (
            index == len(flags) - 1 or scale.x(flags[index + 1][0]) - x > 150
        )  # of flags in a heap only the last is named
        label, when = (f"fix: {text}", f"{marks.local(at, zone):%H:%M:%S}") if last else ("", "")
        picture.fixes.append((x, label, when, side))


def _stretches(readings: Sequence[Judged], until: float) -> list[tuple[float, float, State]]:
    """Neighbouring readings of one verdict as one stretch; each ends where the next begins."""
    starts = [
        (each.reading.at, each.verdict.state)
        for index, each in enumerate(readings)
        if index == 0 or readings[index - 1].verdict.state is not each.verdict.state
    ]
    ends = [*(at for at, _ in starts[1:]), min(until, readings[-1].reading.at + 5.0)]
    return [(at, end, state) for (at, state), end in zip(starts, ends, strict=True)]


def _unseen(readings: Sequence[Judged], every_s: float, until: float) -> list[tuple[float, float]]:
    """Spans in which nobody saw, or could not: UNKNOWN readings, and pauses much longer than it is asked."""
    found = [(at, end) for at, end, state in _stretches(readings, until) if state is State.UNKNOWN]
    times = [each.reading.at for each in readings]
    return found + [(a, b) for a, b in pairwise(times) if every_s and b - a > 3 * every_s + 5.0]


def _strip(state: State, x: float, width: float, base: float) -> str:
    """One verdict at the foot, 6 units high: OK a line, WARN 60 %, CRIT full, UNKNOWN dashed."""
    y = base + 1
    if state is State.UNKNOWN:
        pieces = max(1, int(width // 6))
        return "".join(
            f"M{x + 6 * piece:g} {y:g}h{min(3.0, width):g}v8h-{min(3.0, width):g}z" for piece in range(min(pieces, 120))
        )
    tall = {State.OK: 2, State.WARN: 5, State.CRIT: 8}[state]
    return f"M{x:g} {y + 8 - tall:g}h{width:g}v{tall}h-{width:g}z"


def _row(each: Judged, name: str, quantity: Quantity) -> tuple[float, str, str, str]:
    value = (
        each.reading.latency_s
        if name == "latency" and name not in each.reading.values
        else each.reading.values.get(name)
    )
    shown = "" if each.reading.error or value is None else show(value, quantity)
    return each.reading.at, shown, str(each.verdict.state), each.reading.error or each.verdict.reason


def _words(
    readings: Sequence[Judged],
    name: str,
    quantity: Quantity,
    lines: Sequence[Line],
    beside: Beside,
    zone: tzinfo,
) -> str:
    """The chart for those who do not see it."""
    told = [f"{len(readings)} readings of {name}"]
    told += [f"{line.word} limit {line.text}" for line in lines]
    before: State | None = None
    turns = []
    for each in readings:
        if before is not None and each.verdict.state is not before:
            turns.append(f"{each.verdict.state} at {marks.local(each.reading.at, zone):%H:%M:%S}")
        before = each.verdict.state
    told += turns[-8:]
    told += [f"changed, {title}, at {marks.local(at, zone):%H:%M:%S}" for at, title in beside.changes]
    told += [f"fix, {title}, at {marks.local(at, zone):%H:%M:%S}" for at, title in beside.fixes]
    _, shown, state, _ = _row(readings[-1], name, quantity)
    return "; ".join(told) + f"; now {shown or 'no value'}, {state}."
