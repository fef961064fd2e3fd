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
from watchkeeper.core.checks.kinds import KINDS, Quantity
from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.conditions.quantities import as_number, show
from watchkeeper.core.conditions.tree import Comparison, Not, Tree, Truth
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.runs.values import Run
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import marks

BEFORE_S = 600.0
MOST_POINTS = 240
LEFT, RIGHT, TOP, FOOT = 56, 12, 40, 34
_ORDERED = ("<", "<=", ">", ">=")
_STEPS_S = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Line:
    """A limit: its value, the class, and the word beside it."""

    value: float
    css: str
    word: str
    text: str
    above: bool


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
class _Scale:
    since: float
    until: float
    low: float
    high: float
    right: float
    base: float

    def x(self, at: float) -> float:
        share = (at - self.since) / max(self.until - self.since, 1.0)
        return round(LEFT + min(max(share, 0.0), 1.0) * (self.right - LEFT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / max(self.high - self.low, 1e-9)
        return round(self.base - min(max(share, 0.0), 1.0) * (self.base - TOP), 1)


def of_incident(app: Application, incident: Incident, run: Run | None, zone: tzinfo, now: float) -> list[Chart]:
    """Charts of the failing checks, from before the first flip until the proof."""
    checks = app.holder.current.checks
    first = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
    end = min(now, incident.closed_at + 120.0) if incident.closed_at else now
    since = max(first - BEFORE_S, end - 6 * 3600.0)
    drawn = []
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
        if made := _chart(check, held.check, readings, since, end, fixes, zone, proof):
            drawn.append(made)
    return drawn


def _fix_name(index: int, name: str) -> str:
    return f"step {index + 1}" if name.lower() in ("fix", "rollback", "verify", "diagnose") else name


def of_check(app: Application, check: Check, zone: tzinfo, now: float) -> Chart | None:
    """The last half hour of a check, longer for one that is asked seldom."""
    since = now - max(1800.0, 40 * check.every_s)
    return _chart(check, check.key, app.history.readings(check.key, since), since, now, (), zone, "")


def _chart(
    check: Check | None, key: str, readings: Sequence[Judged], since: float, until: float, fixes: Sequence[tuple[float, str]],
    zone: tzinfo, proof: str,
) -> Chart | None:  # fmt: skip
    if not readings:
        return None
    since = max(since, readings[0].reading.at - 5.0)
    name, quantity, lines = _measured(check)
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
        _picture(size, width, height, readings, points, lines, quantity, since, until, fixes, zone)
        for size, width, height in (("wide", 760, 236), ("narrow", 344, 224))
    )
    newest = readings[-1]
    shown = [_row(each, name, quantity) for each in readings[-12:]][::-1]
    short = key.partition("/")[2]
    title = f"{key}, {name}, {marks.local(since, zone):%H:%M} to {marks.local(until, zone):%H:%M}"
    return Chart(
        check, short, key, name, format_duration(check.every_s) if check else "", title,
        _words(readings, name, quantity, lines, fixes, zone),
        proof, pictures, tuple(shown), f"{newest.reading.at}{proof}{len(fixes)}",
    )  # fmt: skip


def _measured(check: Check | None) -> tuple[str, Quantity, list[Line]]:
    """Which measured name is drawn: the first with an ordered limit, crit before warn before ok."""
    if check is None:
        return "latency", "duration", []
    lines: list[Line] = []
    name = ""
    quantity: Quantity = "number"
    for css, word, rule in (
        ("crit", "critical", check.crit),
        ("warn", "warning", check.warn),
        ("ok", "limit", check.ok),
    ):
        if rule is None:
            continue
        for each, negated in _comparisons(rule.condition.tree):
            value = as_number(each.limits[0].value)
            if each.operator not in _ORDERED or value is None or (name and each.name != name) or _ahead(each):
                continue
            name, quantity = each.name, each.quantity
            bad_above = (each.operator in (">", ">=")) is not negated
            if css == "ok":
                bad_above = not bad_above
            if not any(line.value == value for line in lines):
                kind = "warn" if css == "ok" else css
                lines.append(Line(value, kind, word, show(each.limits[0].value, each.quantity), bad_above))
    if name:
        return name, quantity, lines
    main = KINDS[check.probe.kind].main
    return main, KINDS[check.probe.kind].values[main].quantity, []


def _ahead(tree: Comparison) -> bool:
    """A forecast is no line to draw: the number it is about is."""
    return tree.function is not None and tree.function.call in ("full", "time_to")


def _comparisons(tree: Tree, negated: bool = False) -> list[tuple[Comparison, bool]]:
    if isinstance(tree, Comparison):
        return [(tree, negated)]
    if isinstance(tree, Truth):
        return []
    if isinstance(tree, Not):
        return _comparisons(tree.inner, not negated)
    return [found for part in tree.parts for found in _comparisons(part, negated)]


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
    quantity: Quantity, since: float, until: float, fixes: Sequence[tuple[float, str]], zone: tzinfo,
) -> Picture:  # fmt: skip
    values = [value for _, value in points] + [line.value for line in lines]
    high = _nice(max(values, default=1.0) * 1.08 or 1.0)
    low = min(0.0, min(values, default=0.0))
    scale = _Scale(since, until, low, high, width - RIGHT - 44, height - FOOT)
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
    picture.ticks.extend(_ticks(scale, zone, 5 if size == "wide" else 3))
    _draw_line(picture, scale, points, quantity)
    _draw_marks(picture, scale, readings, fixes, zone)
    return picture if picture.path or picture.strips else Picture(size, width, height)


def _nice(value: float) -> float:
    if value <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * unit >= value * 0.999)


def _ticks(scale: _Scale, zone: tzinfo, most: int) -> list[tuple[float, str]]:
    length = scale.until - scale.since
    step = next((each for each in _STEPS_S if length / each <= most), _STEPS_S[-1])
    offset = (marks.local(scale.since, zone).utcoffset() or marks.local(0, zone) - marks.local(0, zone)).total_seconds()
    first = math.ceil((scale.since + offset) / step) * step - offset
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    times = [first + step * index for index in range(most + 1) if first + step * index <= scale.until]
    return [(scale.x(at), f"{marks.local(at, zone):{form}}") for at in times]


def _draw_line(picture: Picture, scale: _Scale, points: list[tuple[float, float]], quantity: Quantity) -> None:
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
    picture: Picture, scale: _Scale, readings: Sequence[Judged], fixes: Sequence[tuple[float, str]], zone: tzinfo
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
    fixes: Sequence[tuple[float, str]],
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
    told += [f"fix, {title}, at {marks.local(at, zone):%H:%M:%S}" for at, title in fixes]
    _, shown, state, _ = _row(readings[-1], name, quantity)
    return "; ".join(told) + f"; now {shown or 'no value'}, {state}."
