"""Posts events to a program of the team, signed. What cannot be a program of the team is refused."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from watchkeeper.adapters.notifiers.webhook import post
from watchkeeper.services.ports.notifiers import DeliveryError


class Webhooks:
    """Implements `services.ports.webhooks.WebhookPort`."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str], secret: str, timeout_s: float) -> None:
        """``X-Watchkeeper-Signature: sha256=HEX`` is the HMAC-SHA256 of ``TIMESTAMP.BODY``, as of a channel's webhook.

        A redirect is refused, and so is an address that no receiver has: link-local ones, where clouds keep the keys of
        a machine, multicast and the unspecified one.
        """
        _assert_sendable(url)
        stamp = str(int(time.time()))
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        own = {"X-Watchkeeper-Timestamp": stamp, "X-Watchkeeper-Signature": f"sha256={signed}"}
        post(url, body, {**headers, **own}, timeout_s=timeout_s, what="webhook")


def _assert_sendable(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (ValueError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else "no usable address"
        raise DeliveryError(f"The receiver of the webhook cannot be found: {why}.") from None
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if parts.scheme == "http" and not all(each.is_loopback for each in addresses):
        raise DeliveryError(f"The webhook at {host} is not on this machine, and nothing leaves it without TLS.", True)
    for each in addresses:
        plain = getattr(each, "ipv4_mapped", None) or each
        if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain.is_reserved:
            raise DeliveryError(f"The webhook at {host} leads to {plain}, where no receiver is.", permanent=True)
