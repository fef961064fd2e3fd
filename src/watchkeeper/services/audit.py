"""The audit trail: who did, or was refused, what matters to security. Secrets are never in it.

What changes something is added in the transaction of the change: ``session.add_audit_event(audited(now, actor, ...))``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from watchkeeper.core.actors import Actor
from watchkeeper.core.audit import AuditEvent, Outcome
from watchkeeper.core.errors import Forbidden, NeedsFactor, TooMany, WatchkeeperError
from watchkeeper.services.ports import Clock, StorePort

log = logging.getLogger(__name__)
MOST_TEXT = 400
REFUSALS_PER_MINUTE = 120
"""More refusals than that in one minute are counted, not written: nobody fills the disk by knocking."""
_STRANGER = Actor("person", "nobody")


def audited(
    now: float, actor: Actor, act: str, resource: str = "", detail: str = "", outcome: Outcome = "done"
) -> AuditEvent:
    """The event of an act of this actor. act: ``token.add``, ``approve`` ...; detail: plain words, bounded, no secret."""
    via, address = actor.via[:120], actor.address[:64]
    return AuditEvent(0, now, actor.name, actor.kind, act, resource[:200], outcome, via, address, detail[:MOST_TEXT])


class Audit:
    """Reads the trail, and writes what is no part of another change: sign-ins and refusals."""

    def __init__(self, store: StorePort, clock: Clock, redact: Callable[[str], str]) -> None:
        self._store, self._clock, self._redact = store, clock, redact
        self._guard = threading.Lock()
        self._minute, self._refusals = 0, 0

    def note(
        self, actor: Actor | None, act: str, resource: str = "", detail: str = "", outcome: Outcome = "done"
    ) -> None:
        """Write one event by itself. actor None: somebody who has not said who he is. Never within a transaction."""
        event = audited(self._clock(), actor or _STRANGER, act, self._redact(resource), self._redact(detail), outcome)
        self._store.write(lambda session: session.add_audit_event(event))

    def refused(self, actor: Actor | None, act: str, resource: str = "", why: str = "") -> None:
        """Somebody was refused. A failure to write it is logged and is no reason for another answer; see the bound above."""
        now = self._clock()
        with self._guard:
            minute = int(now // 60)
            if minute != self._minute:
                left_out, self._minute, self._refusals = self._refusals - REFUSALS_PER_MINUTE, minute, 0
                why = f"{why} ({left_out} more refusals in a minute before were not written.)" if left_out > 0 else why
            self._refusals += 1
            if self._refusals > REFUSALS_PER_MINUTE:
                return
        try:
            self.note(actor, act, resource, why, "refused")
        except WatchkeeperError as error:
            log.warning("a refusal could not be written to the audit trail: %s", error.sentence)

    def refused_act(self, actor: Actor, asked: str, error: Forbidden) -> None:
        """The same for an act of somebody who is known. asked: method and path. That a second factor is missing is no
        refusal: it is asked for."""
        if not isinstance(error, (NeedsFactor, TooMany)):
            self.refused(actor, str(error.details.get("action", "call")), asked, error.sentence)

    def listed(
        self, limit: int = 50, before: int | None = None, actor: str = "", act: str = "", since: float | None = None,
        outcome: str = "",
    ) -> list[AuditEvent]:  # fmt: skip
        """Newest first; act ``token`` finds all of ``token.*``."""
        with self._store.read() as session:
            return session.audit_events(max(1, min(limit, 1000)), before, actor, act, since, outcome)
