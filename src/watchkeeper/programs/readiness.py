"""Speaking with systemd, and asking our own programs whether they are alive. Standard library only.

The protocol is one datagram to $NOTIFY_SOCKET; without that variable everything here does nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_STREAM
from _socket import socket as Socket  # the module around it costs a tenth of the supervisor's memory
from pathlib import Path

ANSWER_S = 2.0
_QUESTIONS = {
    "main": (
        "main.sock",
        b"GET /api/v1/health HTTP/1.1\r\nHost: watchkeeper\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 ",
    ),
    "watch": ("watch.sock", b'{"do": "status"}\n', b'{"ok"'),
}


class ServiceManager:
    """The side of systemd. Takes its variables out of the environment, so that no command we start speaks for us."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        asked, pid = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
        ours = not pid or pid == str(os.getpid())
        self.watchdog_s = int(asked) / 1e6 if asked.isdigit() and ours else 0.0
        self._petted = 0.0

    def tell(self, *lines: str) -> None:
        """Send lines such as ``READY=1``. A service manager that does not listen is no reason to fail."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        sender = Socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
        with contextlib.suppress(OSError):
            sender.settimeout(1.0)
            sender.sendto("\n".join(lines).encode(), address)
        sender.close()

    def pet(self) -> None:
        """Say that the supervisor goes round, three times as often as it must."""
        now = time.monotonic()
        if self.watchdog_s and now - self._petted >= self.watchdog_s / 3:
            self._petted = now
            self.tell("WATCHDOG=1")


def answers(state: Path, program: str) -> bool:
    """Whether a program answers a small question on its socket within two seconds; any answer counts."""
    name, question, expected = _QUESTIONS[program]
    connection = Socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    folder = -1
    try:
        connection.settimeout(ANSWER_S)
        folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        connection.connect(f"/proc/self/fd/{folder}/{name}")  # a socket's path may have 107 bytes, a state's has more
        connection.sendall(question)
        return connection.recv(64).startswith(expected)
    except OSError:
        return False
    finally:
        connection.close()
        if folder >= 0:
            os.close(folder)
