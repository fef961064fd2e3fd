"""What sign-in tells the audit trail: Django's and allauth's signals, each as one act, once its transaction is committed."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction

from watchkeeper.core.audit import Outcome
from watchkeeper.identity import factors, signing_in, visits
from watchkeeper.identity.wiring import wiring

KINDS = {"totp": "authenticator", "webauthn": "passkey", "recovery_codes": "recovery codes"}


def listen() -> None:
    """Connect all receivers; a second call connects nothing twice."""
    from allauth.account import signals as account
    from allauth.mfa import signals as mfa
    from django.contrib.auth.signals import user_logged_out

    account.user_logged_in.connect(_signed_in, dispatch_uid="wk-in")
    account.password_changed.connect(_password, dispatch_uid="wk-password")
    account.password_set.connect(_password, dispatch_uid="wk-password-set")
    user_logged_out.connect(_signed_out, dispatch_uid="wk-out")
    mfa.authenticator_added.connect(_added, dispatch_uid="wk-added")
    mfa.authenticator_removed.connect(partial(_factor, "factor.remove"), weak=False, dispatch_uid="wk-removed")
    mfa.authenticator_reset.connect(partial(_factor, "factor.reset"), weak=False, dispatch_uid="wk-reset")
    mfa.authenticator_used.connect(_shown, dispatch_uid="wk-shown")
    mfa.authentication_failed.connect(_wrong_code, dispatch_uid="wk-wrong-code")


def tell(act: str, request: Any, name: str, resource: str = "", outcome: Outcome = "done", detail: str = "") -> None:
    """One act of a browser, after the transaction that it is in."""
    address = signing_in.address_of(request) if request is not None else ""
    transaction.on_commit(partial(wiring().tell, act, name, resource, outcome, address, detail))


def _signed_in(request: Any, user: Any, **more: Any) -> None:
    from allauth.account.internal.flows.login import get_authentication_records
    from django.conf import settings

    visits.forget_local(request)
    request.session.set_expiry(settings.SESSION_COOKIE_AGE)
    request.session.clear_expired()
    ways = [str(each.get("type") or each["method"]) for each in get_authentication_records(request, user)]
    if ways:  # without: a one-time link, and the door told of it
        tell("sign-in", request, user.get_username(), detail="by " + " and ".join(KINDS.get(way, way) for way in ways))


def _signed_out(request: Any, user: Any, **more: Any) -> None:
    if user is not None:
        tell("sign-out", request, user.get_username())


def _password(request: Any, user: Any, **more: Any) -> None:
    visits.end_of_person(user, but=str(request.session.session_key))
    tell("password.change", request, user.get_username(), detail="every other session of this account ended")


def _added(request: Any, user: Any, authenticator: Any, **more: Any) -> None:
    """Whoever sets up a factor has just shown it: he gave its code, or used the key."""
    from allauth.account.internal.flows.login import record_authentication

    if authenticator.type == "totp":
        factors.count_from_now(authenticator)
    if authenticator.type in ("totp", "webauthn"):
        found = {"id": authenticator.pk, "type": authenticator.type, "reauthenticated": True}
        record_authentication(request, user, "mfa", **found)
    _factor("factor.add", request=request, user=user, authenticator=authenticator)


def _factor(act: str, request: Any, user: Any, authenticator: Any, **more: Any) -> None:
    tell(act, request, user.get_username(), resource=KINDS.get(authenticator.type, authenticator.type))


def _shown(request: Any, user: Any, authenticator: Any, reauthenticated: bool = False, **more: Any) -> None:
    if reauthenticated:
        _factor("factor.show", request, user, authenticator)


def _wrong_code(request: Any, user: Any, **more: Any) -> None:
    tell("factor.show", request, user.get_username(), outcome="refused", detail="wrong code")
