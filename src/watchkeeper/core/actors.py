"""Who did it. Nothing happens without an actor; what each may do stands in `core.access`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

ActorKind = Literal["person", "agent", "watchkeeper", "drill"]
Role = Literal["viewer", "operator", "approver", "admin"]
"""viewer sees; operator starts runs, gives values, cancels, approves what changes; approver approves all and grants;
admin does everything, people and their roles included. Each may do what the one before may."""
ROLES: tuple[Role, ...] = get_args(Role)

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
    ``socket``, ``unix NAME``. address: from where, for the audit trail only.
    """

    kind: ActorKind
    name: str
    role: Role = "viewer"
    roles: tuple[RoleOn, ...] = ()
    fresh: bool = True
    scope: Scope = "admin"
    services: str = "*"
    via: str = ""
    address: str = field(default="", compare=False)

    @property
    def is_person(self) -> bool:
        """Only a person may grant, approve or close as unproven (the drill stands in on the sample fleet)."""
        return self.kind in ("person", "drill")

    def __str__(self) -> str:
        return self.name


WATCHKEEPER = Actor("watchkeeper", "watchkeeper")
LOCAL = Actor("person", "local", "admin")
DRILL = Actor("drill", "drill", "admin")
AGENT = Actor("agent", "agent", "operator")
"""Whoever calls through the Unix socket without saying who he is, once there are accounts: an agent on everything."""


def rank(role: str) -> int:
    """How far a role reaches; an unknown one reaches nowhere."""
    return ROLES.index(cast(Role, role)) if role in ROLES else -1


def lower_of(given: Role, other: str) -> Role:
    """The lower of two roles; a word that is no role lowers to viewer. What a file says can only take away."""
    if rank(other) < 0:
        return "viewer"
    return given if rank(given) <= rank(other) else cast(Role, other)


def article(role: str) -> str:
    """``an operator``, ``a viewer``."""
    return f"{'an' if role[:1] in 'aeio' else 'a'} {role}"
