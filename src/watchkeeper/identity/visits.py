"""Who looks at a page: Django's session of this browser, entered by signing in, or by a one-time link.

Before anybody has an account a link enters as `local`. That flag counts for nothing once the first account exists; the
door asks for that at every request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model, login, logout
from django.http import HttpRequest

from watchkeeper.core.actors import LOCAL
from watchkeeper.identity import factors

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

_LOCAL = "watchkeeper.local"
_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass(frozen=True, slots=True)
class Visit:
    """name: of the account, or ``local``. factor_at: when a second factor was shown in this session; None: never."""

    name: str
    factor_at: float | None = None

    @property
    def is_local(self) -> bool:
        """Whether it came by a link from before the first account."""
        return self.name == LOCAL.name


def visit_of(request: HttpRequest) -> Visit | None:
    """Whose session this is; None for a stranger. A disabled account has none, whatever its cookie says."""
    user = request.user
    if user.is_authenticated:
        return Visit(user.get_username(), factors.shown_at(request))
    return Visit(LOCAL.name) if request.session.get(_LOCAL) else None


def visit_of_cookie(session_key: str) -> Visit | None:
    """The same for a request that does not go through Django: by the value of its session cookie."""
    from django.contrib.sessions.backends.db import SessionStore

    request = HttpRequest()
    request.session = SessionStore(session_key)
    from django.contrib.auth import get_user

    request.user = get_user(request)
    return visit_of(request)


def enter_as_local(request: HttpRequest) -> None:
    """This browser acts as `local` from now on, in a session with a new key: nobody could have planted it."""
    logout(request)
    request.session.cycle_key()
    request.session[_LOCAL] = True
    request.session.set_expiry(settings.SESSION_COOKIE_AGE)
    request.session.clear_expired()


def enter_as(request: HttpRequest, name: str, password_given: bool = False) -> None:
    """Sign a person in who proved himself otherwise: by his token's link, or by choosing a password just now.

    Nothing counts as a second factor by that. Raises `DoesNotExist` for an unknown name.
    """
    from allauth.account.internal.flows.login import record_authentication
    from allauth.account.signals import user_logged_in

    user = get_user_model().objects.get_by_natural_key(name)
    if not user.is_active:
        raise get_user_model().DoesNotExist
    logout(request)
    login(request, user, backend=_BACKEND)
    if password_given:
        record_authentication(request, user, method="password", reauthenticated=True)
    user_logged_in.send(sender=type(user), request=request, response=None, user=user)


def forget_local(request: HttpRequest) -> None:
    """Somebody signed in here: the session is his alone."""
    request.session.pop(_LOCAL, None)


def end_of_person(user: AbstractBaseUser, but: str = "") -> int:
    """End every session of this account but the one with this key; how many ended."""
    from allauth.usersessions.models import UserSession

    ended = 0
    for each in UserSession.objects.filter(user_id=user.pk).exclude(session_key=but):
        each.end()
        ended += 1
    return ended


def now() -> float:
    """Epoch seconds, as allauth records them."""
    return time.time()
