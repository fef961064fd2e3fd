"""Who may sign in and call: accounts of people and agents, and their API tokens. How they prove it is in `identity`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchkeeper.core.actors import RoleOn, Scope

AccountKind = Literal["person", "agent"]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody, or some program, with a name here. Times are epoch seconds.

    roles: what an admin gave; a role in watchkeeper.yaml can only lower them. limits: of an agent, ``calls_per_hour``,
    ``requests_per_hour``. unix_user: the user on this machine whose calls through the socket are this agent's.
    time_zone, theme, single_keys: how the pages look for this person; "" for what the team and the browser say.
    """

    id: int
    name: str
    kind: AccountKind
    roles: tuple[RoleOn, ...]
    added_at: float
    added_by: str
    email: str = ""
    unix_user: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    time_zone: str = ""
    theme: str = ""
    single_keys: bool = True
    invited_until: float | None = None
    disabled_at: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token. The secret is shown once; the store keeps its sha256. factor_at: when a second factor was shown with it."""

    id: int
    account: str
    label: str
    scope: Scope
    services: str
    made_at: float
    made_by: str
    expires_at: float | None = None
    last_used_at: float | None = None
    last_used_from: str = ""
    factor_at: float | None = None
    revoked_at: float | None = None
    revoked_by: str = ""
