"""Who is calling. Over TCP the API knows an Authorization header only and the pages a session only; on the Unix sockets the
kernel says which Unix user calls, and he is an agent unless a person's token comes with the request. The owner of the state
directory is the person `local` until the first person can prove who he is. Everything else is refused.

What our own server says of a request stands in headers that no caller can send (`programs.doorway` drops theirs):
``X-Watchkeeper-Way`` (``unix``, ``agent``, ``tcp``; ``state``: this process holds the state itself) and
``X-Watchkeeper-Peer``, the number of the Unix user on the other side.
"""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.accounts import Account, Token, actor_of, is_fresh, is_token
from watchkeeper.core.actors import AGENT, DRILL, LOCAL, Actor
from watchkeeper.core.errors import Forbidden, NotFound
from watchkeeper.core.inventory.values import Team
from watchkeeper.identity.tries import Tries, neighbourhood
from watchkeeper.services.accounts import digest
from watchkeeper.services.audit import Audit
from watchkeeper.services.emergency import LINKS_VOID
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.tokens import Tokens

if TYPE_CHECKING:
    from django.http import HttpRequest

    from watchkeeper.identity.visits import Visit

LINK_LASTS_S = 600.0
_LINK = "link "
BY_TOKEN = ("/api/", "/metrics", "/mcp", "/health")
"""Addresses where a session of a browser is nobody: over TCP only a token counts there."""
MOST_FAILURES, WITHIN_S = 10, 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor and the way it came: ``unix``, ``agent`` (the socket for all), ``state``, ``token`` or ``page``.

    token: the one that was shown, also on a socket.
    """

    actor: Actor
    way: str
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What counts of a request. peer: number of the Unix user; wanted: the actor that the caller asks to be."""

    way: str
    peer: int | None = None
    address: str = ""
    authorization: str = ""
    wanted: str = ""
    sample: bool = False


