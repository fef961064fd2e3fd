"""When a session of a browser was seen last, for the list that its owner reads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

SEEN_EVERY_S = 300.0
"""How often the time a session was seen is written at most: a page asks every few seconds."""


class Sessions:
    """Middleware, outside of Django's own for sessions."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._answer(request)
        self._note(request)
        return response

    def _note(self, request: HttpRequest) -> None:
        """Only a request that asked who is there counts; files and refusals cost nothing."""
        user, session = getattr(request, "_cached_user", None), getattr(request, "session", None)
        key = getattr(session, "session_key", None)
        if not key or user is None or not user.is_authenticated or not self._due(key):
            return
        from allauth.usersessions.models import UserSession
        from django.utils import timezone

        from watchkeeper.identity.signing_in import address_of

        try:
            UserSession.objects.filter(session_key=key).update(last_seen_at=timezone.now(), ip=address_of(request))
        except DatabaseError as error:  # the page was made; a list that is late is no reason to refuse it
            log.warning("the time a browser was seen could not be written: %s", error)

    def _due(self, key: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._seen.get(key, -SEEN_EVERY_S) < SEEN_EVERY_S:
                return False
            if len(self._seen) > 1000:
                self._seen.clear()
            self._seen[key] = now
            return True
