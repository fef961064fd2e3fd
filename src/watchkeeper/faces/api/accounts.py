"""Accounts, tokens, and who calls. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.accounts import Account, Token, role_of
from watchkeeper.core.actors import Actor, RoleOn
from watchkeeper.core.errors import Forbidden, Usage
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import Empty, actor_of, caller_of
from watchkeeper.services.accounts import Invited
from watchkeeper.services.tokens import Made

router = Router()


class RoleSaid(Schema):
    """A role, on a service, on those with a label (``tier=1``), or on everything (``*``)."""

    role: str
    services: str = "*"


class NewAccount(Schema):
    """A person or an agent. role: on everything, or on each of `on`; without one, that of the team file.

    roles: the same with a role for each. token: give one that reaches as far as the account, instead of an invitation.
    """

    name: str
    kind: str = "person"
    role: str = ""
    on: list[str] = []
    roles: list[RoleSaid] = []
    email: str = ""
    unix_user: str = ""
    limits: dict[str, float] = {}
    token: bool = False


class ChangedAccount(Schema):
    """What is to be otherwise; what is left out stays."""

    name: str
    role: str = ""
    on: list[str] = []
    roles: list[RoleSaid] | None = None
    email: str | None = None
    unix_user: str | None = None
    limits: dict[str, float] | None = None


class NamedAccount(Schema):
    """An account by name."""

    name: str


class Invitation(Schema):
    """Who gets a new link to set a password with. reset_factors: the second factors of before go too."""

    name: str
    reset_factors: bool = False


class NewToken(Schema):
    """A token. account: whose, default: of who asks. expires_s: None for one of an agent without an end."""

    label: str
    account: str = ""
    scope: str = "act"
    services: str = "*"
    expires_s: float | None = 90 * 86_400.0


class OldToken(Schema):
    """A token by its number."""

    id: int


class OldTokens(Schema):
    """Whose tokens: an account, ``*`` for everybody, default: of who asks."""

    account: str = ""


class Code(Schema):
    """A code of the authenticator, or a recovery code."""

    code: str


# ---- accounts ----


@router.get("/users")
def users(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"users": [account_json(each) for each in application().accounts.all()]}


@router.post("/users")
def add_user(request: HttpRequest, body: NewAccount) -> dict[str, Any]:
    """The answer holds the link of the invitation, or the token, this once."""
    app, actor = application(), actor_of(request)
    roles = said_roles(body.role, body.on, body.roles)
    if not roles and body.kind == "person":
        written = app.holder.current.team.people.get(body.name, "")
        roles = [RoleOn(written)] if written else said_roles("no role", [], [])  # type: ignore[arg-type]
    if not roles and body.kind == "agent":
        roles = [RoleOn("operator")]  # what an agent asks for waits for a person all the same
    invite = body.kind == "person" and not body.token
    made = app.accounts.add(body.name, actor, roles, body.kind, body.email, body.unix_user, body.limits, invite)
    told = invited_json(made)
    if body.token:
        told["token"] = app.tokens.add("first token", actor, body.name, _reach(body.kind)).text
    return told


@router.post("/users/change")
def change_user(request: HttpRequest, body: ChangedAccount) -> dict[str, Any]:
    roles = body.roles if body.roles is not None else ([] if body.role else None)
    given = None if roles is None else said_roles(body.role, body.on, roles)
    account = application().accounts.change(
        body.name, actor_of(request), given, body.email, body.unix_user, body.limits
    )
    return {"user": account_json(account)}


@router.post("/users/disable")
def disable_user(request: HttpRequest, body: NamedAccount) -> dict[str, Any]:
    return {"user": account_json(application().accounts.disable(body.name, actor_of(request)))}


@router.post("/users/enable")
def enable_user(request: HttpRequest, body: NamedAccount) -> dict[str, Any]:
    return {"user": account_json(application().accounts.enable(body.name, actor_of(request)))}


@router.post("/users/remove")
def remove_user(request: HttpRequest, body: NamedAccount) -> dict[str, Any]:
    return {"user": account_json(application().accounts.remove(body.name, actor_of(request)))}


@router.post("/users/invite")
def invite_user(request: HttpRequest, body: Invitation) -> dict[str, Any]:
    """A link by which this person sets a (new) password; shown this once."""
    return invited_json(application().accounts.invite(body.name, actor_of(request), body.reset_factors))


@router.post("/users/recover")
def recover_user(request: HttpRequest, body: NamedAccount) -> dict[str, Any]:
    """The owner of the state makes an admin, with a token; only while no daemon runs."""
    app, caller = application(), caller_of(request)
    if caller.way != "state":
        raise Forbidden(
            "An admin is recovered by the owner of the state, while watchkeeper is stopped.", "End it, then repeat."
        )
    account = app.accounts.recover(body.name, caller.actor)
    made = app.tokens.add("recovered", caller.actor, account.name, "admin")
    return {"user": account_json(account), "token": made.text}


# ---- tokens ----


@router.get("/tokens")
def tokens(request: HttpRequest, account: str = "") -> dict[str, Any]:
    """One's own; those of an account, or of everybody (``*``), for admins."""
    app = application()
    return {"tokens": [token_json(each, app.clock()) for each in app.tokens.listed(actor_of(request), account)]}


