"""Who may sign in and call: accounts of people and agents, and their API tokens. How they prove it is in `identity`."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from watchkeeper.core.actors import NAME, RESERVED, ROLES, Actor, Role, RoleOn, Scope, lower_of, rank
from watchkeeper.core.errors import Usage

AccountKind = Literal["person", "agent"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

INVITATION_LASTS_S = 7 * 86_400.0
TOKEN_LASTS_S = 90 * 86_400.0
FRESH_S = 900.0
"""How long a second factor that was shown counts."""

TOKEN_PREFIX = "wk_"
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LETTERS, CHECK_LETTERS = 43, 6
"""A token: ``wk_``, 43 random letters (256 bits), 6 letters that tell a typing mistake from a token that has ended."""

LIMITS: Mapping[str, str] = {"calls_per_hour": "calls of the API", "requests_per_hour": "runs asked for"}
_LABEL = re.compile(r"[^\x00-\x1f\x7f]{1,80}\Z")
_ON = re.compile(r"(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[A-Za-z0-9._-]{1,64}=[A-Za-z0-9._-]{1,64})\Z")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody, or some program, with a name here. Times are epoch seconds.

    roles: what an admin gave; a role in watchkeeper.yaml can only lower them. limits: of an agent, ``calls_per_hour``,
    ``requests_per_hour``. unix_user: the user on this machine whose calls through the socket are this agent's.
    time_zone, theme, single_keys: how the pages look for this person; "" for what the team and the browser say.
    invited_until: while a key to set a password is out. accepted_at: since when he can prove who he is.
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
    accepted_at: float | None = None
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


# ---- what somebody may do -------------------------------------------------------------------------------------------


def role_of(roles: Iterable[RoleOn], written: str | None = None) -> Role:
    """The role on everything. written: what watchkeeper.yaml says of this person; it can only lower."""
    return max((each.role for each in lowered(roles, written) if each.services == "*"), key=rank, default="viewer")


def lowered(roles: Iterable[RoleOn], written: str | None) -> tuple[RoleOn, ...]:
    """Each role, lowered by the word in watchkeeper.yaml."""
    if written is None:
        return tuple(roles)
    return tuple(RoleOn(lower_of(each.role, written), each.services) for each in roles)


def actor_of(account: Account, written: str | None = None, token: Token | None = None, **more: object) -> Actor:
    """The actor that this account acts as. more: fields of the actor that the caller knows, ``via``, ``fresh`` ..."""
    roles = lowered(account.roles, written)
    role = role_of(roles)
    fields: dict[str, object] = {
        "roles": tuple(each for each in roles if each.services != "*" and rank(each.role) > rank(role)),
        "fresh": False,
    }
    if token is not None:
        fields |= {"scope": token.scope, "services": token.services}
    return Actor(account.kind, account.name, role, **(fields | more))  # type: ignore[arg-type]


def is_fresh(factor_at: float | None, now: float) -> bool:
    """Whether a second factor that was shown at this time still counts."""
    return factor_at is not None and 0 <= now - factor_at < FRESH_S


# ---- what a token looks like ----------------------------------------------------------------------------------------


def token_text(secret: str) -> str:
    """The token with this secret of 43 letters: prefix, secret, checksum."""
    return TOKEN_PREFIX + secret + checksum(secret)


def checksum(secret: str) -> str:
    """Six letters of the CRC of the secret. They prove nothing; they tell that a letter is wrong or missing."""
    number, letters = binascii.crc32(secret.encode()), ""
    for _ in range(CHECK_LETTERS):
        number, place = divmod(number, len(LETTERS))
        letters = LETTERS[place] + letters
    return letters


def is_token(text: str) -> bool:
    """Whether this text could be a token at all."""
    body = text.removeprefix(TOKEN_PREFIX)
    if len(body) != SECRET_LETTERS + CHECK_LETTERS or not text.startswith(TOKEN_PREFIX) or not body.isascii():
        return False
    return checksum(body[:SECRET_LETTERS]) == body[SECRET_LETTERS:]


# ---- what people write ----------------------------------------------------------------------------------------------


def account_name(text: str) -> str:
    """A name that an account can have. Raises `Usage`."""
    if not NAME.match(text) or text in RESERVED:
        raise Usage(f"{text!r} is no name for an account.", "Small letters, digits, dot, dash: wk user add ada.")
    return text


def role_word(text: str) -> Role:
    """One of the four roles. Raises `Usage`."""
    if text not in ROLES:
        raise Usage(f"{text or 'no role'} is not a role.", f"Give --role, one of: {', '.join(ROLES)}.")
    return cast(Role, text)


def scope_word(text: str) -> Scope:
    """One of the four scopes. Raises `Usage`."""
    if text not in SCOPES:
        raise Usage(f"{text or 'nothing'} is not a scope.", f"Give --scope, one of: {', '.join(SCOPES)}.")
    return cast(Scope, text)


def services_word(text: str) -> str:
    """``*``, a service, or ``label=value``. Raises `Usage`."""
    if not _ON.match(text):
        raise Usage(f"{text!r} names no services.", "Give *, the name of a service, or label=value as in tier=1.")
    return text


def label_word(text: str) -> str:
    """What a token is called. Raises `Usage`."""
    if not _LABEL.match(text.strip()):
        raise Usage("A token needs a label of 1 to 80 characters.", "Say where it is used: wk token add laptop.")
    return text.strip()


def limits_of(given: Mapping[str, float]) -> dict[str, float]:
    """The limits of an agent. Raises `Usage` for an unknown one or one that is not above 0."""
    for name, number in given.items():
        if name not in LIMITS:
            raise Usage(f"{name} is no limit.", f"There are: {', '.join(LIMITS)}.")
        if not 0 < number <= 1e6:
            raise Usage(f"{name} is {number:g}; it must be above 0.", f"It counts {LIMITS[name]}.")
    return dict(given)


def roles_line(roles: Iterable[RoleOn]) -> str:
    """``operator on shop, approver on tier=1``; a role on everything stands alone."""
    return (
        ", ".join(each.role if each.services == "*" else f"{each.role} on {each.services}" for each in roles)
        or "viewer"
    )
