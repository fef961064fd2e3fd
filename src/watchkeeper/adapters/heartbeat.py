"""One GET to whoever watches the watcher. The address is a secret: no sentence holds more of it than its host."""

from __future__ import annotations

from urllib.parse import urlsplit

from watchkeeper import __version__
from watchkeeper.adapters.http_request import status_of
from watchkeeper.services.ports.notifiers import DeliveryError

TIMEOUT_S = 10.0


def send(address: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """GET the address; 2xx is taken. Raises `DeliveryError`. Never takes longer than `timeout_s` by much.

    A redirect is refused: it would tell nobody who was asked for.
    """
    unusable = DeliveryError("The address of the heartbeat is not a usable one.", True)
    try:
        parts = urlsplit(address)
    except ValueError:
        raise unusable from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DeliveryError("The address of the heartbeat is not an http or https URL.", True)
    try:
        headers = {"User-Agent": f"watchkeeper/{__version__}"}
        status = status_of("GET", parts, headers, timeout_s=timeout_s, who=parts.hostname)
    except ValueError:
        raise unusable from None
    if not 200 <= status < 300:
        raise DeliveryError(f"{parts.hostname} answered {status}, 2xx was expected.")
