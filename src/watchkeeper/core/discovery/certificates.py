"""Certificates as openssl prints them, and what doors answered."""

from __future__ import annotations

import calendar
import re

from watchkeeper.core.discovery.findings import Answered, Certificate
from watchkeeper.core.discovery.text import lines, number, sections

_NAMES_OF_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: at for at, name in enumerate(_NAMES_OF_MONTHS, 1)}
_TIME = re.compile(r"not(?:Before|After)=(\w{3}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4}) GMT")
_NAMES = re.compile(r"(?:DNS|IP Address):([A-Za-z0-9.*:_-]+)")


def read_certificate_files(output: bytes) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """The answer to ``certificates``: certificates, and the files that could not be read."""
    unread = tuple(line.partition(" ")[2] for line in lines(output) if line.startswith("WK-unreadable "))
    found = []
    for path, body in sections(output, "file"):
        one = _certificate([line for line in body if not line.startswith("WK-")])
        if path and one:
            found.append(Certificate(*one, file=path))
    return tuple(found), unread


def read_shown(output: bytes) -> tuple[Certificate, ...]:
    """The answer to ``shown``."""
    found = []
    for head, body in sections(output, "door"):
        words, one = head.split(), _certificate(body)
        if len(words) == 3 and one:
            found.append(Certificate(*one, address=words[0], port=number(words[1]), asked=words[2].strip("-")))
    return tuple(found)


def _certificate(body: list[str]) -> tuple[str, str, float, float, tuple[str, ...]] | None:
    subject = next((line[8:] for line in body if line.startswith("subject=")), "")
    issuer = next((line[7:] for line in body if line.startswith("issuer=")), "")
    begins = max((_time(line) for line in body if line.startswith("notBefore=")), default=0.0)
    ends = max((_time(line) for line in body if line.startswith("notAfter=")), default=0.0)
    names = tuple(
        name for line in body if not line.startswith(("subject=", "issuer=")) for name in _NAMES.findall(line)
    )
    return (subject, issuer, begins, ends, names) if ends else None


def _time(line: str) -> float:
    match = _TIME.match(line)
    if match is None or match[1] not in _MONTHS:
        return 0.0
    day, hour, minute, second, year = (int(match[at]) for at in range(2, 7))
    return float(calendar.timegm((year, _MONTHS[match[1]], day, hour, minute, second)))


def read_answers(output: bytes) -> tuple[Answered, ...]:
    """The answer to ``doors``."""
    found = []
    for line in lines(output):
        words = line.split()
        if len(words) == 6 and words[0] == "WK-door":
            found.append(Answered(words[1], number(words[2]), "" if words[3] == "-" else words[3], number(words[4]),
                                  number(words[5])))  # fmt: skip
    return tuple(sorted(found, key=lambda each: (each.port, each.name)))
