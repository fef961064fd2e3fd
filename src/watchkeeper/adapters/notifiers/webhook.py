"""Channel kind `webhook`: one POST with the message as JSON.

Headers: ``X-Watchkeeper-Key`` is the stable key of the message (the same at every retry, so a receiver can drop a
second copy); ``X-Watchkeeper-Signature: sha256=HEX`` is the HMAC-SHA256 of the body when the channel has a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import time
from urllib.parse import SplitResult, urlsplit

from watchkeeper import __version__
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
        "Connection": "close",
    }
    if key:
        headers["X-Watchkeeper-Signature"] = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    status = _post(address, body, headers, timeout_s)
    if not 200 <= status < 300:
        permanent = 300 <= status < 500 and status not in PASSING
        raise DeliveryError(
            f"The webhook at {address.hostname} answered {status} {_phrase(status)}".strip() + ".", permanent
        )


def header_value(text: str) -> str:
    """Text that can stand in a header: printable ASCII, so no line break can add another header."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:500]


def _post(address: SplitResult, body: bytes, headers: dict[str, str], timeout_s: float) -> int:
    """The status of the answer; its body is not read. The deadline holds for the whole exchange."""
    where = address.hostname or ""
    deadline = time.monotonic() + timeout_s
    try:
        connection = _connection(address, timeout_s)
        try:
            connection.connect()
            path = (address.path or "/") + (f"?{address.query}" if address.query else "")
            with _Deadline(connection, deadline) as limit:
                connection.request("POST", path, body, headers | _authorization(address))
                status = connection.getresponse().status
            if limit.passed:  # half a status line reads like a whole one once the line is shut
                raise TimeoutError
            return status
        finally:
            connection.close()
    except TimeoutError:
        raise DeliveryError(f"The webhook at {where} did not answer within {timeout_s:g} s.") from None
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= deadline:
            raise DeliveryError(f"The webhook at {where} did not answer within {timeout_s:g} s.") from None
        raise DeliveryError(f"The webhook at {where} could not be reached: {_why(error)}.") from None
    except ValueError:
        raise DeliveryError("The webhook target is not a usable address.", permanent=True) from None


def _connection(address: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host = address.hostname or ""
    if address.scheme == "https":
        return http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, address.port, timeout=timeout_s)


def _authorization(address: SplitResult) -> dict[str, str]:
    if not address.username:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


class _Deadline:
    """Shuts the socket at `deadline`: a socket timeout alone starts anew with every byte a slow server drips."""

    def __init__(self, connection: http.client.HTTPConnection, deadline: float) -> None:
        import threading

        self.passed = False
        self._connection = connection
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0.0), self._shut)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _shut(self) -> None:
        self.passed = True
        opened = self._connection.sock
        try:
            if opened is not None:
                opened.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message})"
    if isinstance(error, http.client.RemoteDisconnected):
        return "it took the message and closed the line without an answer"
    if isinstance(error, http.client.HTTPException):
        return f"its answer is not HTTP ({type(error).__name__})"
    return getattr(error, "strerror", None) or type(error).__name__


def _phrase(status: int) -> str:
    return http.client.responses.get(status, "")
