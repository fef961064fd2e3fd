"""Kinds of fields in the files of the ops repo: durations, sizes, names, rates. Each knows its words and its schema."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

from watchkeeper.core.conditions.quantities import parse_size
from watchkeeper.core.times import parse_duration

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_NAME = re.compile(NAME + r"\Z")
_RATE = re.compile(r"(\d{1,5})\s+(?:per|in|each)\s+(second|minute|hour|day|week|\d+(?:ms|s|min|m|h|d|w))\Z")
_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0}
_IN_A_ROW = re.compile(r"(\d{1,3})\s+in\s+a\s+row\Z")
SECRET = re.compile(r"secret:(.*)\Z", re.DOTALL)
MISTAKE = "mistake"


def mistake(expected: str, example: str = "", found: str = "", meant: str = "") -> PydanticCustomError:
    """A validation error in our words. found: left out when the value itself says it."""
    context = {"expected": expected, "example": example, "found": found, "meant": meant}
    return PydanticCustomError(MISTAKE, "expected {expected}", context)


def _duration(value: Any) -> float:
    if isinstance(value, str):
        seconds = parse_duration(value)
        if seconds is not None:
            return seconds
    elif isinstance(value, int | float) and not isinstance(value, bool):
        raise mistake("a duration with its unit", f"{value}s", meant=f"{value}s")
    raise mistake("a duration", "30s")


def duration_between(least_s: float, most_s: float, least: str, most: str) -> Any:
    """A duration within bounds, in seconds."""

    def check(value: Any) -> float:
        seconds = _duration(value)
        if not least_s <= seconds <= most_s:
            raise mistake(f"a duration from {least} to {most}", least if seconds < least_s else most)
        return seconds

    schema = {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|min|m|h|d|w))+$", "examples": ["30s", "5m", "1h30m"]}
    return Annotated[float, BeforeValidator(check), WithJsonSchema(schema)]


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    size = parse_size(value) if isinstance(value, str) else None
    if not size:
        raise mistake("a size", "200MB")
    return size


def whole_between(least: int, most: int) -> Any:
    """A whole number within bounds."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise mistake(f"a whole number from {least} to {most}", str(least))
        return value

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Annotated[int, BeforeValidator(check), WithJsonSchema(schema)]


def _name(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise mistake("a name", "app1")
    if not _NAME.match(value):
        raise mistake(
            "a name of letters, digits, '.', '_' and '-', at most 63, beginning with a letter or digit", "app1"
        )
    return value


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float | bool):
        raise mistake("text in quotes", f'"{str(value).lower()}"')
    if not isinstance(value, str):
        raise mistake("text")
    return value


def _filled(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise mistake("text")
    return value


def _absolute(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/") or "\n" in value:
        raise mistake("an absolute path", "/srv/shop/shop.env")
    return value


def _rate(value: Any) -> tuple[int, float]:
    match = _RATE.match(value.strip()) if isinstance(value, str) else None
    if match is not None:
        seconds = _PERIODS.get(match.group(2)) or parse_duration(match.group(2)) or 0.0
        if seconds > 0:
            return int(match.group(1)), seconds
    raise mistake("a number per period", "3 per hour")


def _in_a_row(value: Any) -> int:
    match = _IN_A_ROW.match(value.strip()) if isinstance(value, str) else None
    count = int(match.group(1)) if match else value if isinstance(value, int) and not isinstance(value, bool) else 0
    if not 1 <= count <= 100:
        raise mistake("a number of OK readings in a row, from 1 to 100", "2 in a row")
    return count


def _timezone(value: Any) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except Exception:
        raise mistake("a time zone of the IANA list", "Europe/Amsterdam", meant=_similar_zone(value)) from None
    return str(value)


def _similar_zone(value: Any) -> str:
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    close = get_close_matches(str(value)[:60], available_timezones(), n=1, cutoff=0.6)
    return close[0] if close else ""


def _cron(value: Any) -> str:
    from datetime import UTC, datetime

    from cronsim import CronSim

    if isinstance(value, str) and len(value) <= 200:
        try:
            next(iter(CronSim(value, datetime(2026, 1, 1, tzinfo=UTC))))
            return value
        except Exception:  # a parser of another house: whatever it raises, the expression is no schedule
            pass
    raise mistake("a cron expression of five fields that comes due at some time", '"0 2 * * *"')


Every = duration_between(0.2, 366 * 86400.0, "200ms", "366d")
Timeout = duration_between(0.1, 3600.0, "100ms", "1h")
AnswerTime = duration_between(1.0, 60.0, "1s", "60s")
Trusted = duration_between(86400.0, 90 * 86400.0, "1d", "90d")
Grace = duration_between(0.0, 366 * 86400.0, "0s", "366d")
Size = Annotated[
    int, BeforeValidator(_size), WithJsonSchema({"type": ["string", "integer"], "examples": ["200MB", "2GiB"]})
]
Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})]
Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "integer"]})]
Filled = Annotated[str, BeforeValidator(_filled), WithJsonSchema({"type": "string", "minLength": 1})]
AbsolutePath = Annotated[str, BeforeValidator(_absolute), WithJsonSchema({"type": "string", "pattern": "^/"})]
Rate = Annotated[
    tuple[int, float],
    BeforeValidator(_rate),
    WithJsonSchema({"type": "string", "examples": ["3 per hour", "30 per day"]}),
]
InARow = Annotated[
    int, BeforeValidator(_in_a_row), WithJsonSchema({"type": ["string", "integer"], "examples": ["2 in a row"]})
]
TimeZone = Annotated[
    str, BeforeValidator(_timezone), WithJsonSchema({"type": "string", "examples": ["Europe/Amsterdam"]})
]
Cron = Annotated[str, BeforeValidator(_cron), WithJsonSchema({"type": "string", "examples": ["0 2 * * *"]})]
Flag = StrictBool
Pause = duration_between(10.0, 31 * 86400.0, "10s", "31d")
Muted = duration_between(60.0, 30 * 86400.0, "1m", "30d")
Watched = duration_between(0.0, 86400.0, "0s", "1d")
Port = whole_between(1, 65535)
Kept = whole_between(1, 1000)
Misses = whole_between(0, 100)
Tier = whole_between(1, 3)
After = duration_between(0.0, 30 * 86400.0, "0s", "30d")
Again = duration_between(60.0, 7 * 86400.0, "1m", "7d")
Times = whole_between(1, 100)
