"""The load of `bench/heartbeats.py`, a process of its own: pings on fresh connections, by epoll, so that little of the
machine goes to asking.

    python bench/ping_load.py '{"url": "http://127.0.0.1:8799", "rate": 1000, "seconds": 10}'      or "jobs": 32

With `jobs` so many callers ask one after the other; with `rate` an open loop, whose latency counts from when a ping was
due. Prints one JSON object: rate, ok, bad, late (sent more than 50 ms after it was due: the load itself was too slow), p50,
p99 and max in seconds, and cpu_s, the processor time that the load itself took.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

CHECKS = 50
SECRET = bytes(range(32))
PATIENCE_S, LATE_S = 15.0, 0.05
ANSWERED = b"\r\n\r\nOK\n"


class Load:
    """The connections that are open, from connect to the last byte of the answer."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._address, self._requests = (host, int(port)), requests()
        self._epoll = select.epoll()
        self._open: dict[int, tuple[socket.socket, float]] = {}
        self._unsent: dict[int, bytes] = {}
        self._sent = 0
        self.times: list[float] = []
        self.bad = self.late = 0

    def __len__(self) -> int:
        return len(self._open)

    def send(self, due: float) -> None:
        """Connect and ask; never waits."""
        line = socket.socket()
        line.setblocking(False)
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        self.late += time.monotonic() - due > LATE_S
        with contextlib.suppress(BlockingIOError):
            line.connect(self._address)
        number = line.fileno()
        self._open[number] = line, due
        try:
            line.send(request)
            self._epoll.register(number, select.EPOLLIN)
        except OSError:  # not connected yet
            self._unsent[number] = request
            self._epoll.register(number, select.EPOLLOUT)

    def look(self, wait_s: float) -> int:
        """Take what came in until now, or within that time; returns how many connections ended."""
        ended = 0
        for number, _event in self._epoll.poll(max(wait_s, 0.0)):
            line, due = self._open[number]
            try:
                if number in self._unsent:
                    line.send(self._unsent.pop(number))
                    self._epoll.modify(number, select.EPOLLIN)
                    continue
                answer = line.recv(4096)
            except OSError:
                answer = b""
            self.bad += not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(ANSWERED))
            self.times.append(time.monotonic() - due)
            del self._open[number]
            line.close()
            ended += 1
        return ended

    def drain(self) -> None:
        """Wait for the last answers; who has none by then gets none."""
        ends = time.monotonic() + PATIENCE_S
        while self._open and time.monotonic() < ends:
            self.look(0.1)
        self.bad += len(self._open)
        self.times += [PATIENCE_S] * len(self._open)


def requests() -> list[bytes]:
    """Start, success, exit code and log of every check, half of them with a body; as a crontab's curl sends them."""
    from watchkeeper.core.keys import Ring

    ring, found = Ring(SECRET), []
    for number in range(CHECKS * 4):
        path = f"/ping/{ring.issue('ping', f'shop/job{number % CHECKS}')}{('/start', '', '/3', '/log')[number % 4]}"
        body = "last line of the job\n" if number % 2 else ""
        head = "Host: 127.0.0.1:8799\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nConnection: close\r\n"
        if body:
            head += f"Content-Length: {len(body)}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        found.append(f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
    return found


def closed_loop(load: Load, jobs: int, ends: float) -> None:
    """So many callers, each one ping after the other."""
    for _ in range(jobs):
        load.send(time.monotonic())
    while (now := time.monotonic()) < ends:
        for _ in range(load.look(ends - now)):
            load.send(time.monotonic())


def open_loop(load: Load, rate: float, ends: float) -> None:
    """A ping each 1/rate seconds, whatever became of those before."""
    due = time.monotonic()
    while due < ends:
        now = time.monotonic()
        while due <= now and due < ends:
            load.send(due)
            due += 1.0 / rate
        load.look(due - time.monotonic())


def main() -> int:
    """What one phase asks for, as JSON in the only argument; the figures as JSON on stdout."""
    what = json.loads(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load(what["url"])
    before, began = time.process_time(), time.monotonic()
    if "jobs" in what:
        closed_loop(load, what["jobs"], began + what["seconds"])
    else:
        open_loop(load, what["rate"], began + what["seconds"])
    load.drain()
    took, ordered = time.monotonic() - began, sorted(load.times)
    ok, last = len(ordered) - load.bad, len(ordered) - 1
    found = {"rate": ok / took, "ok": ok, "bad": load.bad, "late": load.late, "p50": ordered[last // 2],
             "p99": ordered[round(last * 0.99)], "max": ordered[-1], "cpu_s": time.process_time() - before}  # fmt: skip
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
