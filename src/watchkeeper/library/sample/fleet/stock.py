"""The stock database of the order desk: counts what leaves the shelves, in memory and in a journal.

    python stock.py --folder stock --port 8805

One JSON line asks, one answers: {"take": {"fender": 2}} books, {"give_back": {"fender": 2}} takes a booking back,
{"count": "fender"} tells, {} only says that it is well. A booking is in the journal before it is answered.
GET /health is answered too, for the watch.

Two servers on one folder would ruin the journal, and the folder is on the shared disk of the quay. So the server leaves
a lock file with its process there and does not start while one lies there, whoever that process is: after a crash
somebody has to look first (`stock-lock`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socketserver
import threading
from collections import Counter
from pathlib import Path
from typing import IO

from desk import leave, say

JOURNAL_LIMIT = 200_000
LINE_LIMIT = 16_384
ITEMS_LIMIT = 10_000


class Stock:
    """What left the shelves, by item. Every change goes into the journal first."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stock.journal"
        self.taken: Counter[str] = Counter()
        self.lock = threading.Lock()
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self.add(line)
        self.journal = self.rewrite()

    def add(self, line: str) -> None:
        """One line of the journal; the last one may be torn after a crash, and was never answered then."""
        try:
            for item, count in json.loads(line).items():
                self.taken[str(item)] += int(count)
        except (ValueError, AttributeError):
            say(f"stock: this line of the journal is skipped: {line[:80]!r}")

    def rewrite(self) -> IO[str]:
        """A journal of one line that says the same; open for more."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.taken) + "\n", encoding="utf-8")
        os.replace(fresh, self.path)
        return self.path.open("a", encoding="utf-8")

    def book(self, items: dict[str, object], sign: int) -> int:
        """Book every item; returns how many things were booked. Raises `ValueError` for what cannot be booked."""
        change = {str(item)[:80]: sign * number for item, number in items.items() if isinstance(number, int)}
        if len(change) != len(items) or not all(1 <= sign * number <= 50_000 for number in change.values()):
            raise ValueError("a booking needs items with whole numbers from 1 to 50000")
        with self.lock:
            if len(self.taken.keys() | change.keys()) > ITEMS_LIMIT:
                raise ValueError(f"there are {ITEMS_LIMIT} items already")
            self.journal.write(json.dumps(change) + "\n")
            self.journal.flush()
            self.taken.update(change)
            if self.journal.tell() > JOURNAL_LIMIT:
                self.journal.close()
                self.journal = self.rewrite()
        return sum(change.values()) * sign

    def answer(self, asked: dict[str, object]) -> dict[str, object]:
        """One answer. Raises `ValueError` for a question that is none."""
        for word, sign in (("take", 1), ("give_back", -1)):
            if word in asked:
                items = asked[word]
                if not isinstance(items, dict):
                    raise ValueError(f"{word} needs items with numbers")
                return {"ok": True, "booked": self.book(items, sign)}
        if "count" in asked:
            return {"ok": True, "count": self.taken[str(asked["count"])]}
        return {"ok": True, "items": len(self.taken)}


class Handler(socketserver.StreamRequestHandler):
    """One customer: asks as long as it likes, line by line."""

    timeout = 20
    stock: Stock

    def handle(self) -> None:
        try:
            while line := self.rfile.readline(LINE_LIMIT):
                if line.startswith(b"GET "):
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + self.reply(b"{}"))
                    return
                self.wfile.write(self.reply(line) + b"\n")
        except OSError:
            return  # it went away

    def reply(self, line: bytes) -> bytes:
        """The answer to one line."""
        return json.dumps(self.decide(line)).encode()

    def decide(self, line: bytes) -> dict[str, object]:
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict):
                raise ValueError("ask with one JSON object per line")
            return self.stock.answer(asked)
        except (ValueError, OSError) as error:
            return {"ok": False, "error": str(error)}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def take_lock(path: Path) -> None:
    """Leave our process in the lock file. Raises `FileExistsError` when one lies there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(handle, f"{os.getpid()}\n".encode())
    os.close(handle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    lock = Path(given.folder) / "stock.lock"
    try:
        take_lock(lock)
    except FileExistsError:
        say(f"stock: not started: {lock} is there, of process {lock.read_text(encoding='ascii').strip()}")
        leave(75)

    def stop(*_: object) -> None:
        lock.unlink(missing_ok=True)
        leave(0)

    signal.signal(signal.SIGTERM, stop)
    Handler.stock = Stock(Path(given.folder))
    server = Server(("127.0.0.1", given.port), Handler)
    say(f"stock: open on port {given.port}, {len(Handler.stock.taken)} items")
    server.serve_forever()


if __name__ == "__main__":
    main()
