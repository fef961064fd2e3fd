"""The lasting keys as a file of the state directory (``keys.json``, mode 0600): written by main, read by the watch.

So the watch takes pings while main, or the main store, is away. The truth is in the main store; the file may be deleted.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from pathlib import Path

from watchkeeper.core.keys import SECRET_BYTES, Ring

NAME = "keys.json"


class KeyFile:
    """path: of the file. `write` replaces it as a whole; `ring` reads it again when it was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._ring: Ring | None = None

    def write(self, ring: Ring) -> None:
        """Replace what the file says; nothing is written when it says so already."""
        if self.ring() == ring:
            return
        rows = sorted([purpose, subject, number] for (purpose, subject), number in ring.generations.items())
        text = json.dumps({"secret": base64.b64encode(ring.secret).decode(), "generations": rows})
        fresh = self._path.with_name(f"{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)

    def ring(self) -> Ring | None:
        """The keys; None before main wrote any, or when the file is damaged (main replaces it then)."""
        try:
            found = os.stat(self._path)
        except OSError:
            self._seen = self._ring = None
            return None
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if mark != self._seen:
            self._seen, self._ring = mark, None
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                self._ring = _read(self._path.read_text(encoding="ascii"))
        return self._ring


def _read(text: str) -> Ring | None:
    whole = json.loads(text)
    secret = base64.b64decode(whole["secret"])
    rows = {(str(purpose), str(subject)): int(number) for purpose, subject, number in whole["generations"]}
    return Ring(secret, rows) if len(secret) >= SECRET_BYTES else None
