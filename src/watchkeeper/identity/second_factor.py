"""The second factor of a person who calls by token: shown with a code, and set up from a terminal.

What counts and how it is kept is allauth's, the same rows as the pages use (`factors`). Django's own connection writes here,
so nothing of this stands within a transaction of the store.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.accounts import FRESH_S
from watchkeeper.core.errors import Forbidden, NeedsFactor, NotFound, Usage
from watchkeeper.identity import factors
from watchkeeper.identity.callers import Caller
from watchkeeper.identity.tries import Tries
from watchkeeper.services.accounts import Accounts
from watchkeeper.services.audit import Audit
from watchkeeper.services.ports import Clock
from watchkeeper.services.tokens import Tokens

BEGUN_S = 600.0
MOST_WRONG, WITHIN_S = 5, 300.0
_MOST_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Begun:
    """A new authenticator that is not confirmed yet. url: ``otpauth://...``, for a QR code."""

    secret: str
    url: str


class SecondFactor:
    """Shows, begins, confirms; codes and passwords are tried at most five times in five minutes."""

    def __init__(self, accounts: Accounts, tokens: Tokens, audit: Audit, clock: Clock) -> None:
        self._accounts, self._tokens, self._audit, self._clock = accounts, tokens, audit, clock
        self._tries = Tries(clock, MOST_WRONG, WITHIN_S, "Too many wrong codes")
        self._guard = threading.Lock()
        self._begun: dict[str, tuple[float, str]] = {}

    def show(self, caller: Caller, code: str) -> float:
        """Use up this code; what needs a second factor is open to this token until the time that comes back.

        Raises `Forbidden` for a wrong or used code, `Usage` for one without a factor, `TooMany`.
        """
        token = _token(caller)
        account = self._accounts.get(caller.actor.name)
        if not factors.has_factor(account.id):
            raise Usage(f"{account.name} has no second factor yet.", "Set one up: wk user second-factor.")
        self._tries.assert_free(account.name)
        how = factors.accept_code(account.id, code.strip()[:_MOST_LENGTH], self._clock())
        if not how:
            self._wrong(caller, "factor", "a wrong or used code")
        self._tries.forgive(account.name)
        shown = self._tokens.factor_shown(token, caller.actor, how)
        return (shown.factor_at or 0.0) + FRESH_S

    def begin(self, caller: Caller, issuer: str = "watchkeeper") -> Begun:
        """A new key for an authenticator. Raises `NeedsFactor` when there is one already that was not shown just now."""
        _token(caller)
        self._assert_may_set(caller)
        from allauth.mfa.totp.internal.auth import generate_totp_secret

        secret, name = generate_totp_secret(), caller.actor.name
        with self._guard:
            now = self._clock()
            self._begun = {key: kept for key, kept in self._begun.items() if now - kept[0] < BEGUN_S}
            self._begun[name] = (now, secret)
        label = f"{quote(issuer)}:{quote(name)}"
        return Begun(secret, f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer)}&digits=6&period=30")

    def confirm(self, caller: Caller, code: str, password: str = "") -> list[str]:
        """The authenticator begun before counts from now on; its recovery codes, shown this once.

        The code counts as shown with this token. password: of the account, when it has one: a token alone cannot put a
        second factor in the place of none.
        """
        token = _token(caller)
        self._assert_may_set(caller)
        name = caller.actor.name
        with self._guard:
            at, secret = self._begun.get(name, (0.0, ""))
        if not secret or self._clock() - at >= BEGUN_S:
            raise Usage("Nothing was begun, or it was longer than ten minutes ago.", "Begin: wk user second-factor.")
        self._tries.assert_free(name)
        account = self._accounts.get(name)
        if not _password_holds(account.id, password):
            self._wrong(caller, "second-factor.set", "the password is wrong")
        from allauth.mfa.utils import encrypt

        if factors.counter_of(encrypt(secret), code.strip()[:_MOST_LENGTH], self._clock()) is None:
            self._wrong(caller, "second-factor.set", "a wrong code")
        with self._guard:
            self._begun.pop(name, None)
        codes = _keep(account.id, secret, code.strip(), self._clock())
        self._tries.forgive(name)
        self._audit.note(caller.actor, "second-factor.set", name, "an authenticator, from the command line")
        self._tokens.factor_shown(token, caller.actor, "totp")
        return codes

    def _assert_may_set(self, caller: Caller) -> None:
        assert_allowed(caller.actor, "account.own")
        account = self._accounts.get(caller.actor.name)
        if factors.has_factor(account.id) and not caller.actor.fresh:
            raise NeedsFactor(
                f"{account.name} has a second factor; to replace it, show it first.", "Give a code: wk asks for it."
            )

    def _wrong(self, caller: Caller, act: str, why: str) -> NoReturn:
        self._tries.failed(caller.actor.name)
        self._audit.refused(caller.actor, act, caller.actor.name, why)
        raise Forbidden(
            f"It does not hold: {why}.", "Take the code that the authenticator shows now; each one counts once."
        )


def _token(caller: Caller) -> int:
    """The number of the token of a person; a second factor counts with one. Raises `Forbidden`."""
    if caller.token is None or caller.actor.kind != "person":
        raise Forbidden(
            "A second factor is shown with a person's token.", "Set WATCHKEEPER_TOKEN, or sign in on the page."
        )
    return caller.token.id


def _password_holds(account: int, password: str) -> bool:
    """True as well for an account without a password."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(pk=account).first()
    if user is None:
        raise NotFound("This account is gone.")
    return not user.has_usable_password() or user.check_password(password[:1000])


def _keep(account: int, secret: str, code: str, now: float) -> list[str]:
    """Put the authenticator and new recovery codes in the place of those of before; the codes."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP
    from django.contrib.auth import get_user_model
    from django.db import transaction

    with transaction.atomic():
        user = get_user_model().objects.get(pk=account)
        old = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
        Authenticator.objects.filter(user_id=account, type__in=old).delete()
        TOTP.activate(user, secret)
        codes = RecoveryCodes.activate(user).get_unused_codes()
    factors.accept_code(account, code, now)
    return list(codes)
