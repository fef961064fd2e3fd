"""Who is on call at a moment, and the shifts of a span: without a gap or an overlap, whatever the clocks do."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from watchkeeper.core import hours
from watchkeeper.core.hours import DAY_S, moment
from watchkeeper.core.oncall.values import Duty, Layer, Override, Reason, Schedule, Shift

HORIZON_S = 400 * 86400.0
_WINDOWS_S = (16 * 86400.0, 100 * 86400.0, HORIZON_S)


def shifts(schedule: Schedule, overrides: Sequence[Override], since: float, until: float) -> list[Shift]:
    """The shifts between two times, in order, cut at them: together they are exactly that span.

    overrides: those made by command; those of the file are in the schedule. Times with nobody are shifts of person "".
    """
    live = live_overrides(schedule, overrides, since, until)
    points = sorted({since, until, *_boundaries(schedule, live, since, until)})
    found: list[Shift] = []
    for start, end in pairwise(points):
        person, reason, override = _who(schedule, live, start)
        last = found[-1] if found else None
        if last is not None and (last.person, last.reason, last.override) == (person, reason, override):
            found[-1] = Shift(schedule.name, person, last.since, end, reason, override)
        else:
            found.append(Shift(schedule.name, person, start, end, reason, override))
    return found


def person_at(schedule: Schedule, overrides: Sequence[Override], at: float) -> str:
    """Who is on call at a moment; "" when nobody is."""
    return _who(schedule, live_overrides(schedule, overrides, at, at), at)[0]


def duty(schedule: Schedule, overrides: Sequence[Override], at: float) -> Duty:
    """Who is on call at a moment, since when, until when, and who follows."""
    person, reason, _ = _who(schedule, live_overrides(schedule, overrides, at, at), at)
    since = until = None
    following = ""
    for reach in _WINDOWS_S:
        near = by_person(shifts(schedule, overrides, at - reach, at + reach))
        place = bisect_right([each.since for each in near], at) - 1
        since = near[place].since if place > 0 else None
        until = near[place].until if place < len(near) - 1 else None
        following = near[place + 1].person if place < len(near) - 1 else ""
        if since is not None and until is not None:
            break
    return Duty(schedule.name, person, since, until, reason, following)


def by_person(found: Sequence[Shift]) -> list[Shift]:
    """The same shifts, those of one person that meet made one; what was the reason of the first stays."""
    merged: list[Shift] = []
    for each in found:
        last = merged[-1] if merged else None
        if last is not None and last.person == each.person and last.until == each.since:
            merged[-1] = Shift(last.schedule, last.person, last.since, each.until, last.reason, last.override)
        else:
            merged.append(each)
    return merged


def live_overrides(
    schedule: Schedule, overrides: Sequence[Override], since: float, until: float
) -> tuple[Override, ...]:
    """Those that count within a span, the one that wins first: by command before by file, the newest before older."""
    made = [each for each in overrides if each.schedule == schedule.name and each.removed_at is None]
    made.sort(key=lambda each: each.id, reverse=True)
    ordered = [*made, *reversed(schedule.overrides)]
    return tuple(each for each in ordered if each.until > since and each.since <= until)


def _who(schedule: Schedule, live: Sequence[Override], at: float) -> tuple[str, Reason, int]:
    for each in live:
        if each.since <= at < each.until:
            return each.person, "override", each.id
    if schedule.cover and schedule.holidays:
        day = hours.local_date(at, schedule.timezone).isoformat()
        if day in schedule.holidays:
            return schedule.cover[schedule.holidays.index(day) % len(schedule.cover)], "holiday", 0
    for layer in schedule.layers:
        person = layer_person(layer, schedule.timezone, at)
        if person:
            return person, "rotation", 0
    return "", "nobody", 0


def layer_person(layer: Layer, timezone: str, at: float) -> str:
    """Who of a layer has the turn at a moment; "" before it starts and outside its hours."""
    if at < starts_at(layer, timezone) or (layer.restrict is not None and not hours.is_open(layer.restrict, at)):
        return ""
    return layer.rotation[_turn(layer, timezone, at) % len(layer.rotation)]


def starts_at(layer: Layer, timezone: str) -> float:
    """When a layer begins; minus infinity when it always was."""
    return moment(date.fromisoformat(layer.starts), layer.hand_over, timezone) if layer.starts else float("-inf")


def _turn(layer: Layer, timezone: str, at: float) -> int:
    """The number of the turn that holds at a moment: the last whose hand-over was not after it."""
    midnight = datetime.combine(date.fromisoformat(layer.anchor), datetime.min.time())
    passed = hours.local(at, timezone).replace(tzinfo=None) - midnight
    turn = int((passed.total_seconds() - layer.hand_over) // layer.every_s)
    while _hand_over(layer, timezone, turn + 1) <= at:
        turn += 1
    while _hand_over(layer, timezone, turn) > at:
        turn -= 1
    return turn


def _hand_over(layer: Layer, timezone: str, turn: int) -> float:
    """When a turn begins: counted on the clock of the wall, so that it stays at its hour through the year."""
    days, second = divmod(layer.hand_over + turn * layer.every_s, DAY_S)
    return moment(date.fromisoformat(layer.anchor) + timedelta(days=days), second, timezone)


def _boundaries(schedule: Schedule, live: Sequence[Override], since: float, until: float) -> Iterator[float]:
    """Every time within a span at which somebody else may begin."""
    for each in live:
        yield from (at for at in (each.since, each.until) if since < at < until)
    for name in schedule.holidays if schedule.cover else ():
        day = date.fromisoformat(name)
        edges = (moment(day, 0, schedule.timezone), moment(day, DAY_S, schedule.timezone))
        yield from (at for at in edges if since < at < until)
    for layer in schedule.layers:
        yield from (at for at in _layer_boundaries(layer, schedule.timezone, since, until) if since < at < until)


def _layer_boundaries(layer: Layer, timezone: str, since: float, until: float) -> Iterator[float]:
    start = starts_at(layer, timezone)
    if start >= until:
        return
    yield start
    if len(layer.rotation) > 1:
        turn = _turn(layer, timezone, max(since, start))
        while (at := _hand_over(layer, timezone, turn)) < until:
            yield at
            turn += 1
    if layer.restrict is not None:
        for opened, closed in hours.spans(layer.restrict, since, until):
            yield opened
            yield closed
