"""Running a job for `wk ping CHECK -- COMMAND`: its output passes through, its start, exit code and last lines are told.

The job always runs, whether watchkeeper answers or not, and its exit code is ours.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque

from watchkeeper.core.errors import NoAnswer, StoreAway, WatchkeeperError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO, Any

KEPT = 12_000
"""Bytes of output that are told."""
NOT_FOUND, NOT_EXECUTABLE = 127, 126
PAUSES_S = (1.0, 3.0)


class Tail:
    """The last bytes of what went through, of both streams in the order they came."""

    def __init__(self, most: int = KEPT) -> None:
        self._pieces: deque[bytes] = deque()
        self._size, self._most = 0, most
        self._guard = threading.Lock()

    def add(self, data: bytes) -> None:
        """The next piece."""
        with self._guard:
            self._pieces.append(data)
            self._size += len(data)
            while self._pieces and self._size - len(self._pieces[0]) >= self._most:
                self._size -= len(self._pieces.popleft())

    def text(self) -> str:
        """Whole lines, as far as they are kept; the last lines matter."""
        with self._guard:
            data = b"".join(self._pieces)
        if len(data) > self._most:
            data = data[-self._most :]
            data = data[data.find(b"\n") + 1 :]
        return data.decode("utf-8", "replace")


def wrap(
    check: str, command: Sequence[str], rid: str, note: str, send: Callable[[dict[str, object]], dict[str, Any]]
) -> int:
    """Run the command and tell of it; returns its exit code. send: raises what cannot be told, which is only said."""
    rid = rid or secrets.token_hex(6)
    _tell(send, {"check": check, "status": "start", "rid": rid, "note": note}, patient=False)
    began, tail = time.monotonic(), Tail()
    code = _run(command, tail)
    text = tail.text()
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    body = {
        "check": check, "exit_code": min(code, 255), "rid": rid, "note": note or last[:400], "body": text,
        "duration_s": round(time.monotonic() - began, 3),
    }  # fmt: skip
    _tell(send, body, patient=True)
    return code


def _tell(send: Callable[[dict[str, object]], dict[str, Any]], body: dict[str, object], patient: bool) -> None:
    """The job comes first: what cannot be told is said on standard error and changes nothing."""
    for pause_s in (*(PAUSES_S if patient else ()), 0.0):
        try:
            send(body)
            return
        except (NoAnswer, StoreAway) as error:
            refusal: WatchkeeperError = error
            time.sleep(pause_s)
        except WatchkeeperError as error:
            refusal = error
            break
    what = "its start was not told" if body.get("status") == "start" else "how it ended was not told"
    print(f"wk ping: {body['check']}: {what}: {refusal.sentence}", file=sys.stderr)


def _run(command: Sequence[str], tail: Tail) -> int:
    """The exit code, 128 and the number for a signal, as a shell says it."""
    try:
        job = subprocess.Popen(list(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    except OSError as error:
        print(f"wk ping: {command[0]}: {error.strerror}", file=sys.stderr)
        tail.add(f"{command[0]}: {error.strerror}\n".encode())
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    before = _hand_on_signals(job)
    assert job.stdout is not None and job.stderr is not None
    pumps = [
        threading.Thread(target=_pump, args=(job.stdout, sys.stdout.fileno(), tail), daemon=True),
        threading.Thread(target=_pump, args=(job.stderr, sys.stderr.fileno(), tail), daemon=True),
    ]
    for pump in pumps:
        pump.start()
    code = job.wait()
    for pump in pumps:
        pump.join(2.0)  # something that the job left behind may hold its output open for ever
    for number, handler in before.items():
        signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _pump(source: IO[bytes], target: int, tail: Tail) -> None:
    open_ = True
    while data := source.read(65_536):
        tail.add(data)
        while data and open_:
            try:
                data = data[os.write(target, data) :]
            except OSError:  # nobody reads it any more; the job goes on, and its end is told
                open_ = False


def _hand_on_signals(job: subprocess.Popen[bytes]) -> dict[int, Any]:
    """A signal to us is one to the job: how it ends is still told. Ctrl-C reaches it by the terminal already."""

    def hand_on(number: int, _frame: object) -> None:
        if job.poll() is None:
            job.send_signal(number)

    before: dict[int, Any] = {each: signal.signal(each, hand_on) for each in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    return before
