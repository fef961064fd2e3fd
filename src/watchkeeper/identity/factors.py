"""The second factor of a person: when it was shown last, and whether a code is right.

A code of the authenticator counts once: the newest counter that was accepted is kept with its key, so neither another
process nor a start anew takes it again (RFC 6238, 5.2). A code of the period before or after is taken as well, since
clocks of phones drift.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from watchkeeper.core.accounts import FRESH_S

DRIFT = (0, -1, 1)
_COUNTER = "watchkeeper_counter"


def shown_at(request: HttpRequest) -> float | None:
    """When a second factor was shown in this session, by the person who has it now; None: never."""
    from allauth.account.internal.flows.login import get_authentication_records

    shown = [each for each in get_authentication_records(request, request.user) if each.get("method") == "mfa"]
    return float(shown[-1]["at"]) if shown else None


def fresh_until(request: HttpRequest) -> float:
    """Until when the factor that was shown counts, epoch seconds; 0 when none was."""
    at = shown_at(request)
    return 0.0 if at is None else at + FRESH_S


def has_factor(account: int, *kinds: str) -> bool:
    """Whether this account has an authenticator (``totp``) or a passkey (``webauthn``); recovery codes alone are none."""
    from allauth.mfa.models import Authenticator

    return Authenticator.objects.filter(user_id=account, type__in=kinds or ("totp", "webauthn")).exists()


def accept_code(account: int, code: str, now: float | None = None) -> str:
    """``totp`` or ``recovery_codes`` when this is a right code that was not used yet, and uses it up; else ""."""
    found = accepted(account, code, now)
    return "" if found is None else str(found.type)


@transaction.atomic
def accepted(account: int, code: str, now: float | None = None) -> Any:
    """The authenticator that this code belongs to, after the code was used up; None when it is wrong or used."""
    from allauth.mfa.models import Authenticator

    rows = Authenticator.objects.select_for_update().filter(user_id=account)
    for row in rows.exclude(type=Authenticator.Type.WEBAUTHN).order_by("-type"):  # totp before recovery_codes
        if row.type == Authenticator.Type.TOTP:
            counter = counter_of(row.data["secret"], code, time.time() if now is None else now)
            if counter is not None and counter > int(row.data.get(_COUNTER, -1)):
                row.data[_COUNTER] = counter
                row.save(update_fields=["data"])
                return row
        elif row.wrap().validate_code(code):
            return row
    return None


def count_from_now(row: Any) -> None:
    """A new authenticator: the code that it was set up with counts as used."""
    from allauth.mfa import app_settings

    row.data[_COUNTER] = int(time.time()) // app_settings.TOTP_PERIOD
    row.save(update_fields=["data"])


def counter_of(secret: str, code: str, now: float) -> int | None:
    """The period whose code this is; None when it is that of no period near now."""
    from allauth.core.internal.cryptokit import compare_user_code
    from allauth.mfa import app_settings
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
    from allauth.mfa.utils import decrypt

    period = int(now) // app_settings.TOTP_PERIOD
    for drift in DRIFT:
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(decrypt(secret), period + drift))):
            return period + drift
    return None