@router.post("/tokens")
def add_token(request: HttpRequest, body: NewToken) -> dict[str, Any]:
    """The answer holds the token, this once."""
    made = application().tokens.add(
        body.label, actor_of(request), body.account, body.scope, body.services, body.expires_s
    )
    return made_json(made)


@router.post("/tokens/revoke")
def revoke_token(request: HttpRequest, body: OldToken) -> dict[str, Any]:
    app = application()
    return {"token": token_json(app.tokens.revoke(body.id, actor_of(request)), app.clock())}


@router.post("/tokens/revoke-all")
def revoke_tokens(request: HttpRequest, body: OldTokens) -> dict[str, Any]:
    return {"revoked": application().tokens.revoke_all(actor_of(request), body.account)}


# ---- oneself ----


@router.get("/me")
def me(request: HttpRequest) -> dict[str, Any]:
    """Who calls, by which way, and how far it reaches."""
    caller = caller_of(request)
    return {"me": actor_json(caller.actor) | {"token": caller.token.id if caller.token else None}}


@router.post("/me/factor")
def factor(request: HttpRequest, body: Code) -> dict[str, Any]:
    """Show a second factor with this token; it counts for fifteen minutes."""
    app, caller = application(), caller_of(request)
    until = app.second_factor.show(caller, body.code)
    return {"factor": {"until": utc_text(until)}}


@router.post("/me/second-factor")
def begin_factor(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    """Begin to set up an authenticator. The key is shown this once; ten minutes to confirm it with a code."""
    begun = application().second_factor.begin(caller_of(request))
    return {"second_factor": {"secret": begun.secret, "url": begun.url}}


class Confirmed(Schema):
    """A code of the new authenticator. password: of the account, when it has one."""

    code: str
    password: str = ""


@router.post("/me/second-factor/confirm")
def confirm_factor(request: HttpRequest, body: Confirmed) -> dict[str, Any]:
    """The authenticator counts from now on. The recovery codes are shown this once."""
    codes = application().second_factor.confirm(caller_of(request), body.code, body.password)
    return {"second_factor": {"recovery_codes": codes}}


# ---- as JSON ----


def said_roles(role: str, on: list[str], roles: list[RoleSaid]) -> list[RoleOn]:
    """Roles as the caller gave them; the services check the words."""
    if on and not role:
        raise Usage("--on says where, and needs a role.", "Give --role operator --on shop.")
    named = [RoleOn(role, each) for each in on or ["*"]] if role else []  # type: ignore[arg-type]
    return [*named, *(RoleOn(each.role, each.services) for each in roles)]  # type: ignore[arg-type]


def _reach(kind: str) -> str:
    return "admin" if kind == "person" else "act"


def account_json(account: Account) -> dict[str, Any]:
    """An account. roles: those that count; given: as an admin gave them; role: the one on everything."""
    counted = application().accounts.roles(account)
    return {
        "name": account.name,
        "kind": account.kind,
        "role": role_of(counted),
        "roles": [role_json(each) for each in counted],
        "given": [role_json(each) for each in account.roles],
        "email": account.email,
        "unix_user": account.unix_user,
        "limits": dict(account.limits),
        "added_at": utc_text(account.added_at),
        "added_by": account.added_by,
        "invited_until": _time(account.invited_until),
        "accepted_at": _time(account.accepted_at),
        "disabled_at": _time(account.disabled_at),
    }


def role_json(role: RoleOn) -> dict[str, str]:
    """A role and where it holds."""
    return {"role": role.role, "services": role.services}


def invited_json(made: Invited) -> dict[str, Any]:
    """An account, and the link of its invitation when it has a new one."""
    told: dict[str, Any] = {"user": account_json(made.account)}
    if made.key:
        url = f"{application().public_url}/invite?key={made.key}"
        told["invitation"] = {"url": url, "until": _time(made.account.invited_until)}
    return told


def token_json(token: Token, now: float) -> dict[str, Any]:
    """A token without its secret, which nobody has any more."""
    over = token.expires_at is not None and token.expires_at <= now
    return {
        "id": token.id,
        "account": token.account,
        "label": token.label,
        "scope": token.scope,
        "services": token.services,
        "state": "revoked" if token.revoked_at is not None else "expired" if over else "valid",
        "made_at": utc_text(token.made_at),
        "made_by": token.made_by,
        "expires_at": _time(token.expires_at),
        "last_used_at": _time(token.last_used_at),
        "last_used_from": token.last_used_from,
        "factor_at": _time(token.factor_at),
        "revoked_at": _time(token.revoked_at),
        "revoked_by": token.revoked_by,
    }


def made_json(made: Made) -> dict[str, Any]:
    """A new token with its text."""
    return {"token": token_json(made.token, made.token.made_at) | {"text": made.text}}


def actor_json(actor: Actor) -> dict[str, Any]:
    """Somebody who calls."""
    return {
        "name": actor.name, "kind": actor.kind, "role": actor.role, "roles": [role_json(each) for each in actor.roles],
        "fresh": actor.fresh, "scope": actor.scope, "services": actor.services, "via": actor.via,
    }  # fmt: skip


def _time(at: float | None) -> str | None:
    return None if at is None else utc_text(at)
