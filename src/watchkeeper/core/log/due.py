"""When something is to be done, as people say it: for 48 h, in 2 weeks, on 2026-01-02, by Friday, tomorrow at 14:00."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

DAY_BEGINS, DAY_ENDS = time(9, 0), time(17, 0)
"""When something is due "on" a day, and "by" a day, in the team's time zone."""
FARTHEST_S: Final = 5 * 366 * 86400.0
"""What lies farther ahead is no date of a task."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the words of a task say. due_at: epoch seconds, None when they name no time. lasts_s: "for 48 h" as seconds."""

    due_at: float | None = None
    lasts_s: float | None = None


_NUMBERS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "few": 3, "couple of": 2,
}  # fmt: skip
_UNIT_S: Final = {"minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0, "h": 3600.0, "day": 86400.0, "d": 86400.0,
                  "business day": 86400.0, "working day": 86400.0, "week": 604800.0, "wk": 604800.0, "w": 604800.0,
                  "fortnight": 1209600.0, "month": 0.0, "year": 0.0, "m": 60.0}  # fmt: skip
_COUNT: Final = r"(?P<count>\d{1,4}(?:\.\d)?|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_UNIT: Final = r"(?P<unit>business day|working day|fortnight|minute|month|hour|year|week|day|min|hr|wk|h|d|w|m)s?"
_RANGE: Final = r"(?:\d{1,4}(?:\.\d)?\s*(?:-|–|to|or)\s*)?"
_SPAN: Final = re.compile(
    r"\b(?P<word>for(?: (?:the|another|at least|the next|the first|up to))*|over the next|during the next|the next|next|"
    r"in|within|after|every|last|past|previous)\s+" + _RANGE + _COUNT + r"[\s-]*" + _UNIT + r"\b(?!\s*(?:ago|earlier))",
    re.I,
)
_ADJECTIVE: Final = re.compile(
    r"\b(?P<count>\d{1,4})[\s-]*(?P<unit>hour|day|week|month|h|d)\b(?!s)[\s-]+(?P<what>\w+)", re.I
)
_WATCHED: Final = ("watch", "monitoring", "observation", "soak", "window", "period", "burn")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_ISO: Final = re.compile(r"(?<![\d-])(?P<year>20\d\d)[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})(?![\d/-])")
_CJK: Final = re.compile(r"(?P<year>20\d\d)\s*[年년]\s*(?P<month>\d{1,2})\s*[月월]\s*(?P<day>\d{1,2})\s*[日일]")
_DAY_FIRST: Final = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? (?P<year>20\d\d))?\b", re.I
)
_MONTH_FIRST: Final = re.compile(
    rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,? (?P<year>20\d\d))?\b", re.I
)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY: Final = re.compile(
    r"\b(?P<word>next|on|by|this|until|before|coming|due)\s+(?:next\s+|coming\s+)?(?P<name>" + "|".join(_WEEKDAYS)
    + r"|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b", re.I
)  # fmt: skip
_WORDS: Final = re.compile(
    r"\b(?P<word>today|tonight|tomorrow|(?:by |at |before )?(?:the )?end of (?:the )?(?:day|week|month)|eod|eow|eom|"
    r"next week|next month|this week)\b",
    re.I,
)
_CLOCK: Final = re.compile(
    r"(?:\s+at|\s*@|,|T|\s)\s*(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?:\s*(?P<half>[ap])\.?m\b)?", re.I
)
_BEFORE: Final = re.compile(r"\b(?:by|before|until|till|no later than|due|deadline:?)\s*(?:on\s+)?(?:the\s+)?$", re.I)
_PASSED: Final = re.compile(
    r"\b(?:since|from|of|was|were|did|done|deployed|created|backup|snapshot)\s*(?:on\s+)?$", re.I
)


def spoken_time(text: str, at: float, zone: tzinfo) -> Spoken:
    """When a text wants something done, read at `at` in a zone. A date that has passed by then is no due date."""
    plain = " ".join(text.split())[:2000]
    lasts = _lasting(plain)
    day = _dated(plain, at, zone)
    if day is not None and at - 86400.0 < day <= at + FARTHEST_S:
        return Spoken(day, lasts)
    if lasts is not None:
        return Spoken(at + lasts, lasts)
    span = _span(plain, at, zone)
    return Spoken(span if span is not None and span <= at + FARTHEST_S else None)


def _seconds(count: str, unit: str) -> float | None:
    """Of a length that a clock knows; months and years are for the calendar."""
    number = float(_NUMBERS.get(count.lower(), 0)) or (float(count) if count[0].isdigit() else 0.0)
    return number * _UNIT_S[unit.lower()] or None


