"""The chart of one check over a range: the median as a line, p95 and p99 as a band above it, and what stood beside it.

A pure drawing: everything that is shown comes in as values. At most 4 kB each, so a page of eight stays small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.checks.values import State
from watchkeeper.core.conditions.quantities import show
from watchkeeper.faces.web import marks
from watchkeeper.faces.web.charts.limits import Line
from watchkeeper.faces.web.charts.marking import box, dotted, flip_marks
from watchkeeper.faces.web.charts.scale import FOOT, LEFT, RIGHT, SIZES, TOP, Scale, nice, ticks
from watchkeeper.services.series import SeriesPoint

FAR = 25.0
"""A limit that many times above everything measured is named in words instead of flattening the line."""
MOST_CHANGES, MOST_FIXES = 12, 6
LAST_WIDE = 44


@dataclass(frozen=True, slots=True)
class Story:
    """What a chart shows. Times are epoch seconds, spans (since, until).

    points: the slots that hold readings, each `slot_s` long. flips: (at, state after). fixes, changes: (at, words).
    unseen: spans in which nobody saw, or could not. windows: planned maintenance. every_s: how often it is asked.
    """

    name: str
    quantity: Quantity
    lines: tuple[Line, ...]
    since: float
    until: float
    slot_s: float
    every_s: float
    points: tuple[SeriesPoint, ...]
    flips: tuple[tuple[float, State], ...] = ()
    fixes: tuple[tuple[float, str], ...] = ()
    changes: tuple[tuple[float, str], ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    unseen: tuple[tuple[float, float], ...] = ()


@dataclass(slots=True)
class Drawing:
    """One picture, its geometry ready for attributes. zones, spans: (class, x, y, width, height)."""

    size: str
    width: int
    height: int
    left: int = LEFT
    right: float = 0.0
    base: float = 0.0
    zones: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    unseen: str = ""
    windows: str = ""
    limits: list[tuple[str, float, str, str]] = field(default_factory=list)
    y_labels: list[tuple[float, str]] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    outer: str = ""
    inner: str = ""
    line: str = ""
    strips: list[tuple[str, str]] = field(default_factory=list)
    flips: list[tuple[str, str]] = field(default_factory=list)
    changes: str = ""
    fixes: list[tuple[float, str, str, float]] = field(default_factory=list)
    last: tuple[float, float, str] | None = None


def unseen_spans(
    points: Sequence[SeriesPoint], slot_s: float, every_s: float, until: float
) -> list[tuple[float, float]]:
    """Spans in which nobody saw: between slots that are further apart than the check is asked, and slots that are all
    UNKNOWN. Before the first reading nothing was watched yet, which is neither."""
    if not points:
        return []
    patience = max(slot_s, 3 * every_s)
    found: list[tuple[float, float]] = []
    ends = [*(each.at for each in points[1:]), until]
    for point, following in zip(points, ends, strict=True):
        end = point.at + slot_s
        blind = point.counts[3] == point.count > 0
        if following - end > patience:
            found.append((point.at if blind else end, following))
        elif blind:
            found.append((point.at, min(max(end, following), until)))
    joined: list[tuple[float, float]] = []
    for start, end in found:
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined


def pictures(story: Story, zone: tzinfo) -> tuple[Drawing, ...]:
    """The story drawn wide and narrow."""
    return tuple(_draw(size, width, height, story, zone) for size, width, height in SIZES)


def spread_of(points: Sequence[SeriesPoint]) -> bool:
    """Whether there is a band to show: a slot with more than one number."""
    return any(each.p50 is not None and each.p99 != each.p50 for each in points)


def _draw(size: str, width: int, height: int, story: Story, zone: tzinfo) -> Drawing:
    numbers = [each.p99 for each in story.points if each.p99 is not None]
    numbers += [each.low for each in story.points if each.low is not None and each.low < 0]
    most = max(numbers, default=0.0)
    shown = [line for line in story.lines if not most or line.value <= FAR * most]
    high = nice(max([*numbers, *(line.value for line in shown)], default=1.0) * 1.08 or 1.0)
    scale = Scale(story.since, story.until, min([0.0, *numbers]), high, width - RIGHT - LAST_WIDE, height - FOOT)
    made = Drawing(size, width, height, right=scale.right, base=scale.base)
    _limits(made, scale, shown)
    labels = [value for value in (scale.low, high) if all(abs(scale.y(value) - y) > 14 for _, y, _, _ in made.limits)]
    made.y_labels = [(scale.y(value), show(value, story.quantity, high)) for value in labels]
    made.ticks = ticks(scale, zone, 6 if size == "wide" else 3)
    made.unseen = "".join(box(scale, span, TOP, scale.base) for span in story.unseen)
    made.windows = "".join(box(scale, span, TOP, scale.base) for span in story.windows)
    for run in _runs(story):
        middle = [(scale.x(each.at + story.slot_s / 2), each) for each in run]
        p50, p95, p99 = (_places(middle, name, scale) for name in ("p50", "p95", "p99"))
        made.outer += _band(p95, p99)
        made.inner += _band(p50, p95)
        made.line += _path(p50)
    made.strips = _strips(story, scale)
    _marks(made, scale, story, zone)
    return made


def _places(middle: Sequence[tuple[float, SeriesPoint]], name: str, scale: Scale) -> list[tuple[float, float]]:
    """Where one percentile of each slot stands."""
    values = ((x, getattr(each, name)) for x, each in middle)
    return [(x, scale.y(value)) for x, value in values if value is not None]


def _limits(made: Drawing, scale: Scale, lines: Sequence[Line]) -> None:
    """Each limit at its height, and the zone beyond it; the critical zone is drawn once."""
    worse: float | None = None
    for line in lines:
        y = scale.y(line.value)
        top, foot = (TOP, y) if line.above else (y, scale.base)
        if line.css == "warn" and worse is not None:
            top, foot = (max(top, worse), foot) if line.above else (top, min(foot, worse))
        worse = y if line.css == "crit" else worse
        if line.word != "limit" and foot > top:
            made.zones.append((line.css, LEFT, round(top), round(scale.right - LEFT), round(foot - top)))
        made.limits.append((line.css, round(y), line.text, line.word))


def _runs(story: Story) -> Iterator[list[SeriesPoint]]:
    """Slots that belong together: the line is broken where nothing was measured."""
    patience = max(2 * story.slot_s, 3 * story.every_s + story.slot_s)
    run: list[SeriesPoint] = []
    for each in story.points:
        if each.p50 is None:
            continue
        if run and each.at - run[-1].at > patience:
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _path(places: Sequence[tuple[float, float]]) -> str:
    """A line through these places in whole units, each relative to the one before; a lone place is a short dash."""
    if not places:
        return ""
    x, y = round(places[0][0]), round(places[0][1])
    if len(places) == 1:
        return f"M{x - 2} {y}h4"
    return f"M{x} {y}" + _steps((x, y), places[1:])


def _steps(start: tuple[int, int], places: Sequence[tuple[float, float]]) -> str:
    said, (x, y) = [], start
    for place in places:
        right, down = round(place[0]) - x, round(place[1]) - y
        x, y = x + right, y + down
        said.append(f"{right}{down}" if down < 0 else f"{right} {down}")
    return "l" + " ".join(said).replace(" -", "-") if said else ""


def _band(lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]]) -> str:
    """The surface between two lines; nothing where they are one."""
    if len(lower) < 2 or all(round(a[1]) == round(b[1]) for a, b in zip(lower, upper, strict=True)):
        return ""
    return _path([*lower, *reversed(upper)]) + "z"


def _strips(story: Story, scale: Scale) -> list[tuple[str, str]]:
    """The worst verdict of each slot at the foot, neighbours together: OK a line, WARN 60 %, CRIT full, UNKNOWN dashed."""
    spans: list[tuple[State, float, float]] = []
    for point, following in zip(story.points, [*(each.at for each in story.points[1:]), story.until], strict=True):
        state = _worst(point.counts)
        end = min(following, point.at + max(story.slot_s, 3 * story.every_s))
        if spans and spans[-1][0] is state and point.at - spans[-1][2] <= 1.0:
            spans[-1] = (state, spans[-1][1], end)
        else:
            spans.append((state, point.at, end))
    paths: dict[str, str] = {}
    for state, start, end in spans:
        x, wide, y = round(scale.x(start)), max(round(scale.x(end) - scale.x(start)), 1), scale.base + 1
        tall = {State.OK: 2, State.WARN: 5}.get(state, 8)
        css = marks.css_class(state)
        if state is State.UNKNOWN:
            paths[css] = paths.get(css, "") + "".join(f"M{at} {y:g}h3v8h-3z" for at in range(x, x + max(wide, 1), 6))
        else:
            paths[css] = paths.get(css, "") + f"M{x} {y + 8 - tall:g}h{wide}v{tall}h-{wide}z"
    return list(paths.items())


def _worst(counts: tuple[int, int, int, int]) -> State:
    _, warn, crit, unknown = counts
    return State.CRIT if crit else State.WARN if warn else State.UNKNOWN if unknown else State.OK


def _marks(made: Drawing, scale: Scale, story: Story, zone: tzinfo) -> None:
    """Flips as marks above the foot, changes dotted, fixes as flags, the last value in words."""
    made.flips = flip_marks(scale, story.flips)
    made.changes = dotted(scale, [at for at, _ in story.changes[:MOST_CHANGES]])
    flags = sorted(story.fixes)[-MOST_FIXES:]
    for place, (at, words) in enumerate(flags):
        x = round(scale.x(at))
        last = place == len(flags) - 1
        named = last or scale.x(flags[place + 1][0]) - x > 150  # of flags in a heap only the last is named
        side = -1.0 if x > (LEFT + scale.right) / 2 else 1.0
        when = f"{marks.local(at, zone):{_moments(story)}}"
        made.fixes.append((x, words[:30] if named else "", when if named else "", side))
    newest = next((each for each in reversed(story.points) if each.p50 is not None), None)
    if newest is not None and newest.p50 is not None:
        across, up = scale.x(newest.at + story.slot_s / 2), scale.y(newest.p50)
        made.last = (round(across), round(up), show(newest.p50, story.quantity, scale.high))


def _moments(story: Story) -> str:
    return "%H:%M:%S" if story.until - story.since <= 86_400 else "%d %b %H:%M"


def words_of(story: Story, zone: tzinfo) -> str:
    """The chart for those who do not see it."""
    form = _moments(story)

    def moment(at: float) -> str:
        return f"{marks.local(at, zone):{form}}"

    values = [each for each in story.points if each.p50 is not None]
    told = [f"{sum(each.count for each in story.points)} readings of {story.name} in {len(story.points)} slots"]
    if values:
        middle = sorted(each.p50 or 0.0 for each in values)[len(values) // 2]
        worst = max(each.p99 or 0.0 for each in values)
        told.append(f"usually {show(middle, story.quantity)}, p99 at most {show(worst, story.quantity)}")
    told += [f"{line.word} limit {line.text}" for line in story.lines]
    told += [f"{state} at {moment(at)}" for at, state in sorted(story.flips)[-6:]]
    told += [f"fix at {moment(at)}" for at, _ in sorted(story.fixes)[-3:]]
    if story.changes:
        told.append("changed: " + ", ".join(title[:60] for _, title in story.changes[:3]))
    if story.windows:
        told.append(f"{len(story.windows)} windows of maintenance")
    told += [f"nobody saw from {moment(start)} to {moment(end)}" for start, end in story.unseen[-3:]]
    if values and values[-1].p50 is not None:
        told.append(f"last {show(values[-1].p50, story.quantity)}")
    return "; ".join(told) + "."
