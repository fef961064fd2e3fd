"""The crane board of the harbour: which crane serves which berth. It is the one program that came as a container.

    python cranes.py --port 8810

GET /today answers the plan of the day.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CRANES = ("Grote Jan", "Kleine Jan", "Neeltje")
BERTHS = 6


def plan(day: int) -> dict[str, list[int]]:
    """Every crane with its berths; it moves on every day."""
    return {crane: [(day + 2 * at + more) % BERTHS + 1 for more in (0, 1)] for at, crane in enumerate(CRANES)}


class Handler(BaseHTTPRequestHandler):
    timeout = 20

    def do_GET(self) -> None:
        found = self.path == "/today"
        data = json.dumps(plan(int(time.time() // 86_400)) if found else {"error": "GET /today"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Not logged: a watch asks every second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    sys.stderr.write(f"cranes: open on port {given.port}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
