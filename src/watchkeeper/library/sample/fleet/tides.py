"""Fetches the tide table from the hydrographic office, again and again, for the tablets on the quay.

    python tides.py --partner 127.0.0.1:8806 --port 8805

It logs in once, at its start. /health is fine while the table is fresh; otherwise it says what the office answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from desk import leave, say

EVERY_S = 0.5
FRESH_S = 2.0
KEY = {"X-Key": "harbour", "Content-Length": "0"}


class Table:
    """The newest table, and what the office answered last."""

    def __init__(self, partner: str) -> None:
        self.partner = partner
        self.read_at = 0.0
        self.said = "not asked yet"

    def ask(self, method: str, path: str) -> int:
        """One request; returns the status, 0 without an answer."""
        connection = http.client.HTTPConnection(self.partner, timeout=4.0)
        try:
            connection.request(method, path, headers=KEY)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.note(f"no answer: {error or type(error).__name__}")
            return 0
        finally:
            connection.close()
        after = answer.getheader("Retry-After")
        self.note(f"{answer.status} {answer.reason}" + (f", Retry-After: {after}" if after else ""))
        return answer.status

    def note(self, said: str) -> None:
        """Into the log when it is something else than before."""
        if said.partition(",")[0] != self.said.partition(",")[0]:
            say(f"tides: the hydrographic office answers {said}")
        self.said = said

    def follow(self) -> None:
        """For ever. A refusal is waited out: asking on is free of charge, logging in again is not."""
        while self.ask("POST", "/v1/session") == 0:
            time.sleep(EVERY_S)
        while True:
            if self.ask("GET", "/v1/tides") == 200:
                self.read_at = time.monotonic()
            time.sleep(EVERY_S)

    def health(self) -> tuple[int, dict[str, object]]:
        """200 while the table is fresh."""
        if time.monotonic() - self.read_at < FRESH_S and self.read_at:
            return 200, {"ok": True}
        return 503, {"ok": False, "why": f"no fresh tide table, the hydrographic office answers {self.said}"}


def serve(table: Table, port: int) -> None:
    """GET /health in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 20

        def do_GET(self) -> None:
            status, facts = table.health() if self.path == "/health" else (404, {"error": "GET /health"})
            data = json.dumps(facts).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            """Not logged: a watch asks every second."""

    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--partner", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    table = Table(given.partner)
    serve(table, given.port)
    table.follow()


if __name__ == "__main__":
    main()
