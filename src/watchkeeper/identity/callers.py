"""Who is calling. Until accounts exist: the owner of the state directory on the Unix socket, or the holder of a
one-time link in a browser on loopback. Everything else is refused.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.core.actors import DRILL, LOCAL, Actor
from watchkeeper.core.errors import Forbidden
from watchkeeper.services.ports import Clock, Session, StorePort

LINK_LASTS_S = 600.0
SESSION_LASTS_S = 12 * 3600.0
COOKIE = "watchkeeper"
_LINK = "link "
_VISITOR = "visitor "


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor and the way it came: ``unix`` socket or ``browser``."""

    actor: Actor
    way: str


class Door:
    """Makes one-time links, turns them into browser sessions, and says who is calling. Only digests are stored."""

    def __init__(self, store: StorePort, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def make_link(self) -> str:
        """The key of a new one-time link; it opens once, within ten minutes."""
        key = secrets.token_urlsafe(24)
        until = self._clock() + LINK_LASTS_S
        self._store.write(lambda session: session.set_setting(_LINK + _digest(key), repr(until)))
        return key

    def enter(self, key: str) -> str:
        """The cookie value for a browser that shows this key; raises `Forbidden` when it was used or is too old."""
        visitor = secrets.token_urlsafe(32)

        def work(session: Session) -> bool:
            name = _LINK + _digest(key)
            until = float(session.setting(name) or 0.0)
            if until <= self._clock():
                return False
            session.set_setting(name, "0")
            session.set_setting(_VISITOR + _digest(visitor), repr(self._clock() + SESSION_LASTS_S))
            return True

        if not key or not self._store.write(work):
            raise Forbidden("This link was used already or is older than ten minutes.", "Make a new one: wk open.")
        return visitor

    def caller(self, way: str, cookies: Mapping[str, str], headers: Mapping[str, str], sample: bool) -> Caller:
        """Who is calling; raises `Forbidden`. `way` is set by our own server, never by the caller."""
        if way == "unix":
            wanted = headers.get("X-Watchkeeper-Actor", "")
            if wanted == "drill" and sample:
                return Caller(DRILL, way)
            if wanted not in ("", "local"):
                raise Forbidden(
                    f"Actor {wanted!r} is not known here.", "Leave it out to act as the owner of the state."
                )
            return Caller(LOCAL, way)
        visitor = cookies.get(COOKIE, "")
        if visitor and self._known(visitor):
            return Caller(LOCAL, "browser")
        raise Forbidden("This page opens with a one-time link only.", "Make one on the machine itself: wk open.")

    def _known(self, visitor: str) -> bool:
        with self._store.read() as session:
            until = float(session.setting(_VISITOR + _digest(visitor)) or 0.0)
        return until > self._clock()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
