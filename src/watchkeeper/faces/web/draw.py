"""Pictures drawn on the server as SVG: geometry in attributes, colour in classes, the words beside them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.checks.values import State
from watchkeeper.faces.web import marks
from watchkeeper.services.day_bars import Days, counted
from watchkeeper.services.history import Stretch

DAY_UNITS = 1440
DAY_HEIGHT = 14
TRACE_DAYS = 90
TRACE_HEIGHT = 24
_WORD = {State.OK: "OK", State.WARN: "warning", State.CRIT: "critical", State.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths by class, and the words for those who do not see them."""

    paths: tuple[tuple[str, str], ...]
    label: str
    ticks: tuple[str, ...] = ()
    share: str = ""

    @property
    def known(self) -> bool:
        """Whether anything was ever watched."""
        return bool(self.paths)


class _Kept:
    """Drawings made a moment ago; the past changes only when a check flips.

    fresh_s: how old one may be at most; steady_s: at least so long one stays, however many checks flip.
    """

    def __init__(self, fresh_s: float, steady_s: float) -> None:
        self._fresh_s, self._steady_s = fresh_s, steady_s
        self._lock = threading.Lock()
        self._kept: dict[object, tuple[float, object, Any]] = {}

    def get(self, name: object, version: object, make: Callable[[], Any]) -> Any:
        with self._lock:
            found = self._kept.get(name)
            age = time.monotonic() - found[0] if found else 0.0
            if found and (age < self._steady_s or (found[1] == version and age < self._fresh_s)):
                return found[2]
            made = make()
            self._kept = {key: value for key, value in self._kept.items() if key == name or len(self._kept) < 8}
            self._kept[name] = (time.monotonic(), version, made)
            return made


_day = _Kept(20.0, 2.0)


def bar(state: State, x: float, width: float, height: int) -> str:
    """One state in the grammar of traces: OK a line at the foot, WARN 60 %, CRIT full, UNKNOWN dashed and full."""
    x, width = round(x, 1), max(round(width, 1), 0.1)
    box = f"M{x:g} {{y:g}}h{width:g}v{{h:g}}h-{width:g}z"
    if state is State.OK:
        return box.format(y=height - 3, h=3)
    if state is State.WARN:
        top = round(height * 0.4)
        return box.format(y=top, h=height - top)
    if state is State.CRIT:
        return box.format(y=0, h=height)
    if height <= DAY_HEIGHT:  # low and long: dashes side by side
        step, dash, parts, at = 6.0, 3.0, [], x
        while at < x + width:
            piece = min(dash, x + width - at)
            parts.append(f"M{at:g} 3h{piece:g}v{height - 3}h-{piece:g}z")
            at = round(at + step, 1)
        return "".join(parts)
    return "".join(box.format(y=y, h=min(4, height - y)) for y in range(2, height, 7))


# ---- the last day ------------------------------------------------------------------------------------------------------------


def day_line(app: Application, now: float, zone: tzinfo) -> Drawing:
    """The 24 hours that end with this four-hour watch, worst state of all services; right of the mark is the future."""
    version = (app.history.newest_flip(), app.holder.current.revision)
    drawing: Drawing = _day.get(str(zone), version, lambda: _draw_day(app, now, zone))
    return drawing


