"""`Notifiers`: the NotifierPort that picks the module of a channel's kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, cast

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import Channel
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

KINDS = ("script", "webhook", "apprise", "smtp", "alertmanager")
SECRET = "secret:"


class Deliver(Protocol):
    """What each module offers: `deliver`. target: the channel's target with secrets filled in.

    key: the signing secret, "" for none. options: those of the channel, with secrets filled in. Raises `DeliveryError`,
    whose sentence never holds the target or a secret.
    """

    def __call__(
        self,
        target: str,
        message: Message,
        *,
        timeout_s: float,
        key: str,
        directory: str,
        options: Mapping[str, object],
    ) -> None: ...


class Notifiers:
    """Delivers messages on channels of every kind.

    ops_directory: scripts are named from it and run in it. secret: the value of a named secret; raises a core error
    when it cannot be read. A webhook is signed when its target ends in ``#secret:NAME``, see `split_target`.
    """

    def __init__(self, ops_directory: str, secret: Callable[[str], str]) -> None:
        self._directory = str(ops_directory)
        self._secret = secret

    def send(self, channel: Channel, message: Message) -> None:
        """Deliver, blocking up to the channel's timeout. Raises `DeliveryError`."""
        if channel.kind not in KINDS:
            raise DeliveryError(
                f"Channel {channel.name} has the kind '{channel.kind}'; known: {', '.join(KINDS)}.", True
            )
        deliver = cast(Deliver, import_module(f"watchkeeper.adapters.notifiers.{channel.kind}").deliver)
        target, key, options = self._resolve(channel)
        deliver(target, message, timeout_s=channel.timeout_s, key=key, directory=self._directory, options=options)

    def _resolve(self, channel: Channel) -> tuple[str, str, dict[str, object]]:
        """(target, signing key, options) with their secrets read now: a secret that was rotated holds from the next message."""
        target, key_name = split_target(channel.target)
        try:
            filled = self._secret(target.removeprefix(SECRET)) if target.startswith(SECRET) else target
            key = self._secret(key_name) if key_name else ""
            options = {name: self._filled(value) for name, value in channel.options.items()}
        except WatchkeeperError as error:
            raise DeliveryError(f"Channel {channel.name}: {error.sentence}") from None
        if not filled.strip():
            raise DeliveryError(f"Channel {channel.name} has an empty target.")
        return filled.strip(), key, options

    def _filled(self, value: object) -> object:
        return (
            self._secret(value.removeprefix(SECRET)) if isinstance(value, str) and value.startswith(SECRET) else value
        )


def split_target(target: str) -> tuple[str, str]:
    """(target, name of the signing secret or ""): ``https://x/hook#secret:room-key`` is signed with room-key.

    A fragment never travels in a request, so the mark cannot change where the message goes.
    """
    address, mark, key_name = target.rpartition(f"#{SECRET}")
    return (address, key_name) if mark else (target, "")
