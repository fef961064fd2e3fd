"""Webhooks: programs of the team that are told what happens, in order, each event at least once.

Two kinds of events, both kept for ever: lines of incidents' timelines (``incident.opened``, ``incident.run`` ...) and
entries of the operations log (``entry.deployment``, ``entry.configuration`` ...), in which every run, change of a
definition and act on an account ends up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.log.values import Entry
from watchkeeper.core.times import utc_text

MOST = 50
"""Events in one request."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
VERSION = 1
_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver. url: https, or loopback; ``secret:NAME`` takes it from a secret. secret: whose value signs.

    events: patterns of types: ``incident.*``, ``entry.deployment``, ``*``.
    """

    name: str
    url: str
    secret: str
    events: tuple[str, ...] = ("*",)
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class WebhookState:
    """How far a receiver is. event, entry: numbers of the last ones it took. tries: failed since then; error: the last."""

    event: int
    entry: int
    delivered_at: float | None = None
    tries: int = 0
    error: str = ""
    due_at: float = 0.0


def wanted(patterns: Sequence[str], kind: str) -> bool:
    """Whether events of this type are sent."""
    return any(
        each in ("*", kind) or (each.endswith(".*") and kind.startswith(each.removesuffix("*"))) for each in patterns
    )


def pause_s(tries: int) -> float:
    """How long to wait after so many failed tries in a row."""
    return float(min(FIRST_PAUSE_S * 2 ** min(tries - 1, 20), LONGEST_PAUSE_S))


def of_event(event: Event, incident: Incident, link: str) -> dict[str, Any]:
    """An event of a timeline as it is sent."""
    return {
        "id": f"event-{event.id}",
        "type": f"incident.{event.kind}",
        "at": utc_text(event.at),
        "actor": event.actor,
        "text": event.text,
        "state": event.state.value if event.state is not None else None,
        "incident": {
            "id": incident.id, "service": incident.service, "host": incident.host, "severity": incident.severity,
            "status": incident.status, "title": incident.title, "link": f"{link}/incidents/{incident.id}" if link else "",
        },
    }  # fmt: skip


def of_entry(entry: Entry, link: str) -> dict[str, Any]:
    """An entry of the log as it is sent: what it is about, not its text."""
    draft = entry.draft
    return {
        "id": f"entry-{entry.number}",
        "type": type_of(entry),
        "at": utc_text(draft.at),
        "actor": draft.actor,
        "text": draft.title,
        "entry": {
            "number": entry.number, "type": draft.type, "severity": draft.severity, "hash": entry.hash,
            "link": f"{link}/log/{entry.number}" if link else "",
        },
    }  # fmt: skip


def type_of(entry: Entry) -> str:
    """``entry.deployment``."""
    return f"entry.{_OTHER.sub('-', entry.draft.type.lower()).strip('-') or 'other'}"


def body_of(name: str, events: Sequence[Mapping[str, Any]], now: float) -> dict[str, Any]:
    """One request."""
    return {"version": VERSION, "webhook": name, "sent_at": utc_text(now), "events": list(events)}
