"""The head of the chain, kept outside: in commits of the ops repo and at a webhook; and a verification that compares."""

from __future__ import annotations

import logging
from collections.abc import Callable

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Channel
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.log.proof import Anchor, compared, read_value, trailer
from watchkeeper.core.notifications import Message
from watchkeeper.core.times import utc_text
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, DeliveryError, NotifierPort, Session, StorePort
from watchkeeper.services.ports.log_keeping import AnchorsPort

log = logging.getLogger(__name__)
SENT, TRIED = "log.anchor_sent", "log.anchor_tried"
"""Settings: what the webhook took last, as ``TIME NUMBER HASH``; when it was tried last."""
RETRY_S = 300.0
TIMEOUT_S = 20.0


class Anchors:
    """Sends the head and compares the chain with every anchor that is known."""

    def __init__(
        self, store: StorePort, verifier: Callable[[], Verification], commits: AnchorsPort, notifier: NotifierPort,
        holder: InventoryHolder, clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._verifier = verifier
        self._commits = commits
        self._notifier = notifier
        self._holder = holder
        self._clock = clock
        self._said = ""

    def known(self) -> list[Anchor]:
        """Those in commits and the last one that the webhook took, newest first."""
        found = self._commits.committed()
        with self._store.read() as session:
            sent = _sent(session)
        return sorted([*found, *([sent] if sent else [])], key=lambda each: -each.at)

    def head(self) -> tuple[int, str]:
        """(number, hash) of the last entry; 0 and the first hash of all while the log is empty."""
        with self._store.read() as session:
            return session.log_head()

    def trailer(self) -> str:
        """The line for a commit that is about to be made; "" while the log is empty."""
        number, hash_ = self.head()
        return trailer(number, hash_) if number else ""

    def verify(self, given: str = "") -> Verification:
        """The whole chain, then every anchor. given: one more, as ``NUMBER HASH``, that somebody was told. Raises `Usage`."""
        extra = read_value(given) if given.strip() else None
        if given.strip() and extra is None:
            raise Usage(
                f"'{given[:90]}' is not an anchor.", "An anchor is NUMBER HASH, as `wk log anchors` shows them."
            )
        found = self._verifier()
        if not found.ok:
            return found
        anchors = self.known() + ([Anchor(*extra, 0.0, "the anchor that was given")] if extra else [])
        with self._store.read() as session:
            hashes = session.hashes([each.number for each in anchors])
            unfit = any(hashes.get(each.number) != each.hash for each in anchors)
            lost = _lost(session) if unfit else []
        return compared(found, anchors, hashes, lost)

    def beat(self) -> None:
        """Send the head when it is time; after a failure again in some minutes, said once."""
        plan, now = self._holder.current.team.log.anchoring, self._clock()
        if not plan.webhook:
            return
        with self._store.read() as session:
            sent, tried = _sent(session), float(session.setting(TRIED) or 0.0)
            number, hash_ = session.log_head()
        due = sent is None or not 0 <= now - sent.at < plan.every_s
        if not number or not due or 0 <= now - tried < min(RETRY_S, plan.every_s):
            return
        self._store.write(lambda session: session.set_setting(TRIED, repr(now)))
        try:
            self._send(plan.webhook, number, hash_, now)
        except DeliveryError as error:
            if str(error) != self._said:
                log.error("the head of the operations log could not be sent: %s", error)
            self._said = str(error)
            return
        self._said = ""
        self._store.write(lambda session: session.set_setting(SENT, f"{now!r} {number} {hash_}"))

    def _send(self, webhook: str, number: int, hash_: str, now: float) -> None:
        team = self._holder.current.team.name
        channel = Channel("log.anchor", "webhook", webhook, TIMEOUT_S)
        message = Message(
            key=f"log-head-{number}-{hash_[:16]}",
            kind="anchor",
            title=f"Operations log of {team or 'watchkeeper'}: {number} entries",
            body=f"The head of the operations log is {number} {hash_} at {utc_text(now)}. Keep it: it proves the log.",
            at=now,
            facts={"number": str(number), "hash": hash_, "at": utc_text(now) or "", "team": team},
        )
        self._notifier.send(channel, message)


def _sent(session: Session) -> Anchor | None:
    at, _, value = (session.setting(SENT) or "").partition(" ")
    found = read_value(value)
    return Anchor(*found, float(at), "the webhook") if found else None


def _lost(session: Session) -> list[tuple[int, float]]:
    """(first entry that is missing, when) of every restore from a backup, by the entry that it wrote."""
    return [(entry.number, entry.draft.at) for entry in session.restore_entries()]
