"""Screens on a wall: a session that sees one page and nothing else. An admin makes a one-time link for the screen.

Such a session names nobody: to every other page, and to the API, it is a stranger. It ends after 90 days without being
seen, by `wk emergency`, or with the cookie.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden
from watchkeeper.identity.callers import LINKS_VOID, asked_by
from watchkeeper.services.accounts import digest
from watchkeeper.services.audit import Audit
from watchkeeper.services.ports import Clock, Session, StorePort

if TYPE_CHECKING:
    from django.http import HttpRequest

LINK_LASTS_S = 600.0
WALL_LASTS_S = 90 * 86_400
_RENEW_S = 60 * 86_400
_LINK, _WALL = "wall link ", "watchkeeper.wall"


class Walls:
    """Makes links for screens and knows their sessions."""

    def __init__(self, store: StorePort, clock: Clock, audit: Audit) -> None:
        self._store, self._clock, self._audit = store, clock, audit

    def make_link(self, actor: Actor) -> str:
        """The key of a link that makes one browser a wall; it works once, within ten minutes. Raises `Forbidden`."""
        assert_allowed(actor, "settings")
        key = secrets.token_urlsafe(24)
        until = self._clock() + LINK_LASTS_S
        self._store.write(lambda session: session.set_setting(_LINK + digest(key), repr(until)))
        self._audit.note(actor, "wall", "page", "a link for a screen")
        return key

    def enter(self, request: HttpRequest, key: str) -> None:
        """Make this browser a wall; whoever was signed in with it is signed out. Raises `Forbidden`."""
        from django.contrib.auth import logout

        def work(session: Session) -> bool:
            name = _LINK + digest(key)
            until = float(session.setting(name) or 0.0)
            void = float(session.setting(LINKS_VOID) or 0.0)
            if until <= self._clock() or until - LINK_LASTS_S <= void:
                return False
            session.set_setting(name, "0")
            return True

        if not key or not self._store.write(work):
            raise Forbidden(
                "This link was used already or is older than ten minutes.", "Make a new one: wk open --wall."
            )
        logout(request)
        request.session.cycle_key()
        request.session[_WALL] = True
        request.session.set_expiry(WALL_LASTS_S)
        screen = Actor("person", "wall", via="link", address=asked_by(request).address)
        self._audit.note(screen, "sign-in", "wall", "a screen, by a one-time link")

    def is_wall(self, request: HttpRequest) -> bool:
        """Whether this browser is a wall; one that is seen goes on."""
        if not request.session.get(_WALL):
            return False
        if request.session.get_expiry_age() < _RENEW_S:
            request.session.set_expiry(WALL_LASTS_S)
        return True

    def is_wall_cookie(self, session_key: str) -> bool:
        """The same for what does not go through Django, by the value of its session cookie."""
        from django.contrib.sessions.backends.db import SessionStore

        session: Any = SessionStore(session_key)
        return bool(session_key and session.get(_WALL))
