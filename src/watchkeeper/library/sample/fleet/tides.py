"""Fetches the tide table from the hydrographic office, again and again, for the tablets on the quay.

    python tides.py --partner 127.0.0.1:8806 --port 8805

It logs in once, at its start. /health is fine while the table is fresh; otherwise it says what the office answered.
"""

from __future__ import annotations

import argparse
import http.client
import signal
import time

from desk import leave, say
from health import serve_health

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--partner", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    table = Table(given.partner)
    serve_health(table.health, given.port)
    table.follow()


if __name__ == "__main__":
    main()