def watch_end(now: float, zone: tzinfo) -> datetime:
    """When the four-hour watch of `now` ends: the next of 00, 04, 08, 12, 16, 20 o'clock."""
    here = marks.local(now, zone)
    start = here.replace(hour=here.hour // 4 * 4, minute=0, second=0, microsecond=0)
    return start + timedelta(hours=4)


def _draw_day(app: Application, now: float, zone: tzinfo) -> Drawing:
    end = watch_end(now, zone)
    until = end.timestamp()
    since = until - 86400.0
    stretches = app.history.worst({"all": list(app.holder.current.checks)}, since, now)["all"]
    paths: dict[str, list[str]] = {}
    for each in stretches:
        if each.state is not None:
            x = (each.start - since) / 60.0
            width = (min(each.end, now) - each.start) / 60.0
            if each.state is not State.OK:
                width = max(width, 2.0)
            paths.setdefault(marks.css_class(each.state), []).append(bar(each.state, x, width, DAY_HEIGHT))
    marker = f"M{(now - since) / 60.0:.1f} 0h3v{DAY_HEIGHT}h-3z"
    ticks = tuple(f"{end - timedelta(hours=hours):%H}" for hours in (24, 20, 16, 12, 8, 4))
    drawn = tuple((name, "".join(paths[name])) for name in ("ok", "warn", "unknown", "crit") if name in paths)
    return Drawing((*drawn, ("now", marker)), _day_words(stretches, now, zone), ticks)


def _day_words(stretches: Sequence[Stretch], now: float, zone: tzinfo) -> str:
    bad = [each for each in stretches if each.state not in (None, State.OK)]
    told = []
    for each in bad[-6:]:
        begin, end = (f"{marks.local(at, zone):%H:%M}" for at in (each.start, each.end))
        told.append(
            f"{_WORD[each.state or State.OK]} " + (f"since {begin}" if each.end >= now - 1 else f"{begin} to {end}")
        )
    more = f"{len(bad) - 6} more before; " if len(bad) > 6 else ""
    words = more + ", ".join(told) if told else "nothing but OK, as far as anything was watched"
    return f"Last 24 hours, all services: {words}. Now {marks.local(now, zone):%H:%M}."


# ---- ninety days of a service --------------------------------------------------------------------------------------


class _Traces:
    """Drawn traces; each stays until its days or its share changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[Days, str, Drawing]] = {}

    def all(self, app: Application, now: float, zone: tzinfo) -> dict[str, Drawing]:
        """Of every service, by name."""
        edges = day_edges(now, zone)
        found: dict[str, Drawing] = {}
        with self._lock:
            for name, (days, share) in app.day_bars.of(edges, now).items():
                shown = "" if share is None else percent(share)
                kept = self._kept.get((str(zone), name))
                if kept is None or kept[0] is not days or kept[1] != shown:
                    if len(self._kept) > 20_000:
                        self._kept.clear()
                    kept = self._kept[str(zone), name] = (days, shown, trace(name, days, shown))
                found[name] = kept[2]
        return found


_traces = _Traces()


def traces(app: Application, now: float, zone: tzinfo) -> dict[str, Drawing]:
    """The 90-day trace of every service, by name."""
    return _traces.all(app, now, zone)


def day_edges(now: float, zone: tzinfo, days: int = TRACE_DAYS) -> tuple[float, ...]:
    """The midnights of the last days, today's included, and the one to come."""
    today = marks.local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return tuple((today - timedelta(days=days - 1 - day)).timestamp() for day in range(days + 1))


def trace(name: str, days: Days, share: str) -> Drawing:
    """One bar a day with its worst state; neighbouring days of one state are one path. share: of the known time."""
    states = [
        "maint" if day in days.planned else marks.css_class(state) if state else ""
        for day, state in enumerate(days.states)
    ]
    paths: dict[str, list[str]] = {}
    position = 0
    while position < len(states):
        state, start = states[position], position
        while position < len(states) and states[position] == state:
            position += 1
        if state:
            paths.setdefault(state, []).append(_days_bar(state, start * 3, (position - start) * 3))
    watched = sum(1 for state in states if state)
    told = f"{share} of known time OK" if share else "nothing known"
    label = f"{name}, {watched} {'day' if watched == 1 else 'days'} watched: {told}"
    words = [f"{word} {number}" for word, number in counted(days).items()]
    if words:
        label += "; days with " + ", ".join(words)
    drawn = tuple((key, "".join(paths[key])) for key in ("ok", "warn", "crit", "unknown", "maint") if key in paths)
    return Drawing(drawn, label, (), share)


def _days_bar(state: str, x: int, width: int) -> str:
    """Neighbouring days of one state. UNKNOWN is dashed, maintenance a short bar with its cap apart."""
    box = f"M{x} {{}}h{width}v{{}}h-{width}z"
    if state == "ok":
        return box.format(21, 3)
    if state == "warn":
        return box.format(10, 14)
    if state == "crit":
        return box.format(0, 24)
    if state == "maint":
        return box.format(18, 6) + box.format(12, 3)
    dash = f"h{width}v4h-{width}z"
    return f"M{x} 2{dash}m0 7{dash}m0 7{dash}m0 6h{width}v2h-{width}z"


def percent(share: float) -> str:
    """A share for people; never rounded up to 100."""
    if share >= 1.0:
        return "100 %"
    return f"{min(share * 100, 99.99):.2f} %"
