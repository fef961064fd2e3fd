"""Alerts that other programs send: Alertmanager's webhook (version 4), and what Prometheus posts to Alertmanager (API v2).

Everything in them is untrusted text: it is cut, and it only ever chooses among the services of the inventory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import Usage
from watchkeeper.core.times import format_duration

MOST = 1000
"""Alerts of one request."""
_TEXT, _NAME, _LABELS = 400, 120, 64
_NO_END = "0001-01-01"
KEPT_S = 30 * 86_400.0
"""How long a resolved alert is kept."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as its sender said it last. ends_at: until when this word holds without another one; None: no end.

    fingerprint: of its labels; the same alert keeps it. check: key of the check it counts for, "" before it was placed.
    """

    fingerprint: str
    status: Literal["firing", "resolved"]
    name: str
    severity: str
    summary: str
    labels: Mapping[str, str]
    starts_at: float
    ends_at: float | None
    updated_at: float
    sender: str
    check: str = ""


def read_webhook(body: bytes, now: float) -> list[Alert]:
    """The alerts of a webhook of Alertmanager. Raises `Usage` when it is none."""
    message = _json(body)
    if not isinstance(message, dict) or not isinstance(message.get("alerts"), list):
        raise Usage("This is not a webhook of Alertmanager: it has no list of alerts.", "Its version is 4.")
    sender = _text(message.get("receiver"), _NAME)
    return [_alert(each, now, f"Alertmanager {sender}".strip(), False) for each in _bounded(message["alerts"])]


def read_posted(body: bytes, now: float) -> list[Alert]:
    """The alerts that Prometheus posts to ``/api/v2/alerts``. Raises `Usage` when it is no list of them."""
    message = _json(body)
    if not isinstance(message, list):
        raise Usage("Alerts are posted as one JSON list.", "Prometheus does so by itself: alertmanagers in its file.")
    return [_alert(each, now, "Prometheus", True) for each in _bounded(message)]


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Usage("The alerts are not JSON.", "They are read as UTF-8.") from error


def _bounded(alerts: Sequence[object]) -> Sequence[object]:
    if len(alerts) > MOST:
        raise Usage(f"{len(alerts)} alerts came at once; at most {MOST} are taken.", "Send them in groups.")
    return alerts


def _alert(given: object, now: float, sender: str, ends_by_itself: bool) -> Alert:
    """ends_by_itself: the status follows from endsAt; a future one is how long the word holds."""
    if not isinstance(given, dict) or not isinstance(given.get("labels"), dict) or not given["labels"]:
        raise Usage("An alert has no labels.", 'At least {"labels": {"alertname": "..."}}.')
    labels = {_text(name, _NAME): _text(value, _TEXT) for name, value in list(given["labels"].items())[:_LABELS]}
    annotations = given.get("annotations")
    notes = annotations if isinstance(annotations, dict) else {}
    ends = _time(given.get("endsAt"))
    resolved = given.get("status") == "resolved"
    if ends_by_itself:
        resolved = ends is not None and ends <= now
    elif not resolved:
        ends = None
    return Alert(
        fingerprint=_fingerprint(given.get("fingerprint"), labels),
        status="resolved" if resolved else "firing",
        name=labels.get("alertname", "alert"),
        severity=labels.get("severity", "").lower(),
        summary=_text(notes.get("summary") or notes.get("description") or notes.get("message"), _TEXT),
        labels=labels,
        starts_at=_time(given.get("startsAt")) or now,
        ends_at=ends,
        updated_at=now,
        sender=sender,
    )


def _fingerprint(given: object, labels: Mapping[str, str]) -> str:
    if isinstance(given, str) and 0 < len(given) <= 64 and given.isalnum():
        return given
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]


def _time(given: object) -> float | None:
    """RFC 3339 as epoch seconds; None for nothing, and for the year 1, which is how Go writes it."""
    if not isinstance(given, str) or not given or given.startswith(_NO_END):
        return None
    try:
        return datetime.fromisoformat(given[:40].replace("z", "Z")).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(given: object, limit: int) -> str:
    """Untrusted text on one line."""
    text = "" if given is None else given if isinstance(given, str) else str(given)
    return "".join(letter if letter.isprintable() else " " for letter in text[:limit]).strip()


def judge_alerts(alerts: Sequence[Alert], now: float) -> tuple[dict[str, Value], str | None]:
    """(values, error) of an alert check. error: only when the sender fell silent about something that fires.

    A word that has run out says nothing: Prometheus may be down. That is unknown, never a recovery.
    """
    holding = [each for each in alerts if each.status == "firing"]
    firing = [each for each in holding if each.ends_at is None or each.ends_at > now]
    silent = [each for each in holding if each not in firing]
    if silent and not firing:
        one = max(silent, key=lambda each: each.updated_at)
        ago = format_duration(max(0.0, now - one.updated_at))
        return (
            {},
            f"{one.name} was firing when {one.sender or 'its sender'} spoke last, {ago} ago; it never resolved it.",
        )
    grave = [each for each in firing if each.severity in ("critical", "page", "error", "")]
    names = ", ".join(sorted({each.name for each in firing}))[:_TEXT]
    values: dict[str, Value] = {
        "firing": len(firing), "value": len(firing), "critical": len(grave), "warning": len(firing) - len(grave),
        "names": names, "silent": len(silent),
    }  # fmt: skip
    if firing:
        newest = max(firing, key=lambda each: each.starts_at)
        told = f": {newest.summary}" if newest.summary else ""
        more = f" and {len(firing) - 1} more" if len(firing) > 1 else ""
        values["problem"] = f"{newest.name}{more} by {newest.sender or 'its sender'}{told}"
        values["oldest"] = round(max(0.0, now - min(each.starts_at for each in firing)), 3)
    resolved = [each for each in alerts if each.status == "resolved"]
    if resolved and not firing:
        last = max(resolved, key=lambda each: each.updated_at)
        values["told"] = (
            f"{last.name} was resolved by the word of {last.sender or 'its sender'}, not by a check of ours"
        )
    return values, None
