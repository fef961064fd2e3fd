"""Telling people: messages, their stable keys, and when to try again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

MessageKind = Literal["opened", "escalated", "closed", "approval", "warning", "test", "anchor"]
MESSAGE_KINDS: tuple[MessageKind, ...] = ("opened", "escalated", "closed", "approval", "warning", "test")


@dataclass(frozen=True, slots=True)
class Item:
    """One message of several that travel as one. at: epoch seconds of its cause, not of its delivery."""

    key: str
    kind: MessageKind
    title: str
    incident: int | None
    severity: str
    at: float
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads. key: stable de-duplication key, the same at every retry and on every channel.

    cause: what it is about for grouping, as ``host:app1``; "" is never grouped. at: when it was written, epoch seconds.
    facts: what machines read (service, host, opened_at, ...), the same for all messages of one opening of an incident.
    items: every message in it, oldest first, when it stands for several. group, update: the key of the first message of
    this cause on this channel, and whether this one replaces what was said there. acknowledge: address of the one button.
    """

    key: str
    kind: MessageKind
    title: str
    body: str
    link: str = ""
    incident: int | None = None
    severity: str = ""
    cause: str = ""
    at: float = 0.0
    facts: Mapping[str, str] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    group: str = ""
    update: bool = False
    acknowledge: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A row of the outbox: one message on its way through the escalation list of channels.

    position: index of the channel in turn within `channels`. tries: attempts on that channel so far, attempts: on all.
    folded_into: the notification that carries this one along, decided before it was first tried. grouped: the group that
    it was delivered under, where the channel can update.
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
    tried: int = 0
    folded_into: int | None = None
    grouped: str = ""


def is_withdrawn(notification: Notification) -> bool:
    """Whether it was taken off the list without a delivery, since another message tells of it."""
    return notification.delivered_at is not None and not notification.delivered_by


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver."""

    notification: int
    channel: str
    at: float
    ok: bool
    error: str = ""
    duration_s: float = 0.0


RETRY_PAUSES_S = (1.0, 5.0)
"""Pauses between tries on one channel; after TRIES_PER_CHANNEL the next channel is taken."""
TRIES_PER_CHANNEL = 3
ROUND_PAUSE_S, LONGEST_PAUSE_S = 15.0, 300.0
"""After the last channel: this pause, longer by as much with every round, and never longer than the second."""
AT_ONCE = -1
"""`tries` of a notification that a person wants tried now, on the channel in turn, however that one is."""
LATE_S = 10.0


def next_try(notification: Notification, now: float, permanent: bool = False) -> Notification:
    """The notification after a failed attempt: later on this channel, or at once on the next; never given up.

    permanent: the same again cannot help there, so the next channel is taken at once. After the last channel it starts
    over with the first, each round a little later, and counts as failed (shown everywhere) until one channel takes it. A
    test message is tried once: it is off the list then, delivered by nobody.
    """
    tried = replace(notification, tried=notification.tried + 1)
    if notification.message.kind == "test":
        return replace(tried, tries=notification.tries + 1, delivered_at=now)
    tries = notification.tries + 1
    if tries < TRIES_PER_CHANNEL and not permanent:
        pause = RETRY_PAUSES_S[min(tries - 1, len(RETRY_PAUSES_S) - 1)]
        return replace(tried, tries=tries, due_at=now + pause)
    if notification.position + 1 < len(notification.channels):
        return replace(tried, tries=0, position=notification.position + 1, due_at=now)
    rounds = max(tried.tried // (TRIES_PER_CHANNEL * max(len(notification.channels), 1)), 1)
    pause = min(ROUND_PAUSE_S * rounds, LONGEST_PAUSE_S)
    return replace(tried, tries=0, position=0, failed=True, due_at=now + pause)


def is_late(notification: Notification, now: float) -> bool:
    """Undelivered counts as such after a failed try or ten seconds after it was due; not while it is just being sent, nor
    while it waits to be told together with others."""
    if notification.folded_into is not None:
        return False  # the one that carries it counts
    held_until = max(notification.created_at, notification.due_at)
    return notification.failed or notification.tried > 0 or notification.tries > 0 or now - held_until > LATE_S


def is_held(notification: Notification, now: float) -> bool:
    """Not tried yet, and not due: it waits to be told together with others, or for a channel's limit."""
    return not notification.failed and notification.tried == 0 and notification.due_at > now
