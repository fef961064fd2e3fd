"""Who did it, and what he may do. Nothing happens without an actor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from watchkeeper.core.errors import Forbidden

ActorKind = Literal["person", "agent", "watchkeeper", "drill"]
Role = Literal["viewer", "operator", "approver", "admin"]
"""viewer sees; operator starts runs, gives values, cancels, approves what changes; approver approves all and grants;
admin does everything, people and their roles included. Each may do what the one before may."""
ROLES: tuple[Role, ...] = get_args(Role)

Act = Literal[
    "start", "fill", "approve", "deny", "resume", "cancel", "grant", "revoke", "switch_on", "switch_off", "lock", "people",
]  # fmt: skip

_NEEDS: Mapping[Act, tuple[Role, str]] = {
    "start": ("operator", "start a run"),
    "fill": ("operator", "give values"),
    "approve": ("operator", "approve"),
    "deny": ("operator", "deny"),
    "resume": ("operator", "resume a run"),
    "lock": ("operator", "take or let go of a lock"),
    "grant": ("approver", "grant"),
    "switch_on": ("approver", "switch automation on"),
    "people": ("admin", "say who may do what"),
}
"""The role that an act needs, of a person; the other acts only lower what may happen."""

LOWERING: Mapping[Act, str] = {
    "cancel": "cancel a run",
    "revoke": "revoke a grant",
    "switch_off": "switch automation off",
}
"""Acts that only end or take away: everybody but a viewer may do them, agents too. An emergency stop is never locked."""

NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}\Z")
RESERVED = frozenset({"local", "drill", "watchkeeper", "agent", "nobody", "two"})
"""Names that no person can have, since they already mean somebody."""


Scope = Literal["read", "act", "approve", "admin"]
"""How far a token lets its owner reach at most: look; also write and start; also approve and grant; everything."""


@dataclass(frozen=True, slots=True)
class RoleOn:
    """A role on some services. services: ``*`` for all and for what is the team's, a service's name, or ``label=value``."""

    role: Role
    services: str = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an agent, the drill of the sample fleet, or watchkeeper itself.

    role: of a person on everything; one without a role may only look. roles: those on some services only, besides it.
    fresh: whether a second factor was shown a short while ago (`identity`); approving and granting need it. scope,
    services: what the token that was used reaches at most. via: how the call came: ``page``, ``token NAME``,
    ``socket``, ``unix NAME``.
    """

    kind: ActorKind
    name: str
    role: Role = "viewer"
    roles: tuple[RoleOn, ...] = ()
    fresh: bool = True
    scope: Scope = "admin"
    services: str = "*"
    via: str = ""

    @property
    def is_person(self) -> bool:
        """Only a person may grant, approve or close as unproven (the drill stands in on the sample fleet)."""
        return self.kind in ("person", "drill")

    def __str__(self) -> str:
        return self.name


WATCHKEEPER = Actor("watchkeeper", "watchkeeper")
LOCAL = Actor("person", "local", "admin")
DRILL = Actor("drill", "drill", "admin")
AGENT = Actor("agent", "agent")


def rank(role: str) -> int:
    """How far a role reaches; an unknown one reaches nowhere."""
    return ROLES.index(cast(Role, role)) if role in ROLES else -1


def lower_of(given: Role, other: str) -> Role:
    """The lower of two roles; a word that is no role lowers to viewer. What a file says can only take away."""
    if rank(other) < 0:
        return "viewer"
    return given if rank(given) <= rank(other) else cast(Role, other)


def assert_may(actor: Actor, act: Act) -> None:
    """Raises `Forbidden` when this actor may not do this: agents never, people by their role."""
    if act in LOWERING:
        if actor.is_person and rank(actor.role) < rank("operator"):
            raise Forbidden(*_too_low(actor, "operator", LOWERING[act]))
        return
    assert_role(actor, *_NEEDS[act])


def assert_role(actor: Actor, role: Role, words: str) -> None:
    """Raises `Forbidden` unless this is a person of at least this role. words: what he would do, after "to"."""
    if not actor.is_person:
        raise Forbidden(
            f"{actor.name} is not a person, and only a person may {words}.",
            "A person says who he is by his token: WATCHKEEPER_TOKEN." if actor == AGENT else "",
        )
    if rank(actor.role) < rank(role):
        raise Forbidden(*_too_low(actor, role, words))


def _too_low(actor: Actor, role: Role, words: str) -> tuple[str, str]:
    sentence = f"{actor.name} is {article(actor.role)}, and to {words} one must be {article(role)}."
    return sentence, "An admin gives roles: wk user add NAME --role ROLE."


def article(role: str) -> str:
    """``an operator``, ``a viewer``."""
    return f"{'an' if role[:1] in 'aeio' else 'a'} {role}"
