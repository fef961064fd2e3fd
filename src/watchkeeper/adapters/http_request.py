"""One small HTTP request with a deadline for all of it, and one sentence when it fails. For webhooks and heartbeats."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from urllib.parse import SplitResult

from watchkeeper.services.ports.notifiers import DeliveryError


def status_of(
    method: str,
    address: SplitResult,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    timeout_s: float,
    who: str,
) -> int:
    """The status of the answer; its body is not read, a redirect is not followed. The deadline holds for the whole exchange.

    who: begins the sentence of the `DeliveryError` when no answer comes. An address that cannot be used is a `ValueError`.
    """
    deadline = time.monotonic() + timeout_s
    late = f"{who} did not answer within {timeout_s:g} s."
    try:
        connection = _connection(address, timeout_s)
        try:
            connection.connect()
            path = (address.path or "/") + (f"?{address.query}" if address.query else "")
            with _Deadline(connection, deadline) as limit:
                connection.request(method, path, body, {"Connection": "close", **headers})
                status = connection.getresponse().status
            if limit.passed:  # half a status line reads like a whole one once the line is shut
                raise TimeoutError
            return status
        finally:
            connection.close()
    except TimeoutError:
        raise DeliveryError(late) from None
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= deadline:
            raise DeliveryError(late) from None
        raise DeliveryError(f"{who} could not be reached: {_why(error)}.") from None


def _connection(address: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host = address.hostname or ""
    if address.scheme == "https":
        return http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, address.port, timeout=timeout_s)


class _Deadline:
    """Shuts the socket at `deadline`: a socket timeout alone starts anew with every byte a slow server drips."""

    def __init__(self, connection: http.client.HTTPConnection, deadline: float) -> None:
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
