"""How allauth behaves here: no open sign-up, no hint whether a name exists, own addresses only, our own words.

allauth asks for these classes by the names in `settings`. What happened is told to the audit trail by `identity.trail`.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from watchkeeper.identity import factors, resting, visits
from watchkeeper.identity.wiring import wiring

_PLAIN = re.compile(r"/[^\\\x00-\x20\x7f]*\Z")
_WRONG = "This name and password do not belong together."
_WRONG_CODE = "That code was not accepted. A code lives 30 seconds and counts once; take the next one."


def is_own(address: str) -> bool:
    """Whether a redirect may go there: a path on this very server, nothing that a browser could read as another host."""
    if len(address) > 2000 or not _PLAIN.match(address) or address.startswith("//"):
        return False
    return url_has_allowed_host_and_scheme(address, allowed_hosts=None)


def own(address: str, otherwise: str = "/") -> str:
    """The address when it is one of ours, else the other one."""
    return address if is_own(address) else otherwise


def address_of(request: HttpRequest) -> str:
    """Where a request came from, as an IP address; the Unix socket counts as this machine."""
    try:
        return str(ipaddress.ip_address(str(request.META.get("REMOTE_ADDR", "")).partition("%")[0]))
    except ValueError:
        return "127.0.0.1"


def passkey_refusal(request: HttpRequest) -> str:
    """Why no passkey can be used at the address by which this page was opened; "" when one can."""
    host = request.get_host()
    name = host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host
    if name == "localhost" or name.endswith(".localhost"):
        return ""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "" if request.is_secure() else "A browser uses passkeys only over HTTPS, and on localhost."
    if name in ("127.0.0.1", "[::1]"):
        port = host[len(name) :]
        return f"A passkey belongs to a name, not to {name}: open http://localhost{port} instead, and sign in there."
    return f"A passkey belongs to a name, not to {name}: open this page by its name, over HTTPS."


class Adapter(DefaultAccountAdapter):
    """allauth's account adapter."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _WRONG,
        "invalid_login": _WRONG,
        "incorrect_password": "That is not your password.",
        "enter_current_password": "That is not your password now.",
        "incorrect_code": _WRONG_CODE,
        "rate_limited": "Too many tries. Wait a minute, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts come by invitation."""
        return False

    def add_message(self, *arguments: Any, **named: Any) -> None:
        """Pages say themselves what was done."""

    def send_notification_mail(self, *arguments: Any, **named: Any) -> None:
        """No mail; the audit trail has it."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """For the limits, and the list of sessions."""
        return address_of(request)

    def is_safe_url(self, url: str) -> bool:
        """See `is_own`."""
        return is_own(url)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return resting.key_of(str(credentials.get("username", "")))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuses with the time from which tries are taken again."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            until = resting.rests_until(request, self._get_login_attempts_cache_key(request, **credentials))
            self._tell(request, str(credentials.get("username", "")), "too many tries")
            raise ValidationError(resting.sentence(until), code="too_many_login_attempts") from error

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """The account, or None. A disabled one is refused like a wrong password: nobody learns that it is there."""
        user = super().authenticate(request, **credentials)
        if user is not None and not user.is_active:
            self.authentication_failed(request, **credentials)
            return None
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong name or password."""
        self._tell(request, str(credentials.get("username", "")), "wrong name or password")

    def _tell(self, request: HttpRequest, name: str, detail: str) -> None:
        """The name only when somebody has it: people type their password into the wrong field."""
        known = get_user_model().objects.filter(name=name[:32]).exists()
        wiring().tell("sign-in", "nobody", name if known else "", "refused", address_of(request), detail)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """As if the key or password were wrong."""
        return HttpResponseRedirect(settings.LOGIN_URL)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has a second factor shows that one, best first; the password alone is for those who have none."""
        from allauth.core import context

        methods = super().get_reauthentication_methods(user)
        if not user.is_authenticated or not factors.has_factor(user.pk):
            return methods
        shown = [each for each in methods if each["id"] != "reauthenticate"]
        if passkey_refusal(context.request):
            shown = [each for each in shown if each["id"] != "mfa_reauthenticate:webauthn"]
        elif not factors.has_factor(user.pk, "totp"):
            shown.sort(key=lambda each: each["id"] != "mfa_reauthenticate:webauthn")
        return shown

    def is_reauthentication_required(self, *, app: str, **named: Any) -> bool:
        """Before the password or the factors change: a factor, or the password of who has none, shown of late."""
        from allauth.account.internal.flows.login import get_authentication_records
        from allauth.core import context

        request = context.request
        if factors.has_factor(request.user.pk):
            return visits.now() >= factors.fresh_until(request)
        records = get_authentication_records(request, request.user)
        return all(visits.now() - float(each["at"]) >= factors.FRESH_S for each in records)


class FactorAdapter(DefaultMFAAdapter):
    """allauth's adapter of second factors."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": _WRONG_CODE}

    def get_totp_label(self, user: Any) -> str:
        """The name of the account."""
        return str(user.get_username())

    def get_totp_issuer(self) -> str:
        """The team, so that a phone with several of them says which."""
        return f"{wiring().team()} watchkeeper"

    def _get_site_name(self) -> str:
        return f"{wiring().team()} watchkeeper"

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """What a passkey is called when its owner gave no name."""
        from allauth.mfa.models import Authenticator

        return f"Passkey {Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1}"
