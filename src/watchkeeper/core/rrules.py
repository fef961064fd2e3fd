"""Rules of RFC 5545 for days: whether a day is one of a rule's, asked without walking there from its beginning.

Only what plans maintenance: DAILY, WEEKLY, MONTHLY, YEARLY with INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST and
UNTIL. Every question costs the same however long ago a rule began, and one that matches nothing ends as well.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)\Z")
_KEYS = ("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST", "UNTIL")


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed rule. by_day: (which one in the month or year, 0 for each; weekday, Monday 0). until: local, inclusive."""

    frequency: Frequency
    interval: int = 1
    by_day: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_position: tuple[int, ...] = ()
    week_start: int = 0
    until: datetime | None = None


class RuleError(ValueError):
    """Why a text is no rule that we follow."""


@lru_cache(maxsize=256)
def parse_rule(text: str) -> Rule:
    """``FREQ=MONTHLY;BYDAY=1SU``. Raises `RuleError` with the reason, to stand behind a colon."""
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        key, equals, value = part.partition("=")
        if key not in _KEYS or not equals or not value or len(value) > 200 or key in parts:
            raise RuleError(f"'{part[:40]}' is none of {', '.join(_KEYS)} with a value, each once")
        parts[key] = value
    frequency = parts.get("FREQ", "")
    if frequency not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        raise RuleError("FREQ is one of DAILY, WEEKLY, MONTHLY, YEARLY; what comes more often is written as cron")
    rule = Rule(
        frequency,  # type: ignore[arg-type]
        _numbers(parts, "INTERVAL", 1, 1000, "1")[0],
        tuple(_by_day(each) for each in parts["BYDAY"].split(",")) if "BYDAY" in parts else (),
        _numbers(parts, "BYMONTHDAY", -31, 31),
        _numbers(parts, "BYMONTH", 1, 12),
        _numbers(parts, "BYSETPOS", -366, 366),
        _weekday(parts.get("WKST", "MO")),
        _until(parts["UNTIL"]) if "UNTIL" in parts else None,
    )
    _assert_fits(rule)
    return rule


def _assert_fits(rule: Rule) -> None:
    """What RFC 5545 forbids together."""
    if rule.frequency in ("DAILY", "WEEKLY") and any(which for which, _ in rule.by_day):
        raise RuleError(f"a numbered BYDAY belongs to MONTHLY or YEARLY, not to {rule.frequency}")
    if rule.frequency == "WEEKLY" and rule.by_month_day:
        raise RuleError("BYMONTHDAY does not belong to WEEKLY")
    if rule.by_position and not (rule.by_day or rule.by_month_day or rule.by_month):
        raise RuleError("BYSETPOS needs BYDAY, BYMONTHDAY or BYMONTH, of which it picks")


def _numbers(parts: dict[str, str], key: str, least: int, most: int, default: str = "") -> tuple[int, ...]:
    text = parts.get(key, default)
    found = []
    for each in text.split(",") if text else ():
        if not re.fullmatch(r"[+-]?\d{1,4}", each) or not least <= int(each) <= most or int(each) == 0:
            raise RuleError(f"{key} is made of whole numbers from {least} to {most}, not '{each[:20]}'")
        found.append(int(each))
    return tuple(found)


def _by_day(text: str) -> tuple[int, int]:
    match = _BY_DAY.match(text)
    which = int(match.group(1) or 0) if match else 0
    if match is None or abs(which) > 53 or match.group(1) in ("0", "+0", "-0", "00"):
        raise RuleError(f"BYDAY is made of MO to SU, as in 1SU or -1FR, not '{text[:20]}'")
    return which, _DAYS.index(match.group(2))


def _weekday(text: str) -> int:
    if text not in _DAYS:
        raise RuleError(f"WKST is one of {', '.join(_DAYS)}")
    return _DAYS.index(text)


def _until(text: str) -> datetime:
    try:
        if len(text) == 8:
            return datetime.strptime(text, "%Y%m%d") + timedelta(days=1, seconds=-1)
        return datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")
    except ValueError:
        raise RuleError(
            "UNTIL is a date such as 20271231, or with a time, 20271231T020000, of the window's own zone"
        ) from None


def matching_days(rule: Rule, first: datetime, since: date, until: date) -> Iterator[date]:
    """The days of a rule that begins with `first`, from `since` to `until`, oldest first."""
    day = max(since, first.date())
    while day <= until:
        if rule.until is not None and datetime.combine(day, first.time()) > rule.until:
            return
        if is_day(rule, first.date(), day):
            yield day
        day += timedelta(days=1)


def is_day(rule: Rule, first: date, day: date) -> bool:
    """Whether the rule that begins on `first` falls on this day, UNTIL aside."""
    if not _in_period(rule, first, day) or not _selected(rule, first, day):
        return False
    if not rule.by_position:
        return True
    same = [each for each in _period(rule, day) if _selected(rule, first, each)]
    place = same.index(day)
    return any(position in (place + 1, place - len(same)) for position in rule.by_position)


def _in_period(rule: Rule, first: date, day: date) -> bool:
    """Whether its day, week, month or year is one that INTERVAL does not skip."""
    if rule.frequency == "DAILY":
        return (day - first).days % rule.interval == 0
    if rule.frequency == "WEEKLY":
        weeks = (_week(day, rule.week_start) - _week(first, rule.week_start)).days // 7
        return weeks % rule.interval == 0
    if rule.frequency == "MONTHLY":
        return ((day.year - first.year) * 12 + day.month - first.month) % rule.interval == 0
    return (day.year - first.year) % rule.interval == 0


def _week(day: date, week_start: int) -> date:
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def _period(rule: Rule, day: date) -> list[date]:
    """All days of its day, week, month or year."""
    if rule.frequency == "DAILY":
        return [day]
    if rule.frequency == "WEEKLY":
        start = _week(day, rule.week_start)
        return [start + timedelta(days=each) for each in range(7)]
    if rule.frequency == "MONTHLY":
        return [day.replace(day=each) for each in range(1, calendar.monthrange(day.year, day.month)[1] + 1)]
    start = date(day.year, 1, 1)
    return [start + timedelta(days=each) for each in range(366 if calendar.isleap(day.year) else 365)]


def _selected(rule: Rule, first: date, day: date) -> bool:
    """Whether the BY parts name this day; where they leave something open, the first day decides it."""
    if rule.by_month and day.month not in rule.by_month:
        return False
    if rule.by_month_day and not {day.day, day.day - 1 - calendar.monthrange(day.year, day.month)[1]} & set(
        rule.by_month_day
    ):
        return False
    if rule.by_day and not any(
        weekday == day.weekday() and _numbered(rule, which, day) for which, weekday in rule.by_day
    ):
        return False
    if rule.by_day or rule.by_month_day:
        return True
    defaults: dict[Frequency, Callable[[], bool]] = {
        "DAILY": lambda: True,
        "WEEKLY": lambda: day.weekday() == first.weekday(),
        "MONTHLY": lambda: day.day == first.day,
        "YEARLY": lambda: day.day == first.day and (bool(rule.by_month) or day.month == first.month),
    }
    return defaults[rule.frequency]()


def _numbered(rule: Rule, which: int, day: date) -> bool:
    """Whether this weekday is the one with that number, counted in its month, or in its year for YEARLY without BYMONTH."""
    if which == 0:
        return True
    if rule.frequency == "YEARLY" and not rule.by_month:
        place, days = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
    else:
        place, days = day.day, calendar.monthrange(day.year, day.month)[1]
    return which in ((place - 1) // 7 + 1, -((days - place) // 7 + 1))
