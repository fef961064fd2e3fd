"""When a piece of work is due: words and times in headings and the lines below them, and crontab lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TIME: Final = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3])[:.](?P<minute>[0-5]\d)\s*(?P<half>[ap]\.?m\.?)?(?![\d:])|\b(?P<hour12>1[0-2]|0?[1-9])\s*(?P<half12>[ap]\.?m\.?)\b",
    re.I,
)
_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_HOURLY: Final = re.compile(r"\b(?:hourly|every hour)\b|毎時|每小时", re.I)
_EVERY_HOURS: Final = re.compile(r"\bevery\s+(\d{1,2})\s+hours\b", re.I)
_WORK: Final = re.compile(
    r"\b(?:(?:every|each)\s+(?:business|working|work|week)\s*day|weekdays|business days|"
    r"start of (?:the )?business day|end of (?:the )?business day)\b|平日|工作日",
    re.I,
)
_DAILY: Final = re.compile(
    r"\b(?:daily|every (?:day|morning|evening|night)|each day|nightly)\b|毎日|每日|每天|日次", re.I
)
_WEEKLY: Final = re.compile(r"\b(?:weekly|every week|each week|once a week)\b|毎週|每周|週次", re.I)
_MONTHLY: Final = re.compile(r"\b(?:monthly|every month|each month|once a month)\b|毎月|每月|月次", re.I)
_QUARTERLY: Final = re.compile(r"\b(?:quarterly|every (?:three|3) months|every quarter)\b", re.I)
_YEARLY: Final = re.compile(r"\b(?:yearly|annual|annually|every year)\b", re.I)
_PART: Final = (
    (re.compile(r"\b(?:morning|start of (?:the )?(?:business )?day|opening)\b|朝", re.I), 8),
    (re.compile(r"\b(?:midday|noon|lunch)\b|昼", re.I), 12),
    (re.compile(r"\b(?:evening|end of (?:the )?(?:business )?day|closing)\b|夕", re.I), 18),
    (re.compile(r"\b(?:night|nightly|overnight)\b|夜", re.I), 22),
)
DEFAULT_HOUR: Final = 9


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule. cron: five fields. guessed: what of it the document does not say, "" for nothing."""

    cron: str
    guessed: str = ""


def due_of(texts: tuple[str, ...]) -> Due | None:
    """When the work is due that these texts speak of, the nearest first; None when they name no rhythm."""
    for text in texts:
        rhythm = _rhythm(text)
        if rhythm is None:
            continue
        if len(rhythm.split()) == 4:
            return Due(f"0 {rhythm}")
        hour, minute, guessed = _time(text, texts)
        return Due(f"{minute} {hour} {rhythm}", guessed)
    return None


def _rhythm(text: str) -> str | None:
    """The last three fields of cron, or hour and those; None without a rhythm."""
    hours = _EVERY_HOURS.search(text)
    if hours and 0 < int(hours[1]) < 24:
        return f"*/{int(hours[1])} * * *"
    if _HOURLY.search(text):
        return "* * * *"
    day = next(
        (at for at, name in enumerate(_DAYS) if re.search(rf"\b(?:every|each|on)?\s*{name}s?\b", text, re.I)), None
    )
    if day is not None and not _DAILY.search(text):
        return f"* * {day}"
    if _WORK.search(text):
        return "* * 1-5"
    for pattern, fields in (
        (_DAILY, "* * *"),
        (_WEEKLY, "* * 1"),
        (_MONTHLY, "1 * *"),
        (_QUARTERLY, "1 1,4,7,10 *"),
        (_YEARLY, "1 1 *"),
    ):
        if pattern.search(text):
            return fields
    return None


def _time(nearest: str, texts: tuple[str, ...]) -> tuple[int, int, str]:
    for text in (nearest, *texts):
        match = _TIME.search(text)
        if match:
            hour = int(match["hour"] or match["hour12"])
            half = (match["half"] or match["half12"] or "").lower()[:1]
            if half == "p" and hour < 12:
                hour += 12
            elif half == "a" and hour == 12:
                hour = 0
            return hour, int(match["minute"] or 0), ""
    for text in (nearest, *texts):
        for pattern, hour in _PART:
            if pattern.search(text):
                return hour, 0, f"the hour is not said, {hour:02d}:00 is a guess"
    return DEFAULT_HOUR, 0, f"the hour is not said, {DEFAULT_HOUR:02d}:00 is a guess"


CRON_WORDS: Final = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip


def five_fields(cron: str) -> str:
    """A cron expression in five fields; "" for ``@reboot``."""
    return CRON_WORDS.get(cron, "") if cron.startswith("@") else cron
