"""One GET to whoever watches the watcher. The address is a secret: no sentence holds more of it than its host."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from watchkeeper import __version__
from watchkeeper.services.ports.notifiers import DeliveryError

TIMEOUT_S = 10.0


def send(address: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """GET the address; 2xx is taken. Raises `DeliveryError`. Never takes longer than `timeout_s` by much.

    A redirect is refused: it would tell nobody who was asked for.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise DeliveryError("The address of the heartbeat is not a usable one.", True) from None
    if parts.scheme not in ("http", "https") or not host:
        raise DeliveryError("The address of the heartbeat is not an http or https URL.", True)
    deadline = time.monotonic() + timeout_s
    secure = parts.scheme == "https"
    connection = (
        http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
        if secure
        else http.client.HTTPConnection(host, port, timeout=timeout_s)
    )
    limit = threading.Timer(timeout_s, _shut, (connection,))  # a socket timeout alone starts anew with every byte
    limit.daemon = True
    limit.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": f"watchkeeper/{__version__}", "Connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= deadline or isinstance(error, TimeoutError):
            raise DeliveryError(f"{host} did not answer within {timeout_s:g} s.") from None
        raise DeliveryError(f"{host} could not be reached: {_why(error)}.") from None
    finally:
        limit.cancel()
        connection.close()
    if not 200 <= status < 300:
        raise DeliveryError(f"{host} answered {status}, 2xx was expected.")


def _shut(connection: http.client.HTTPConnection) -> None:
    opened = connection.sock
    try:
        if opened is not None:
            opened.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message})"
    return getattr(error, "strerror", None) or type(error).__name__
