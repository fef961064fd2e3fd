"""Hours of the week that count as working time, in a time zone: right over midnight, summer time and holidays.

A local time means the first moment at which the clocks of the zone have reached it: one that summer time skips is the
moment of the skip, one that comes twice is the first. So spans that meet on the clock meet in time as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_S = 86400
_LOOK_AHEAD_DAYS = 800


@dataclass(frozen=True, slots=True)
class Hours:
    """On each of `days` from `opens` to `closes`, except on holidays.

    days: 0 is Monday. opens, closes: seconds after local midnight, closes up to 86400; one that is not after `opens` is
    of the next day. timezone: IANA name. holidays: local dates as ``2026-12-25``; one takes the span that begins on it.
    """

    days: tuple[int, ...]
    opens: int
    closes: int
    timezone: str
    holidays: frozenset[str] = frozenset()


def is_open(hours: Hours, at: float) -> bool:
    """Whether `at` (epoch seconds) lies within the hours. The first moment counts, the last does not."""
    return any(since <= at < until for since, until in _raw(hours, local_date(at, hours.timezone), 1))


def spans(hours: Hours, since: float, until: float) -> Iterator[tuple[float, float]]:
    """All open spans between two times, cut at them, in order; spans that meet are one."""
    held: tuple[float, float] | None = None
    first = local_date(since, hours.timezone)
    days = (local_date(until, hours.timezone) - first).days + 1
    for opened, closed in _raw(hours, first, days):
        opened, closed = max(opened, since), min(closed, until)
        if opened >= closed:
            continue
        if held is not None and opened <= held[1]:
            held = (held[0], max(held[1], closed))
            continue
        if held is not None:
            yield held
        held = (opened, closed)
    if held is not None:
        yield held


def open_seconds(hours: Hours, since: float, until: float) -> float:
    """How many seconds between two times lie within the hours."""
    return sum(closed - opened for opened, closed in spans(hours, since, until))


def next_open(hours: Hours, at: float) -> float | None:
    """`at` itself within the hours, else when they begin next; None when they do not within two years."""
    for opened, closed in _raw(hours, local_date(at, hours.timezone), _LOOK_AHEAD_DAYS):
        if closed > at:
            return max(opened, at)
    return None


def next_close(hours: Hours, at: float) -> float | None:
    """When the hours that hold at `at` (or the next ones) end; hours round the clock end two years ahead."""
    opened = next_open(hours, at)
    if opened is None:
        return None
    return next(spans(hours, opened, opened + _LOOK_AHEAD_DAYS * DAY_S))[1]


def after_open_seconds(hours: Hours, since: float, wanted_s: float) -> float | None:
    """When `wanted_s` seconds of the hours have passed since a time; None when that is more than two years away."""
    left = wanted_s
    start = since
    for opened, closed in _raw(hours, local_date(since, hours.timezone), _LOOK_AHEAD_DAYS):
        opened = max(opened, start)
        if closed <= opened:
            continue
        if left <= closed - opened:
            return opened + left
        left -= closed - opened
        start = closed
    return None


def _raw(hours: Hours, first: date, days: int) -> Iterator[tuple[float, float]]:
    """Spans that begin on the day before `first` or on one of `days` days from it; neighbours may overlap."""
    overnight = hours.closes <= hours.opens
    for offset in range(-1, days):
        day = first + timedelta(days=offset)
        if day.weekday() in hours.days and day.isoformat() not in hours.holidays:
            last = day + timedelta(days=1) if overnight else day
            yield moment(day, hours.opens, hours.timezone), moment(last, hours.closes, hours.timezone)


# ---- local times -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The time zone; raises ZoneInfoNotFoundError for an unknown name."""
    return ZoneInfo(name)


def local(at: float, timezone: str) -> datetime:
    """The local time of a moment."""
    return datetime.fromtimestamp(at, zone(timezone))


def local_date(at: float, timezone: str) -> date:
    """The local date of a moment."""
    return local(at, timezone).date()


@lru_cache(maxsize=16384)
def moment(day: date, second: int, timezone: str) -> float:
    """Epoch seconds of the first moment at which the clocks have reached `second` seconds after midnight of that day.

    second: from 0; 86400 is the midnight that ends the day.
    """
    naive = datetime(day.year, day.month, day.day) + timedelta(seconds=second)
    here = zone(timezone)
    late = naive.replace(tzinfo=here).timestamp()
    if datetime.fromtimestamp(late, here).replace(tzinfo=None) == naive:
        return late
    return _skip(naive.replace(tzinfo=here, fold=1).timestamp(), late, here)


def _skip(before: float, after: float, here: ZoneInfo) -> float:
    """The moment between two others at which the clocks were put forward, to the second."""
    offset = datetime.fromtimestamp(before, UTC).astimezone(here).utcoffset()
    low, high = int(before), int(after)
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(here).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return float(high)


# ---- words -----------------------------------------------------------------------------------------------------------------


def parse_time(text: str) -> int | None:
    """Seconds after midnight of ``08:00`` or ``24:00``; None when the text is no time of day."""
    hour, colon, minute = text.strip().partition(":")
    if not (colon and hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        return None
    if len(hour) > 2 or len(minute) != 2 or int(minute) > 59:
        return None
    seconds = int(hour) * 3600 + int(minute) * 60
    return seconds if seconds <= DAY_S else None


def parse_days(text: str) -> tuple[int, ...] | None:
    """Days of ``mon-fri``, ``sat, sun`` or ``fri-mon``, 0 is Monday, in order; None when one is no day of the week."""
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if day_of(first) is None or (dash and day_of(last) is None):
            return None
        start = day_of(first) or 0
        end = (day_of(last) or 0) if dash else start
        found.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(sorted(found))


def day_of(word: str) -> int | None:
    """0 for ``mon`` or ``Monday`` to 6; None for another word."""
    low = word.strip().lower()
    full = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
    return DAY_NAMES.index(low[:3]) if low in DAY_NAMES or low in full else None


def clock(second: int) -> str:
    """``08:00`` of seconds after midnight."""
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"


def words(hours: Hours) -> str:
    """The hours for people: ``mon-fri 08:00 to 17:00 Europe/Amsterdam``."""
    return f"{day_words(hours.days)} {clock(hours.opens)} to {clock(hours.closes)} {hours.timezone}"


def day_words(days: tuple[int, ...]) -> str:
    """``mon-fri``, ``sat, sun`` or ``every day``."""
    if len(days) == 7:
        return "every day"
    if len(days) > 2 and days == tuple(range(days[0], days[-1] + 1)):
        return f"{DAY_NAMES[days[0]]}-{DAY_NAMES[days[-1]]}"
    return ", ".join(DAY_NAMES[day] for day in days)
