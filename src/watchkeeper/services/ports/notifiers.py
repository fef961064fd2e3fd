"""Telling people."""

from __future__ import annotations

from typing import Protocol

from watchkeeper.core.inventory.values import Channel
from watchkeeper.core.notifications import Message


class NotifierPort(Protocol):
    """Delivers one message on one channel, blocking up to the channel's timeout."""

    def send(self, channel: Channel, message: Message) -> None:
        """Raises `DeliveryError` when it was not accepted."""
        ...


class DeliveryError(Exception):
    """A message was not accepted. permanent: trying the same again cannot help."""

    def __init__(self, sentence: str, permanent: bool = False) -> None:
        super().__init__(sentence)
        self.permanent = permanent
