"""Somebody asks for patience: 429, Retry-After, "rate limit". Doing more of the same makes it worse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from watchkeeper.core.times import utc_words

DEFAULT_S = 300.0
LEAST_S, MOST_S = 30.0, 3600.0
_LOOKED_AT = 65_536

_SAID = re.compile(
    r"(?:\bHTTP/\d(?:\.\d)?\s+|\bstatus(?:[ _-]?code)?\s*[:=]?\s*|\berror\s*[:=]?\s*|\bcode\s*[:=]?\s*)429\b"
    r"|\b429\s*[:,-]?\s*too many requests|\btoo many requests\b"
    r"|(?<![-\w])rate[ _-]?limit(?:ed|ing)?\b(?![-_]\w|\s*[:=]?\s*(?:ok|off|none|remaining))"
    r"|\bRateLimitExceeded\b|\bthrottl(?:ed|ing)\b"
    r"|\btoomanyrequests\b",
    re.IGNORECASE,
)
_AFTER = re.compile(r"^\W*retry[- _]after\W{1,4}([^\r\n]{1,64})", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,3})?(?=\s*(?:s\b|sec|second|$|[^\w.,]))")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Until then nothing is changed on this service by itself. why: what asked for it."""

    service: str
    until_at: float
    why: str
    at: float


def asked_for(text: str, now: float) -> float | None:
    """For how many seconds an output asks us to wait; None when it does not. Bounded: 30 s to an hour.

    `Retry-After` counts as seconds or as a date; a limit without a time counts as five minutes. It is untrusted text: all
    that it can do is to make watchkeeper wait.
    """
    looked_at = text[-_LOOKED_AT:]
    named = _AFTER.search(looked_at)
    if named is None and _SAID.search(looked_at) is None:
        return None
    wait = _seconds(named.group(1).strip(), now) if named else None
    return min(MOST_S, max(LEAST_S, wait if wait is not None else DEFAULT_S))


def _seconds(text: str, now: float) -> float | None:
    number = _NUMBER.match(text)
    if number:
        return float(number.group())
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now


def sentence(held: Backoff) -> str:
    """Why nothing is done now, and until when."""
    return f"{held.why}: asking more often makes it worse, so nothing is changed by itself before {utc_words(held.until_at)}"


def merged(known: Backoff | None, new: Backoff) -> Backoff:
    """The longer of the two."""
    return known if known is not None and known.until_at >= new.until_at else new
