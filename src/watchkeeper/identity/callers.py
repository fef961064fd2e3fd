"""Who is calling. The owner of the state directory on the Unix socket is the person `local` until the first named
person exists; from then on the socket is an agent unless a person's token comes with the request. A browser is whoever
made its one-time link. Everything else is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchkeeper.core.actors import AGENT, DRILL, LOCAL, Actor
from watchkeeper.core.errors import Forbidden
from watchkeeper.core.inventory.values import Team
from watchkeeper.services.people import effective_role, known
from watchkeeper.services.ports import Clock, Session, StorePort

LINK_LASTS_S = 600.0
SESSION_LASTS_S = 12 * 3600.0
COOKIE = "watchkeeper"
_LINK = "link "
_VISITOR = "visitor "


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor and the way it came: ``unix`` socket, ``browser``, or ``state``: this process holds the state itself."""

    actor: Actor
    way: str


class Door:
    """Makes one-time links and tokens, and says who is calling. Only digests are stored.

    team: the team file of now, which may lower the roles of people.
    """

    def __init__(self, store: StorePort, clock: Clock, team: Callable[[], Team] = Team) -> None:
        self._store = store
        self._clock = clock
        self._team = team

    def make_link(self, actor: Actor = LOCAL) -> str:
        """The key of a new one-time link; it opens once, within ten minutes, and whoever opens it acts as `actor`."""
        key = secrets.token_urlsafe(24)
        kept = _until(self._clock() + LINK_LASTS_S, actor.name)
        self._store.write(lambda session: session.set_setting(_LINK + digest(key), kept))
        return key

    def enter(self, key: str) -> str:
        """The cookie value for a browser that shows this key; raises `Forbidden` when it was used or is too old."""
        visitor = secrets.token_urlsafe(32)

        def work(session: Session) -> bool:
            name = _LINK + digest(key)
            until, who = _parts(session.setting(name))
            if until <= self._clock():
                return False
            session.set_setting(name, "0")
            session.set_setting(_VISITOR + digest(visitor), _until(self._clock() + SESSION_LASTS_S, who))
            return True

        if not key or not self._store.write(work):
            raise Forbidden("This link was used already or is older than ten minutes.", "Make a new one: wk open.")
        return visitor

    def caller(self, way: str, cookies: Mapping[str, str], headers: Mapping[str, str], sample: bool) -> Caller:
        """Who is calling; raises `Forbidden`. `way` is set by our own server, never by the caller."""
        if way == "state":
            return Caller(LOCAL, way)
        if way == "unix":
            wanted = headers.get("X-Watchkeeper-Actor", "")
            if wanted == "drill" and sample:
                return Caller(DRILL, way)
            if wanted not in ("", "local"):
                raise Forbidden(
                    f"Actor {wanted!r} is not known here.", "Leave it out to act as the owner of the state."
                )
            return Caller(self._on_socket(headers.get("Authorization", "")), way)
        visitor = cookies.get(COOKIE, "")
        actor = self._visitor(visitor) if visitor else None
        if actor is not None:
            return Caller(actor, "browser")
        raise Forbidden("This page opens with a one-time link only.", "Make one on the machine itself: wk open.")

    def _on_socket(self, authorization: str) -> Actor:
        kind, _, token = authorization.partition(" ")
        with self._store.read() as session:
            people = known(session)
        if not authorization:
            return AGENT if people else LOCAL
        shown = digest(token.strip())
        if kind.lower() == "bearer" and token.strip():
            for person in people.values():
                if hmac.compare_digest(shown, person.digest):
                    return Actor("person", person.name, effective_role(person, self._team()))
        raise Forbidden("This token is not known here, or it has ended.", "An admin gives a new one: wk user add NAME.")

    def _visitor(self, visitor: str) -> Actor | None:
        """The person whose link a browser came by; nobody when that person has no rights of his own any more."""
        with self._store.read() as session:
            until, name = _parts(session.setting(_VISITOR + digest(visitor)))
            people = known(session)
        if until <= self._clock():
            return None
        if name in people:
            return Actor("person", name, effective_role(people[name], self._team()))
        return LOCAL if name == LOCAL.name and not people else None


def new_token() -> str:
    """A token for one person: shown once, kept as its digest only."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """How a key or token is kept. It is long and random, so a plain hash cannot be turned back."""
    return hashlib.sha256(text.encode()).hexdigest()


def _until(until: float, name: str) -> str:
    return f"{until!r} {name}"


def _parts(kept: str | None) -> tuple[float, str]:
    """(until, name) of a kept link or visit; one without a name is of the owner of the state."""
    until, _, name = (kept or "0").partition(" ")
    return float(until), name or LOCAL.name