class Door:
    """Says who is calling, and makes one-time links.

    team: the team file of now, which may lower roles. sample: whether the drill exists here.
    """

    def __init__(
        self, store: StorePort, clock: Clock, tokens: Tokens, audit: Audit, team: Callable[[], Team] = Team,
        sample: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._tokens, self._audit = store, clock, tokens, audit
        self._team, self._sample = team, sample
        self._tries = Tries(clock, MOST_FAILURES, WITHIN_S, "Too many tokens that are not known came from here")

    # ---- who is calling ----

    def caller(self, request: HttpRequest) -> Caller:
        """Who sent this request; raises `Forbidden`, or `TooMany` for an address that guesses."""
        asked = asked_by(request, self._sample())
        if asked.way != "tcp" or request.path.startswith(BY_TOKEN):
            return self.calling(asked)
        from watchkeeper.identity import visits

        return self.visiting(visits.visit_of(request), asked.address)

    def calling(self, asked: Asked) -> Caller:
        """Who calls the API, by token or through a socket. Raises `Forbidden`, `TooMany`."""
        if asked.way == "state":
            return Caller(replace(LOCAL, via="state"), "state")
        if asked.way == "unix" and asked.wanted == "drill" and asked.sample:
            return Caller(DRILL, asked.way)
        if asked.wanted not in ("", "local", "agent"):
            raise Forbidden(f"Actor {asked.wanted!r} is not known here.", "Leave it out, and send a token.")
        if asked.authorization:
            return self._by_token(asked)
        if asked.way in ("unix", "agent"):
            lowered = (
                replace(asked, way="agent") if asked.wanted == "agent" else asked
            )  # what a program asks for itself
            return Caller(self._by_unix_user(lowered), asked.way)
        raise Forbidden("The API needs a token: Authorization: Bearer TOKEN.", "Make one: wk token add LABEL.")

    def visiting(self, visit: Visit | None, address: str = "") -> Caller:
        """Who looks at a page, by the session of his browser. Raises `Forbidden`."""
        with self._store.read() as session:
            anybody = session.any_person()
            account = _account(session, visit.name) if visit is not None and not visit.is_local else None
        if visit is not None and visit.is_local and not anybody:
            return Caller(replace(LOCAL, via="page", address=address), "page")
        if visit is not None and account is not None and account.kind == "person" and account.disabled_at is None:
            fresh = is_fresh(visit.factor_at, self._clock())
            return Caller(self._actor(account, None, fresh=fresh, via="page", address=address), "page")
        if anybody:
            raise Forbidden("You are not signed in.", "Sign in with your name and password.")
        raise Forbidden("This page opens with a one-time link only.", "Make one on the machine itself: wk open.")

    def visiting_by_cookie(self, session_key: str, address: str = "") -> Caller:
        """The same for what does not go through Django, by the value of its session cookie."""
        from django.db import close_old_connections

        from watchkeeper.identity import visits

        close_old_connections()
        return self.visiting(visits.visit_of_cookie(session_key) if session_key else None, address)

    def _by_token(self, asked: Asked) -> Caller:
        kind, _, text = asked.authorization.partition(" ")
        found = self._tokens.find(text.strip()) if kind.lower() == "bearer" else None
        if found is None:
            self._fail(asked, text.strip())
        token, account = found
        self._tokens.seen(token, asked.address)
        fresh = is_fresh(token.factor_at, self._clock())
        actor = self._actor(account, token, fresh=fresh, via=f"token {token.label}", address=asked.address)
        return Caller(actor, "token" if asked.way == "tcp" else asked.way, token)

    def _fail(self, asked: Asked, text: str) -> NoReturn:
        """Refuse a token that opens nothing; what it was is written nowhere."""
        where = neighbourhood(asked.address)
        self._tries.assert_free(where)
        self._tries.failed(where)
        mistyped = text.startswith("wk_") and not is_token(text)
        why = "a token with a typing mistake" if mistyped else "a token that is not known, or has ended"
        self._audit.refused(Actor("person", "nobody", via=asked.way, address=asked.address), "sign-in", "api", why)
        if mistyped:
            raise Forbidden(
                "This is no whole token: a letter is wrong or missing.", "Copy it again, from wk_ to its end."
            )
        raise Forbidden("This token is not known here, or it has ended.", "Make a new one: wk token add LABEL.")

    def _by_unix_user(self, asked: Asked) -> Actor:
        name = unix_name(asked.peer)
        with self._store.read() as session:
            if asked.way == "unix" and asked.peer in (None, 0, os.getuid()) and not session.any_person():
                return replace(LOCAL, via="socket")
            account = session.account_of_unix_user(name)
        via = f"unix {name}" if name else "socket"
        if account is None:
            return replace(AGENT, fresh=False, via=via)
        if account.disabled_at is not None:
            raise Forbidden(f"{account.name} is disabled here.", f"An admin enables it: wk user enable {account.name}.")
        return self._actor(account, None, via=via)

    def _actor(self, account: Account, token: Token | None, **more: object) -> Actor:
        return actor_of(account, self._team().people.get(account.name), token, **more)

    # ---- one-time links ----

    def make_link(self, actor: Actor = LOCAL) -> str:
        """The key of a new one-time link; it opens once, within ten minutes, and signs in as this person.

        Raises `Forbidden` for an agent, and for a token that does not reach as far as its owner.
        """
        assert_allowed(actor, "links")
        key = secrets.token_urlsafe(24)
        kept = f"{self._clock() + LINK_LASTS_S!r} {actor.name}"
        self._store.write(lambda session: session.set_setting(_LINK + digest(key), kept))
        return key

    def use_link(self, key: str) -> str:
        """The name of whom this key signs in (``local``, or an account), and uses it up. Raises `Forbidden`."""

        def work(session: Session) -> str:
            name = _LINK + digest(key)
            until, _, who = (session.setting(name) or "0").partition(" ")
            void = float(session.setting(LINKS_VOID) or 0.0)
            if float(until) <= self._clock() or float(until) - LINK_LASTS_S <= void:
                return ""
            session.set_setting(name, "0")
            return who or LOCAL.name

        who = self._store.write(work) if key else ""
        if not who:
            raise Forbidden("This link was used already or is older than ten minutes.", "Make a new one: wk open.")
        return who

    def enter(self, request: HttpRequest, key: str) -> str:
        """Sign this browser in by a one-time link; the name it acts as. Raises `Forbidden`."""
        from django.core.exceptions import ObjectDoesNotExist

        from watchkeeper.identity import visits

        who = self.use_link(key)
        address = asked_by(request).address
        with self._store.read() as session:
            anybody = session.any_person()
        if who == LOCAL.name and anybody:
            raise Forbidden("This link is of before the first account.", "Sign in with your name and password.")
        try:
            visits.enter_as_local(request) if who == LOCAL.name else visits.enter_as(request, who)
        except ObjectDoesNotExist:
            raise Forbidden(f"{who} has no account here any more.", "Ask an admin.") from None
        self._audit.note(Actor("person", who, via="link", address=address), "sign-in", "page", "by a one-time link")
        return who


def asked_by(request: HttpRequest, sample: bool = False) -> Asked:
    """What counts of a request of Django; the headers of `programs.doorway` are there or nowhere."""
    meta = request.META
    way, peer = str(meta.get("HTTP_X_WATCHKEEPER_WAY", "tcp")), str(meta.get("HTTP_X_WATCHKEEPER_PEER", ""))
    address = f"unix {peer}" if way in ("unix", "agent") else str(meta.get("REMOTE_ADDR", ""))
    return Asked(
        way, int(peer) if peer.isdigit() else None, address.strip(), str(meta.get("HTTP_AUTHORIZATION", ""))[:400],
        str(meta.get("HTTP_X_WATCHKEEPER_ACTOR", ""))[:64], sample,
    )  # fmt: skip


@lru_cache(maxsize=256)
def unix_name(number: int | None) -> str:
    """The name of a Unix user; its number when it has none, "" when it is not known."""
    if number is None:
        return ""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _account(session: Session, name: str) -> Account | None:
    try:
        return session.account(name)
    except NotFound:
        return None
