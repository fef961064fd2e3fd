"""The outbox: messages are rows written with the state change; delivery is a second step that retries."""

from __future__ import annotations

import logging
import zlib
from dataclasses import replace

from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.inventory.values import Inventory, Team
from watchkeeper.core.notifications import Attempt, Message, MessageKind, Notification, next_try
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, DeliveryError, NotifierPort, Session, StorePort

log = logging.getLogger(__name__)


def announce(
    session: Session, inventory: Inventory, incident: Incident, kind: MessageKind, now: float, body: str = ""
) -> None:
    """Put one message about an incident into the outbox, inside the caller's transaction.

    The key is stable: the same message for the same opening is added once.
    """
    subject = incident.service or f"host {incident.host}"
    titles = {
        "opened": f"{incident.severity} {incident.title}",
        "escalated": f"{incident.severity} {subject} needs you: {incident.escalated_why or ''}".rstrip(": "),
        "closed": f"{subject}: closed ({(incident.ending or '').replace('_', ' ')})",
        "approval": f"{incident.severity} {subject} waits for your approval",
    }
    message = Message(
        key=f"incident-{incident.id}.{incident.reopened}-{kind}"
        + (f"-{hash_of(body)}" if kind in ("approval", "escalated") else ""),
        kind=kind,
        title=titles.get(kind, incident.title),
        body=body or incident.title,
        link=f"/incidents/{incident.id}",
        incident=incident.id,
        severity=incident.severity,
    )
    send(session, inventory.team, message, now)


def hash_of(text: str) -> int:
    """A small stable number of a text (not Python's salted hash)."""
    return zlib.crc32(text.encode())


def send(session: Session, team: Team, message: Message, now: float) -> None:
    """Put a message into the outbox for the team's escalation list; without channels that is said on the incident."""
    channels = _channels(team)
    notification = session.add_notification(Notification(0, message, channels, 0, 0, now, now, failed=not channels))
    if not channels and message.incident:
        text = "Nobody was told: watchkeeper.yaml has no channels."
        session.add_event(Event(0, message.incident, now, "notification", "watchkeeper", text))
        log.warning("notification %s: no channels are declared", notification.id)


def _channels(team: Team) -> tuple[str, ...]:
    return team.escalation or tuple(channel.name for channel in team.channels)


class Outbox:
    """Delivers what is due. One instance per process, called from one thread."""

    def __init__(self, store: StorePort, notifier: NotifierPort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._notifier = notifier
        self._holder = holder
        self._clock = clock

    def deliver_due(self) -> int:
        """Try every due notification once; returns how many were delivered."""
        with self._store.read() as session:
            due = session.due_notifications(self._clock())
        return sum(1 for notification in due if self._deliver(self._addressed(notification)))

    def _addressed(self, notification: Notification) -> Notification:
        """A page written while no channel was declared goes to the channels that are declared now."""
        if notification.channels:
            return notification
        return replace(notification, channels=_channels(self._holder.current.team))

    def _deliver(self, notification: Notification) -> bool:
        if not notification.channels:
            return False
        started = self._clock()
        name = notification.channels[min(notification.position, len(notification.channels) - 1)]
        error = self._try(name, notification.message)
        now = self._clock()
        attempt = Attempt(notification.id, name, started, not error, error, now - started)
        self._store.write(lambda session: self._note(session, notification, attempt, now))
        return not error

    def _try(self, name: str, message: Message) -> str:
        channel = next((each for each in self._holder.current.team.channels if each.name == name), None)
        if channel is None:
            return f"channel {name} is no longer declared in watchkeeper.yaml"
        try:
            self._notifier.send(channel, message)
        except DeliveryError as error:
            return str(error)
        except Exception as error:
            log.exception("channel %s failed", name)
            return f"channel {name} failed: {type(error).__name__}"
        return ""

    def _note(self, session: Session, notification: Notification, attempt: Attempt, now: float) -> None:
        if attempt.ok:
            changed = replace(
                notification, delivered_at=now, delivered_by=attempt.channel, tries=notification.tries + 1, failed=False
            )
            text = f"Told by {attempt.channel}: {notification.message.title}"
        else:
            changed = replace(next_try(notification, now), last_error=attempt.error)
            text = f"{attempt.channel} did not take the page: {attempt.error}"
        session.save_notification(changed, attempt)
        if notification.message.incident:
            session.add_event(Event(0, notification.message.incident, now, "notification", "watchkeeper", text))
