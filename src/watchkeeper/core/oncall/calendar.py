"""Shifts as an iCalendar file (RFC 5545) that calendar programs subscribe to: times in UTC, lines of at most 75 bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from watchkeeper.core.oncall.values import Shift

_LINE_BYTES = 75
_ESCAPES = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"}
_REASONS = {"rotation": "by rotation", "holiday": "covers the holiday", "override": "by an override"}
REFRESH = "PT1H"


def calendar(name: str, team: str, shifts: Sequence[Shift], now: float) -> str:
    """The file of some schedules' shifts, with CRLF line ends. Spans with nobody on call are events as well.

    name: of the calendar; now: when it was made, epoch seconds.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//watchkeeper//on call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(name)}",
        f"X-WR-CALNAME:{_text(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
    ]
    for shift in shifts:
        lines += _event(shift, team, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _event(shift: Shift, team: str, now: float) -> list[str]:
    who = shift.person or "NOBODY"
    why = _REASONS.get(shift.reason, "nobody is on call: everybody would be told")
    return [
        "BEGIN:VEVENT",
        f"UID:{_text(f'{shift.schedule}-{int(shift.since)}-{who}@oncall.watchkeeper')}",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(shift.since)}",
        f"DTEND:{_utc(shift.until)}",
        f"SUMMARY:{_text(f'{who} on call ({shift.schedule})')}",
        f"DESCRIPTION:{_text(f'{team}: {who}, {why}')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _utc(at: float) -> str:
    return datetime.fromtimestamp(round(at), UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """A value of type TEXT; control characters, which the format forbids, become blanks."""
    plain = value.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(letter if letter == "\n" or (letter >= " " and letter != "\x7f") else " " for letter in plain)
    return "".join(_ESCAPES.get(letter, letter) for letter in kept)


def _folded(line: str) -> Iterator[str]:
    """The line in parts of at most 75 bytes, each but the first begun with a blank; no letter is cut."""
    part, size = "", 0
    for letter in line:
        length = len(letter.encode())
        if size + length > _LINE_BYTES:
            yield part
            part, size = " ", 1
        part += letter
        size += length
    yield part
