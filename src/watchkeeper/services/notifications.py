"""Putting messages into the outbox, in the transaction of what they tell; `services.delivery` brings them to people."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence

from watchkeeper.core.checks.values import Value
from watchkeeper.core.delivery.folding import direction
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory, Team
from watchkeeper.core.notifications import Message, MessageKind, Notification, is_withdrawn
from watchkeeper.core.times import utc_text, utc_words
from watchkeeper.services.changes.telling import with_suspect
from watchkeeper.services.ports import Session
from watchkeeper.services.windows import after_maintenance, muted_incident

log = logging.getLogger(__name__)
MUTED: tuple[MessageKind, ...] = ("opened", "escalated", "approval")


def announce(
    session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float, body: str = "",
    channels: Sequence[str] = (), again: str = "",
) -> None:  # fmt: skip
    """Put one message about an incident into the outbox, inside the caller's transaction.

    The key is stable: the same message for the same opening is added once. A window or silence makes an event instead of
    an opened or escalated message; called again after its end, the message is made. An end is told where its beginning
    was told, also during a silence.

    channels: who is told; without them those of the routing. again: makes it another message, as "step 2".
    """
    if kind == "closed":
        _announce_end(session, inventory, incident, now, body)
        return
    if incident.status is Status.MERGED and (kind == "opened" or incident.fix_started_at is None):
        return  # its cause is told; but what a fix of ours left behind is never kept from people
    muting = muted_incident(session, inventory, incident, now) if kind in MUTED else None
    if muting is not None:
        text = f"Nobody was told ({kind}): {muting.kind} {muting.id} until {utc_words(muting.until)}: {muting.why}"
        detail: dict[str, Value] = {"message": kind, "by": muting.kind, "number": muting.id, "until": muting.until}
        session.add_event(Event(0, incident.id, now, "muted", "watchkeeper", text, detail=detail))
        return
    if kind == "opened":
        body = with_suspect(session, inventory, incident, now, body)
        after = after_maintenance(session, inventory, incident)
        body = (body or incident.title) + after if after else body
    told = _opening_rows(session, incident)
    part = again or _after_silence(session, incident, kind)
    for number, way in enumerate((("", channels),) if channels else _routed(session, inventory, incident, kind, now)):
        own = "-".join(each for each in (part, f"to-{way[1][0]}" if number else "") if each)
        message = _message(inventory, incident, kind, now, body, told, own)
        send(session, inventory.team, message, now, way[1], not_before=incident.held_until or now)


def _announce_end(session: Session, inventory: Inventory, incident: Incident, now: float, body: str) -> None:
    """One message for each channel that told of this opening; none when nobody was told of it."""
    rows = [row for row in _opening_rows(session, incident) if not is_withdrawn(row)]
    told = [row for row in rows if direction(row.message.kind) != "end"]
    if not told:
        text = "Its end is told to nobody, as its beginning was."
        session.add_event(Event(0, incident.id, now, "muted", "watchkeeper", text, detail={"message": "closed"}))
        return
    reached = list(dict.fromkeys(row.delivered_by for row in told if row.delivered_by))
    waiting = next((row.channels for row in told if not row.delivered_by), told[0].channels)
    others = tuple(name for name in told[0].channels if name not in reached)
    ways = [((name, *others) if at == 0 else (name,)) for at, name in enumerate(reached)] or [tuple(waiting)]
    for at, channels in enumerate(ways):
        message = _message(inventory, incident, "closed", now, body, told, channels[0] if at else "")
        send(session, inventory.team, message, now, channels)


def _message(
    inventory: Inventory, incident: Incident, kind: MessageKind, now: float, body: str, told: Sequence[Notification],
    part: str,
) -> Message:  # fmt: skip
    subject = incident.service or f"host {incident.host}"
    titles = {
        "opened": f"{incident.severity} {incident.title}",
        "escalated": f"{incident.severity} {subject} needs you: {incident.escalated_why or ''}".rstrip(": "),
        "closed": f"{subject}: closed ({(incident.ending or '').replace('_', ' ')})",
        "approval": f"{incident.severity} {subject} waits for your approval",
    }
    key = f"incident-{incident.id}.{incident.reopened}-{kind}" + (f"-{part}" if part else "")
    if kind in ("approval", "escalated"):
        key += f"-{hash_of(body)}"
    first = told[0].message.facts if told else {}
    return Message(
        key=key, kind=kind, title=titles.get(kind, incident.title), body=body or incident.title,
        link=f"/incidents/{incident.id}", incident=incident.id, severity=incident.severity, cause=cause_of(incident),
        at=now, facts=dict(first) or _facts(inventory, incident),
    )  # fmt: skip


def cause_of(incident: Incident) -> str:
    """What messages are grouped by: the host where it happens, else the service itself."""
    return f"host:{incident.host}" if incident.host else f"service:{incident.service}"


def _facts(inventory: Inventory, incident: Incident) -> dict[str, str]:
    """What machines read; taken over by every later message of this opening, so that it stays the same."""
    service = inventory.services.get(incident.service)
    facts = {
        "service": incident.service,
        "host": incident.host or "",
        "team": inventory.team.name,
        "owner": service.owner if service else "",
        "severity": incident.severity,
        "opened_at": utc_text(incident.opened_at) or "",
        "opening": f"{incident.id}.{incident.reopened}",
    }
    return {name: value for name, value in facts.items() if value}


def _opening_rows(session: Session, incident: Incident) -> list[Notification]:
    """What was said of this opening of the incident, oldest first."""
    prefix = f"incident-{incident.id}.{incident.reopened}-"
    rows = session.notifications(incident=incident.id, limit=500)
    return [row for row in reversed(rows) if row.message.key.startswith(prefix)]


def _after_silence(session: Session, incident: Incident, kind: MessageKind) -> str:
    """What makes an opening another message when a silence has swallowed one of this opening; "" else."""
    if kind != "opened":
        return ""
    muted = [each for each in session.muting_events([incident.id]) if each.at >= incident.opened_at]
    count = sum(1 for each in muted if each.kind == "muted" and each.detail.get("message") in MUTED)
    return f"after-silence-{count}" if count else ""


def _routed(
    session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float
) -> Sequence[tuple[str, Sequence[str]]]:
    """(who, channels) of each message to make; empty when the policy tells nobody yet."""
    from watchkeeper.services.escalations import addressees  # it announces as well

    found = addressees(session, inventory, incident, kind, now)
    return [(way.to, way.channels) for way in found.ways] or [("", ())] if found is not None else ()


def hash_of(text: str) -> int:
    """A small stable number of a text (not Python's salted hash)."""
    return zlib.crc32(text.encode())


def send(
    session: Session, team: Team, message: Message, now: float, channels: Sequence[str] = (), not_before: float = 0.0
) -> None:
    """Put a message into the outbox; without channels that is said on the incident.

    channels: in the order they are tried; without them the team's escalation list. not_before: it waits until then.
    """
    names = tuple(dict.fromkeys(channels)) or channels_of(team)
    due_at = max(now, not_before)
    notification = session.add_notification(Notification(0, message, names, 0, 0, now, due_at, failed=not names))
    if not names and message.incident:
        text = "Nobody was told: watchkeeper.yaml has no channels."
        session.add_event(Event(0, message.incident, now, "notification", "watchkeeper", text))
        log.warning("notification %s: no channels are declared", notification.id)


def channels_of(team: Team) -> tuple[str, ...]:
    """The team's escalation list; without one all its channels in the order of the file."""
    return team.escalation or tuple(channel.name for channel in team.channels)
