"""Times in the words of a question: ``30d``, ``yesterday``, ``last-week``, a date, a month, a minute."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, tzinfo

from watchkeeper.core.errors import Usage
from watchkeeper.core.log.vocabulary import folded
from watchkeeper.core.times import parse_duration

_AGO = re.compile(r"(\d{1,4})\s*(mo|y)(?: ago)?\Z")
_UNIT = re.compile(r"(\d)\s*(minute|hour|day|week|month|year)s?\b")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LAST = re.compile(r"(this|last)-(day|week|month|quarter|year)\Z")


def fault(text: str, position: int, what: str, hint: str = "") -> Usage:
    """The mistake of a question, with its place."""
    near = " ".join(text[position : position + 30].split())
    return Usage(f"The question cannot be read at character {position + 1} ('{near}'): {what}.", hint)


def span(value: str, now: float, zone: tzinfo | None, text: str = "", position: int = 0) -> tuple[float, float]:
    """[start, end) of a time in words: ``30d`` ago, ``yesterday``, ``monday``, ``last-week``, a date, a month, a minute."""
    word = folded(value)
    word = _UNIT.sub(lambda found: found.group(1) + ("mo" if found.group(2) == "month" else found.group(2)[0]), word)
    length = parse_duration(word.removesuffix(" ago").replace(" ", ""))
    if length is not None:
        return now - length, now - length
    here = datetime.fromtimestamp(now, zone)
    ago = _AGO.match(word)
    if ago is not None:
        back = _months_ago(here, int(ago.group(1)) * (12 if ago.group(2) == "y" else 1)).timestamp()
        return back, back
    found = _named_span(word, here) or _dated_span(word)
    if found is None:
        hint = "Write 30d, 12h, 6mo, today, yesterday, monday, last-week, 2026-11, 2026-11-21 or 2026-11-21T14:00."
        raise fault(text or value, position, f"'{value[:40]}' is no time", hint)
    try:
        return _epoch(found[0], zone), _epoch(found[1], zone)
    except (OverflowError, OSError, ValueError):
        raise fault(text or value, position, f"'{value[:40]}' is outside of all calendars") from None


def _months_ago(here: datetime, months: int) -> datetime:
    """The same day and hour so many months before, or the last day of that month; the year 1 at the earliest."""
    index = max(here.year * 12 + here.month - 1 - months, 13)
    following = _month(index + 1) - timedelta(days=1)
    return here.replace(year=index // 12, month=index % 12 + 1, day=min(here.day, following.day))


def _epoch(moment: datetime, zone: tzinfo | None) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _named_span(word: str, here: datetime) -> tuple[datetime, datetime] | None:
    today = datetime.combine(here.date(), datetime.min.time())
    if word == "now":
        return here, here
    if word in ("today", "yesterday"):
        start = today - timedelta(days=1 if word == "yesterday" else 0)
        return start, start + timedelta(days=1)
    day = next((index for index, name in enumerate(_WEEKDAYS) if word in (name, name[:3])), None)
    if day is not None:
        start = today - timedelta(days=(today.weekday() - day) % 7)
        return start, start + timedelta(days=1)
    relative = _LAST.match(word.replace(" ", "-"))
    return _period(today, relative.group(2), relative.group(1) == "last") if relative else None


def _period(today: datetime, unit: str, last: bool) -> tuple[datetime, datetime]:
    if unit in ("day", "week"):
        days = 1 if unit == "day" else 7
        start = today - timedelta(days=today.weekday() if unit == "week" else 0)
        start -= timedelta(days=days if last else 0)
        return start, start + timedelta(days=days)
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    index = (today.year * 12 + today.month - 1) // months * months - (months if last else 0)
    return _month(index), _month(index + months)


def _month(index: int) -> datetime:
    return datetime(index // 12, index % 12 + 1, 1)


def _dated_span(word: str) -> tuple[datetime, datetime] | None:
    try:
        if re.fullmatch(r"\d{4}", word):
            return datetime(int(word), 1, 1), datetime(int(word) + 1, 1, 1)
        if re.fullmatch(r"\d{4}-\d{2}", word):
            index = int(word[:4]) * 12 + int(word[5:]) - 1
            return (_month(index), _month(index + 1)) if 1 <= int(word[5:]) <= 12 else None
        if week := re.fullmatch(r"(\d{4})-w(\d{2})", word):
            start = datetime.combine(
                date.fromisocalendar(int(week.group(1)), int(week.group(2)), 1), datetime.min.time()
            )
            return start, start + timedelta(days=7)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
            start = datetime.combine(date.fromisoformat(word), datetime.min.time())
            return start, start + timedelta(days=1)
        if re.match(r"\d{4}-\d{2}-\d{2}[t ]\d{2}:\d{2}", word):
            moment = datetime.fromisoformat(word.upper())
            return moment, moment
    except (ValueError, OverflowError):
        pass
    return None
