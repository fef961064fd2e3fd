"""The order desk as its customers see it: asked over HTTP, past watchkeeper and past the supervisor."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping

ORDER = {"customer": "the drill", "lines": [{"item": "tide table", "count": 2, "cents": 1200}]}
TOTAL_CENTS = 2400


def works(ports: Mapping[str, int], within_s: float = 5.0) -> bool:
    """Whether an order that is placed now is confirmed, with the right sum, within `within_s`."""
    deadline = time.monotonic() + within_s
    status, answer = request(ports["shop"], "POST", "/orders", ORDER)
    if status != 201 or not isinstance(answer.get("order"), int):
        return False
    while time.monotonic() < deadline:
        status, seen = request(ports["shop"], "GET", f"/orders/{answer['order']}")
        if status == 200 and seen.get("state") == "confirmed":
            return seen.get("total_cents") == TOTAL_CENTS
        time.sleep(0.05)
    return False


def answers(ports: Mapping[str, int]) -> bool:
    """Whether shop, worker, documentation site and tide program say that they are well, and SSH of quay 2 listens."""
    return not ill(ports) and listens(ports["quay"])


def ill(ports: Mapping[str, int]) -> list[str]:
    """The programs that say of themselves that they are not well, or say nothing."""
    asked = {"shop": "/health", "worker": "/health", "docs": "/index.html", "tides": "/health"}
    return [name for name, path in asked.items() if request(ports[name], "GET", path)[0] != 200]


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def request(
    port: int, method: str, path: str, body: Mapping[str, object] | None = None, timeout_s: float = 3.0
) -> tuple[int, dict[str, object]]:
    """(status, decoded object) of one request on loopback; (0, {}) without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()
    try:
        decoded = json.loads(data)
    except ValueError:
        decoded = {}
    return answer.status, decoded if isinstance(decoded, dict) else {}
