"""A stamp as a moment: the day it means, in the zone it names, or in the one that holds where it names none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from watchkeeper.core.log.documents import stamps, zones
from watchkeeper.core.log.documents.values import DAY, Options, Stamp, When
from watchkeeper.core.times import zone_of

_SAID = re.compile(
    r"(?:time ?zones?|all (?:the )?times?|times? (?:are|is|in|shown)|timestamps?|時刻|時間帯|"
    r"タイムゾーン|时区|時區|时间|시간대|시각|표준시)[^\n]{0,40}",
    re.IGNORECASE,
)


NOON = 43_200
"""A day without a time is kept as its noon, which is the same day nearly everywhere."""


class Clockwork:
    """Turns stamps of one document into moments."""

    def __init__(self, options: Options, said: str) -> None:
        self._options = options
        self._team = zone_of(options.timezone)
        self._default: tuple[tzinfo, str, str] = (self._team, "", "team")
        for word, source in ((options.zone, "option"), (said, "document")):
            zone, _ = zones.zone_named(word, options.zones) if word else (None, "")
            if zone is not None:
                self._default = (zone, word, source)
                break

    def when(self, stamp: Stamp, day: tuple[int, int, int] | None) -> When | None:
        """The moment of a stamp; day: what stands above it, where it has no date of its own. None without a date."""
        written = stamp.day if stamp.day and stamp.day[0] else day
        if written is None or not written[0]:
            return None
        try:
            first = date(*written)
            last = date(*(stamp.until or written)) if stamp.until is None or stamp.until[0] else first
            return self._moment(stamp, first, last)
        except (ValueError, OverflowError):
            return None

    def _moment(self, stamp: Stamp, first: date, last: date) -> When:
        zone, word, source = self._zone(stamp)
        if stamp.start is None:
            until = _epoch(last + timedelta(days=1), 0, zone) if last > first else None
            return When(_epoch(first, NOON, zone), until, first, DAY, word, source)
        at = _epoch(first, stamp.start, zone)
        until = None
        if stamp.end is not None:
            if last <= first and stamp.end < stamp.start:
                last = first + timedelta(days=1)
            until = _epoch(max(last, first), stamp.end, zone)
        return When(
            at, until if until is None or until >= at else None, first, stamp.precision, word, source, stamp.start
        )

    def _zone(self, stamp: Stamp) -> tuple[tzinfo, str, str]:
        if not stamp.zone:
            return self._default
        zone, source = zones.zone_named(stamp.zone, self._options.zones)
        if zone is not None:
            return zone, stamp.zone, source
        return self._team, stamp.zone, "unsure"


def _epoch(day: date, seconds: int, zone: tzinfo) -> float:
    days, rest = divmod(seconds, 86_400)
    moment = datetime.combine(day, time(rest // 3600, rest // 60 % 60, rest % 60), zone) + timedelta(days=days)
    return moment.astimezone(UTC).timestamp()


def said_zone(text: str, options: Options) -> str:
    """The zone that a document says holds for all its times: ``All times in UTC``; "" when it says none."""
    for found in _SAID.finditer(text[:20_000]):
        for word in re.findall(
            r"(?:UTC|GMT)[+-]\d{1,2}(?::?\d\d)?|[A-Z][A-Za-z]+/[A-Za-z_]+|\b[A-Z]{2,5}\b|北京时间|北京時間|日本時間|한국시간",
            found.group(),
        ):
            if zones.zone_named(word, options.zones)[0] is not None:
                return str(word)
    return ""


def day_of_name(name: str) -> tuple[int, int, int] | None:
    """The date in a document's name, as in ``2026-01-02.md``."""
    for found in re.finditer(r"(?<!\d)(?:19|20)\d\d", name):
        stamp = stamps.stamp_at(stamps.plain(name), found.start())
        if stamp is not None and stamp.day and stamp.day[0]:
            return stamp.day
    return None
