"""A write that may be sent twice and is done once. The key is kept before the act, so that a crash never lets it run again."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

from watchkeeper.core.errors import Invalid, Locked, Usage
from watchkeeper.core.idempotency import KEPT_S, LARGEST_ANSWER, LONGEST_KEY, Request, judge
from watchkeeper.services.ports import Clock, Session, StorePort


class Idempotency:
    """The keys of the last 24 hours. Each belongs to the actor who sent it."""

    def __init__(self, store: StorePort, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._working: set[tuple[str, str]] = set()
        self._guard = threading.Lock()

    def take(self, actor: str, key: str, method: str, address: str, body: bytes) -> Request | None:
        """Take up a request with this key: None when it is the caller's to carry out (then `keep` or `give_back`), else
        what was answered to it before. Raises `Usage` (no key), `Invalid` (the key of another request), `Locked`.
        """
        if not 0 < len(key) <= LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
            raise Usage(
                f"An idempotency key is 1 to {LONGEST_KEY} plain characters, without spaces.",
                "A UUID will do; a new one for each request.",
            )
        digest = hashlib.sha256(f"{method} {address}\n".encode() + body).hexdigest()
        now, mark = self._clock(), (actor, key)
        with self._guard:
            if mark in self._working:
                raise Locked(
                    "The same request is being carried out right now.",
                    "Send it again in a moment: it is done once only.",
                )
            self._working.add(mark)

        def work(session: Session) -> tuple[str, Request | None]:
            session.forget_requests(now - KEPT_S)
            known = session.keyed_request(actor, key)
            found = judge(known, digest, now)
            if found == "new":
                session.keep_request(Request(actor, key, digest, now))
            return found, known

        found = ""
        try:
            found, known = self._store.write(work)
        finally:
            if found != "new":
                self._let_go(mark)
        return None if found == "new" else _told(found, known)

    def keep(self, actor: str, key: str, status: int, content_type: str, answer: str | None) -> None:
        """What came of it. answer: None when it holds a secret; one that is too large is not kept either."""
        if answer is not None and len(answer.encode("utf-8", "replace")) > LARGEST_ANSWER:
            answer = None
        now = self._clock()

        def work(session: Session) -> None:
            known = session.keyed_request(actor, key)
            if known is not None:
                session.keep_request(
                    replace(known, done_at=now, status=status, content_type=content_type, answer=answer)
                )

        try:
            self._store.write(work)
        finally:
            self._let_go((actor, key))

    def give_back(self, actor: str, key: str) -> None:
        """Nothing was done: the key is free again."""
        try:
            self._store.write(lambda session: session.drop_request(actor, key))
        finally:
            self._let_go((actor, key))

    def _let_go(self, mark: tuple[str, str]) -> None:
        with self._guard:
            self._working.discard(mark)


def _told(found: str, known: Request | None) -> Request | None:
    if found == "other":
        raise Invalid(
            "This idempotency key was sent with another request in the last 24 hours.",
            "Take a new key for a new request.",
        )
    if found == "unknown":
        raise Locked(
            "A request with this key was taken up, and its outcome is not known: watchkeeper ended meanwhile, or another node"
            " is at it.",
            "Look whether it was done; if it was not, send it with a new key.",
        )
    if found == "unkept":
        raise Locked(
            f"This request was done already (status {known.status if known else 0}); its answer is not kept.",
            "A secret is shown once only: make a new one with a new key.",
        )
    return known
