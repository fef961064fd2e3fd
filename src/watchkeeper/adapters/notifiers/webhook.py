"""Channel kind `webhook`: one POST with the message as JSON.

Headers: ``X-Watchkeeper-Key`` is the stable key of the message (the same at every retry, so a receiver can drop a
second copy), ``X-Watchkeeper-Group`` the key of the message that this one replaces (`update` in the body). When the
channel has a secret, ``X-Watchkeeper-Signature: sha256=HEX`` is the HMAC-SHA256 of ``TIMESTAMP.BODY``, where
``X-Watchkeeper-Timestamp`` says when it was sent (epoch seconds), so that an old copy cannot be sent again by others.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from watchkeeper import __version__
from watchkeeper.adapters.http_request import status_of
from watchkeeper.adapters.notifiers.body import json_body
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

PASSING = (408, 425, 429)
"""Refusals of class 4xx that time can heal."""


def deliver(
    target: str, message: Message, *, timeout_s: float, key: str = "", directory: str = "",
    options: Mapping[str, object] = MappingProxyType({}),
) -> None:  # fmt: skip
    """POST; 2xx is accepted. Raises `DeliveryError`: permanent for 3xx and most 4xx, passing for all else.

    A redirect is refused: it would carry the message to where nobody sent it.
    """
    del directory, options
    body = json_body(message)
    headers = {"X-Watchkeeper-Key": header_value(message.key)}
    if message.group:
        headers["X-Watchkeeper-Group"] = header_value(message.group)
    if key:
        stamp = str(int(time.time()))
        signed = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers |= {"X-Watchkeeper-Timestamp": stamp, "X-Watchkeeper-Signature": f"sha256={signed}"}
    post(target, body, headers, timeout_s=timeout_s, what="webhook")


def post(target: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, what: str) -> None:
    """POST of JSON to `target`, as `deliver` says. what: the kind of receiver, for the sentence."""
    try:
        address = urlsplit(target)
    except ValueError:
        address = SplitResult("", "", "", "", "")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise DeliveryError(f"The {what} target is not an http or https address.", permanent=True)
    common = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"watchkeeper/{__version__}"}
    who = f"The {what} at {address.hostname}"
    try:
        sent = common | dict(headers) | _authorization(address)
        status = status_of("POST", address, sent, body, timeout_s=timeout_s, who=who)
    except ValueError:
        raise DeliveryError(f"The {what} target is not a usable address.", permanent=True) from None
    if not 200 <= status < 300:
        permanent = 300 <= status < 500 and status not in PASSING
        raise DeliveryError(f"{who} answered {status} {_phrase(status)}".strip() + ".", permanent)


def header_value(text: str) -> str:
    """Text that can stand in a header: printable ASCII, so no line break can add another header."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:500]


def _authorization(address: SplitResult) -> dict[str, str]:
    if not address.username:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


def _phrase(status: int) -> str:
    return http.client.responses.get(status, "")
