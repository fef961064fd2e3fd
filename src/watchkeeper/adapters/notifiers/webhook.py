"""Channel kind `webhook`: one POST with the message as JSON.

Headers: ``X-Watchkeeper-Key`` is the stable key of the message (the same at every retry, so a receiver can drop a
second copy); ``X-Watchkeeper-Signature: sha256=HEX`` is the HMAC-SHA256 of the body when the channel has a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
from urllib.parse import SplitResult, urlsplit

from watchkeeper import __version__
from watchkeeper.adapters.http_request import status_of
from watchkeeper.adapters.notifiers.body import json_body
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

PASSING = (408, 425, 429)
"""Refusals of class 4xx that time can heal."""


def deliver(target: str, message: Message, *, timeout_s: float, key: str = "", directory: str = "") -> None:
    """POST; 2xx is accepted. Raises `DeliveryError`: permanent for 3xx and most 4xx, passing for all else.

    A redirect is refused: it would carry the message to where nobody sent it.
    """
    del directory
    try:
        address = urlsplit(target)
    except ValueError:
        address = SplitResult("", "", "", "", "")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise DeliveryError("The webhook target is not an http or https address.", permanent=True)
    body = json_body(message)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"watchkeeper/{__version__}",
        "X-Watchkeeper-Key": header_value(message.key),
    }
    if key:
        headers["X-Watchkeeper-Signature"] = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    try:
        who = f"The webhook at {address.hostname}"
        status = status_of("POST", address, headers | _authorization(address), body, timeout_s=timeout_s, who=who)
    except ValueError:
        raise DeliveryError("The webhook target is not a usable address.", permanent=True) from None
    if not 200 <= status < 300:
        permanent = 300 <= status < 500 and status not in PASSING
        raise DeliveryError(
            f"The webhook at {address.hostname} answered {status} {_phrase(status)}".strip() + ".", permanent
        )


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
