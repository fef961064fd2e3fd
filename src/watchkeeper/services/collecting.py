"""What a step prints, on its way from the host into the evidence: redacted, capped, hashed."""

from __future__ import annotations

import hashlib

from watchkeeper.core.redaction import Redactor
from watchkeeper.core.runs.expectation import LOOKED_AT
from watchkeeper.core.runs.values import Evidence, RunStep
from watchkeeper.services.ports import EvidencePort

HEAD_BYTES = 48 * 1024 * 1024
TAIL_BYTES = 16 * 1024 * 1024
SENTENCE_BYTES = 256
"""Room for the sentence with which a host says what it left out between the two."""
SHOWN_BYTES = 4000
"""How much of the output is kept in reach for messages."""


class Collector:
    """Takes a step's output, redacts it across chunk borders, caps it, and hands it to the evidence store."""

    def __init__(self, evidence: EvidencePort, step: RunStep, redactor: Redactor) -> None:
        self._evidence = evidence
        self._step = step
        self._redactor = redactor
        self._hash = hashlib.sha256()
        self._late = bytearray()
        self._reach = LOOKED_AT if step.plan.expect else SHOWN_BYTES
        self._near = b""
        self.size = 0
        self.truncated = False
        evidence.reset(step.run, step.index, step.attempt)

    @property
    def tail(self) -> bytes:
        """The last part of the output, for messages."""
        return self._near[-SHOWN_BYTES:]

    @property
    def near(self) -> str:
        """As much of the end of the output as `expect=` looks at."""
        return self._near.decode(errors="replace")

    def feed(self, data: bytes, left_out: int = 0) -> None:
        """More raw bytes from the host. left_out: how many before them it did not give."""
        self.truncated = self.truncated or left_out > 0
        self._keep(self._redactor.feed(data))

    def finish(self) -> None:
        """The output has ended: write what was held back and, when it was cut, the last part with a sentence."""
        self._keep(self._redactor.flush())
        if self._late:
            left_out = self.size - HEAD_BYTES - len(self._late)
            if left_out > 0:
                self.truncated = True
                self._write(f"\n[{left_out} bytes left out here by watchkeeper: 64 MB are kept]\n".encode())
            self._write(bytes(self._late))
            self._late.clear()

    def _keep(self, clean: bytes) -> None:
        if not clean:
            return
        self._near = (self._near + clean)[-self._reach :]
        head = max(0, min(len(clean), HEAD_BYTES - self.size))
        self.size += len(clean)
        if head:
            self._write(clean[:head])
        if head < len(clean):
            self._late += clean[head:]
            if len(self._late) > TAIL_BYTES + SENTENCE_BYTES:
                del self._late[: len(self._late) - TAIL_BYTES]

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._evidence.append(self._step.run, self._step.index, self._step.attempt, data)

    def evidence_value(self, exit_code: int | None, started_at: float, ended_at: float) -> Evidence:
        """What the step left behind. The digest is of the redacted bytes that were kept."""
        return Evidence(
            self._step.attempt, exit_code, started_at, ended_at, self.size, self._hash.hexdigest(), self.truncated,
            self.tail.decode(errors="replace")[-500:],
        )  # fmt: skip
