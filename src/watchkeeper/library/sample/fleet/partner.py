"""The tide service of the hydrographic office: somebody else's API, with a limit per key that it enforces.

    python partner.py --port 8806

POST /v1/session logs a key in, which costs as much as 50 questions. GET /v1/tides answers. Beyond 300 in a minute a
key is shut out for 300 s (429, Retry-After), and every login of a key that is shut out begins that time again.
GET /v1/usage says how a key stands and costs nothing.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from desk import leave, say

LIMIT = 300
MINUTE_S = 60.0
LOGIN_COSTS = 50
SHUT_OUT_S = 300.0


@dataclass
class Account:
    """How one key stands. Times on the monotonic clock."""

    logins: int = 0
    used: int = 0
    minute_from: float = 0.0
    shut_until: float = 0.0

    def use(self, cost: int, now: float) -> float:
        """Count a question; returns for how many seconds the key is shut out, 0 when it is not."""
        if now - self.minute_from > MINUTE_S:
            self.used, self.minute_from = 0, now
        self.used += cost
        if now < self.shut_until:
            if cost == LOGIN_COSTS:
                self.shut_until = now + SHUT_OUT_S
        elif self.used > LIMIT:
            self.shut_until = now + SHUT_OUT_S
        return max(0.0, self.shut_until - now)


class Handler(BaseHTTPRequestHandler):
    """Every key is known; that is not what this is about."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet, so a connection that is kept is quick
    timeout = 20
    accounts: dict[str, Account] = {}
    guard = threading.Lock()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.charged(LOGIN_COSTS, {"session": "open"}) if self.path == "/v1/session" else self.answer(404, {})

    def do_GET(self) -> None:
        if self.path == "/v1/tides":
            self.charged(1, {"high_water": "06:12", "low_water": "12:25", "at": round(time.time())})
        elif self.path == "/v1/usage":
            account = self.account()
            shut_s = max(0.0, account.shut_until - time.monotonic())
            self.answer(200, {"logins": account.logins, "used": account.used, "shut_out_s": round(shut_s, 1)})
        else:
            self.answer(404, {})

    def account(self) -> Account:
        return self.accounts.setdefault(self.headers.get("X-Key", ""), Account(minute_from=time.monotonic()))

    def charged(self, cost: int, content: dict[str, object]) -> None:
        with self.guard:
            account = self.account()
            account.logins += cost == LOGIN_COSTS
            shut_s = account.use(cost, time.monotonic())
        if shut_s > 0:
            self.answer(429, {"error": "too many requests with this key"}, {"Retry-After": str(int(shut_s) + 1)})
        else:
            self.answer(200, content)

    def answer(self, status: int, content: dict[str, object], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        own = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        for name, value in (own | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not logged."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    say(f"partner: open on port {given.port}")
    Server(("127.0.0.1", given.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