def _lasting(text: str) -> float | None:
    """Seconds of "for 48 h", "over the next two weeks", "48-hour watch"."""
    for match in _SPAN.finditer(text):
        word = match["word"].lower()
        if word.startswith(("for", "over", "during", "the next", "next")):
            seconds = _seconds(match["count"], match["unit"])
            if seconds and seconds <= FARTHEST_S:
                return seconds
    for match in _ADJECTIVE.finditer(text):
        if match["what"].lower().startswith(_WATCHED):
            return _seconds(match["count"], match["unit"])
    return None


def _span(text: str, at: float, zone: tzinfo) -> float | None:
    """The end of "in 2 weeks", "within 7 days", "after a month", "for 3 months"."""
    for match in _SPAN.finditer(text):
        if match["word"].lower() in ("every", "last", "past", "previous"):
            continue
        seconds = _seconds(match["count"], match["unit"])
        if seconds is not None:
            return at + seconds
        number = _NUMBERS.get(match["count"].lower()) or int(float(match["count"]))
        months = number * (12 if match["unit"].lower() == "year" else 1)
        if 0 < months <= 60:
            return _months_later(at, months, zone)
    return None


def _months_later(at: float, months: int, zone: tzinfo) -> float:
    moment = datetime.fromtimestamp(at, zone)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, _last_day(year, month + 1))).timestamp()


def _last_day(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def _dated(text: str, at: float, zone: tzinfo) -> float | None:
    """The moment of the first day that is named: a date, a weekday, or a word such as tomorrow."""
    here = datetime.fromtimestamp(at, zone)
    for pattern in (_ISO, _CJK, _DAY_FIRST, _MONTH_FIRST):
        for match in pattern.finditer(text):
            day = _day_of(match, here.date())
            if day is not None and not _PASSED.search(text[: match.start()]):
                return _moment(day, text, match.end(), bool(_BEFORE.search(text[: match.start()])), zone)
    weekday = _WEEKDAY.search(text)
    if weekday:
        wanted = next(place for place, name in enumerate(_WEEKDAYS) if name.startswith(weekday["name"].lower()[:3]))
        ahead = (wanted - here.weekday()) % 7 or 7
        ends = weekday["word"].lower() in ("by", "until", "before")
        return _moment(here.date() + timedelta(days=ahead), text, weekday.end(), ends, zone)
    word = _WORDS.search(text)
    if word:
        day, ends = _worded(word["word"].lower(), here.date())
        moment = _moment(day, text, word.end(), ends, zone)
        return moment if moment > at or day > here.date() else datetime.combine(day, time(23, 59), zone).timestamp()
    return None


def _day_of(match: re.Match[str], today: date) -> date | None:
    """The date of a match; without a year the next such day. None for a day that no calendar has."""
    name = match["month"]
    month = int(name) if name.isdigit() else 1 + _MONTHS.index(name.lower()[:3])
    try:
        if match["year"]:
            return date(int(match["year"]), month, int(match["day"]))
        day = date(today.year, month, int(match["day"]))
        return day if day >= today - timedelta(days=1) else date(today.year + 1, month, int(match["day"]))
    except ValueError:
        return None


def _worded(word: str, today: date) -> tuple[date, bool]:
    """(day, whether its end is meant)."""
    if word in ("today", "tonight", "eod") or word.endswith("day"):
        return today, True
    if word == "tomorrow":
        return today + timedelta(days=1), False
    if word == "next week":
        return today + timedelta(days=7 - today.weekday()), False
    if word == "next month":
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1), False
    if word.endswith("month") or word == "eom":
        return today.replace(day=_last_day(today.year, today.month)), True
    return today + timedelta(days=(4 - today.weekday()) % 7), True


def _moment(day: date, text: str, end: int, ends: bool, zone: tzinfo) -> float:
    """A day at the hour that is named behind it, else at its begin or end."""
    hour = DAY_ENDS if ends else DAY_BEGINS
    clock = _CLOCK.match(text, end)
    if clock:
        number = int(clock["hour"])
        half = (clock["half"] or "").lower()
        number += 12 if half == "p" and number < 12 else -12 if half == "a" and number == 12 else 0
        hour = time(number, int(clock["minute"]))
    return datetime.combine(day, hour, zone).timestamp()


def read_due(text: str, at: float, timezone: tzinfo) -> float | None:
    """What a person gives as a date: ``2026-01-02``, ``2026-01-02T14:00``, ``48h``, ``next monday``, ``tomorrow at 14:00``.

    None for a text that says no time.
    """
    from watchkeeper.core.times import parse_duration

    said = text.strip()
    length = parse_duration(said.replace(" ", ""))
    if length is not None:
        return at + length
    try:
        moment = datetime.fromisoformat(said)
        if "T" in said or ":" in said:
            return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).timestamp()
    except ValueError:
        pass
    for words in (said, f"on {said}", f"in {said}"):
        found = spoken_time(words, at, timezone).due_at
        if found is not None:
            return found
    return None
