"""The desk's container, asked and started through the Docker API of this machine; no docker program is needed.

python containers.py SOCKET NAME status|logs|start|restart
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from urllib.parse import quote

ASK_S = 20.0


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=ASK_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path: str, method: str, what: str) -> tuple[int, bytes]:
    """(status, body). Raises `OSError` when nobody answers."""
    connection = Connection(path)
    try:
        connection.request(method, what)
        answer = connection.getresponse()
        return answer.status, answer.read(1_000_000)
    except http.client.HTTPException as error:
        raise OSError(f"{path} broke off its answer ({type(error).__name__})") from None
    finally:
        connection.close()


def status(path: str, name: str) -> int:
    """The state in words; exit code 1 unless it runs."""
    code, body = ask(path, "GET", f"/containers/{quote(name)}/json")
    if code != 200:
        print(f"{name}: {code} {said(body)}")
        return 1
    state = json.loads(body)["State"]
    print(f"{name}: {state['Status']}, exit code {state['ExitCode']}, last started {state['StartedAt'][:19]}")
    return 0 if state["Running"] else 1


def logs(path: str, name: str) -> int:
    """Its last words, without the eight bytes that the API puts before every piece."""
    code, body = ask(path, "GET", f"/containers/{quote(name)}/logs?stdout=1&stderr=1&tail=20")
    if code != 200:
        print(f"{name}: {code} {said(body)}")
        return 1
    text = b""
    while len(body) > 8:
        size = int.from_bytes(body[4:8], "big")
        text, body = text + body[8 : 8 + size], body[8 + size :]
    print(text.decode("utf-8", "replace").strip() or f"{name} said nothing")
    return 0


def begin(path: str, name: str, verb: str) -> int:
    """Start or restart it; one that runs already is fine to start."""
    code, body = ask(path, "POST", f"/containers/{quote(name)}/{verb}")
    print(f"{name}: {verb}ed" if code in (204, 200) else f"{name}: {code} {said(body)}" if code != 304 else "it runs")
    return 0 if code in (200, 204, 304) else 1


def said(body: bytes) -> str:
    """What the API complains about."""
    try:
        return str(json.loads(body)["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:300]


def main() -> int:
    path, name, verb = sys.argv[1:4]
    try:
        if verb in ("start", "restart"):
            return begin(path, name, verb)
        return logs(path, name) if verb == "logs" else status(path, name)
    except (OSError, ValueError, KeyError) as error:
        print(f"the Docker API does not answer: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
