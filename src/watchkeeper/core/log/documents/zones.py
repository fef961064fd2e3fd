"""Words for time zones: those that mean one thing, those that mean several, and the team's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

HOURS: dict[str, float] = {
    "UTC": 0, "GMT": 0, "Z": 0, "UT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2,
    "EEST": 3, "MSK": 3, "SAST": 2, "CAT": 2, "WAT": 1, "EAT": 3, "TRT": 3, "PKT": 5, "NPT": 5.75, "ICT": 7, "WIB": 7,
    "WITA": 8, "WIT": 9, "SGT": 8, "HKT": 8, "PHT": 8, "AWST": 8, "JST": 9, "KST": 9, "ACST": 9.5, "ACDT": 10.5,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "HST": -10, "AKST": -9, "AKDT": -8, "PDT": -7, "MDT": -6,
    "BRT": -3, "CLT": -4, "北京时间": 8, "北京時間": 8, "中国标准时间": 8, "台北時間": 8, "香港時間": 8,
    "日本時間": 9, "日本時刻": 9, "한국시간": 9, "한국 시간": 9, "协调世界时": 0, "協定世界時": 0, "世界协调时": 0,
}  # fmt: skip
"""Hours from UTC of the words that mean one thing."""
AMBIGUOUS: dict[str, str] = {
    "CST": "China (UTC+8), North America (UTC-6) or Cuba (UTC-5)",
    "IST": "India (UTC+5:30), Ireland (UTC+1) or Israel (UTC+2)",
    "BST": "Britain in summer (UTC+1) or Bangladesh (UTC+6)",
    "EST": "North America (UTC-5) or Australia (UTC+10)",
    "EDT": "North America (UTC-4) or Australia (UTC+11)",
    "ET": "North America, winter or summer",
    "CDT": "North America (UTC-5) or Cuba (UTC-4)",
    "CT": "North America, winter or summer",
    "MST": "North America (UTC-7) or Malaysia (UTC+8)",
    "MT": "North America, winter or summer",
    "PST": "North America (UTC-8) or the Philippines (UTC+8)",
    "PT": "North America, winter or summer",
    "AST": "the Atlantic (UTC-4) or Arabia (UTC+3)",
    "GST": "the Gulf (UTC+4) or South Georgia (UTC-2)",
    "SST": "Samoa (UTC-11) or Singapore (UTC+8)",
    "WST": "Australia (UTC+8) or Samoa (UTC+13)",
    "LT": "whatever is local",
}
_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([+\u2212-])\s?(\d{1,2})(?::?(\d\d))?$")
_AREA = re.compile(r"[A-Z][A-Za-z]+(?:/[A-Za-z_+-]+){1,2}$")


def zone_named(word: str, declared: Mapping[str, str]) -> tuple[tzinfo | None, str]:
    """(zone, where it is from) of a word: ``declared``, ``written``, or None and ``unsure``."""
    name = word.strip().strip("()[]").strip()
    own = {key.upper(): value for key, value in declared.items()}
    if name.upper() in own:
        zone = _area(own[name.upper()]) or _fixed(own[name.upper()])
        if zone is not None:
            return zone, "declared"
    fixed = _fixed(name)
    if fixed is not None:
        return fixed, "written"
    if _AREA.match(name):
        zone = _area(name)
        if zone is not None:
            return zone, "written"
    return None, "unsure"


def is_zone(word: str, declared: Mapping[str, str]) -> bool:
    """Whether a word is one that stands for a zone, for one or for several."""
    name = word.strip("()[] ")
    return (
        name.upper() in {key.upper() for key in declared}
        or name in AMBIGUOUS
        or zone_named(name, declared)[0] is not None
    )


def _fixed(name: str) -> tzinfo | None:
    hours = HOURS.get(name, HOURS.get(name.upper()))
    if hours is not None:
        return UTC if hours == 0 else timezone(timedelta(hours=hours))
    offset = _OFFSET.match(name)
    if offset is None:
        return None
    minutes = int(offset.group(2)) * 60 + int(offset.group(3) or 0)
    if minutes > 14 * 60 or int(offset.group(3) or 0) > 59:
        return None
    return timezone(timedelta(minutes=minutes if offset.group(1) == "+" else -minutes))


def _area(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return None
