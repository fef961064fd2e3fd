"""Taking the team's secrets out of texts without waiting for a password manager each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from watchkeeper.core.redaction import Redactor

FRESH_S = 60.0


class KnownSecrets:
    """known: reads every value, which may take seconds. The values of the last reading are used while a new one runs."""

    def __init__(self, known: Callable[[], Sequence[str]], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known, self._monotonic = known, monotonic
        self._values: tuple[str, ...] | None = None
        self._taking_out: tuple[tuple[str, ...], Redactor] = ((), Redactor())
        self._read_at = 0.0
        self._reading = threading.Lock()

    def forget(self) -> None:
        """Other secrets count from now on: the next text waits for their values."""
        self._values = None

    def redact(self, text: str) -> str:
        """The text without secrets. Blocks at the first use only."""
        values = self._values
        if values is None:
            with self._reading:
                values = self._values if self._values is not None else self._read()
        elif self._monotonic() - self._read_at > FRESH_S:
            self._refresh()
        return self._without(values, text)

    def redact_now(self, text: str) -> str:
        """The same without ever waiting: before the values were read once, only what looks like a secret goes."""
        if self._values is None or self._monotonic() - self._read_at > FRESH_S:
            self._refresh()
        return self._without(self._values or (), text)

    def _without(self, values: tuple[str, ...], text: str) -> str:
        """All spellings of the values are worked out once, not for each line of a log."""
        known, redactor = self._taking_out
        if known != values:
            redactor = Redactor(values)
            self._taking_out = values, redactor
        return redactor.fresh().text(text)  # its own: texts come from several threads

    def _read(self) -> tuple[str, ...]:
        values = tuple(self._known())
        self._values, self._read_at = values, self._monotonic()
        return values

    def _refresh(self) -> None:
        if not self._reading.acquire(blocking=False):
            return

        def read() -> None:
            try:
                self._read()
            finally:
                self._reading.release()

        threading.Thread(target=read, name="secrets", daemon=True).start()
