"""Telling people: messages, their stable keys, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

MessageKind = Literal["opened", "escalated", "closed", "approval", "warning", "test"]


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads. key: stable de-duplication key, the same at every retry and on every channel."""

    key: str
    kind: MessageKind
    title: str
    body: str
    link: str = ""
    incident: int | None = None
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A row of the outbox: one message on its way through the escalation list of channels.

    position: index of the channel in turn within `channels`. tries: attempts on that channel so far.
    """

    id: int
    message: Message
    channels: tuple[str, ...]
    position: int
    tries: int
    created_at: float
    due_at: float
    delivered_at: float | None = None
    delivered_by: str = ""
    failed: bool = False
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver."""

    notification: int
    channel: str
    at: float
    ok: bool
    error: str = ""
    duration_s: float = 0.0


RETRY_PAUSES_S = (1.0, 5.0, 15.0, 60.0, 300.0)
"""Pauses between tries on one channel; after TRIES_PER_CHANNEL the next channel is taken."""
TRIES_PER_CHANNEL = 3


def next_try(notification: Notification, now: float) -> Notification:
    """The notification after a failed attempt: later on this channel, or at once on the next; never given up.

    After the last channel it starts over with the first, at the longest pause, and counts as failed (shown everywhere)
    until one channel takes it. A test message is tried once: it is off the list then, delivered by nobody.
    """
    if notification.message.kind == "test":
        return replace(notification, tries=notification.tries + 1, delivered_at=now)
    tries = notification.tries + 1
    if tries < TRIES_PER_CHANNEL:
        pause = RETRY_PAUSES_S[min(tries - 1, len(RETRY_PAUSES_S) - 1)]
        return replace(notification, tries=tries, due_at=now + pause)
    if notification.position + 1 < len(notification.channels):
        return replace(notification, tries=0, position=notification.position + 1, due_at=now)
    return replace(notification, tries=0, position=0, failed=True, due_at=now + RETRY_PAUSES_S[-1])
