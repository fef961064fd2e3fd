"""allauth's forms, where a code is checked by `factors`, so that it counts once whoever asks."""

from __future__ import annotations

from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django.core.exceptions import ValidationError

from watchkeeper.identity import factors, resting, signing_in


class _ByCode:
    """Takes the check of a code out of allauth's form; its limit and its signals stay."""

    def clean_code(self) -> str:
        """The code, used up. Raises `ValidationError`."""
        from allauth.core import context, ratelimit
        from allauth.mfa.models import Authenticator

        request, account = context.request, self.user.pk  # type: ignore[attr-defined]
        key = f"mfa-auth-user-{account}"
        if not ratelimit.consume(request, action="login_failed", key=key):
            raise ValidationError(resting.sentence(resting.rests_until(request, key)), code="too_many_login_attempts")
        code = str(self.cleaned_data["code"])  # type: ignore[attr-defined]
        found = factors.accepted(account, code)
        if found is None:
            main = Authenticator.objects.filter(user_id=account).order_by("-type").first()
            if main is not None:
                self._emit_authentication_failed(main)  # type: ignore[attr-defined]
            raise ValidationError(signing_in.FactorAdapter.error_messages["incorrect_code"], code="incorrect_code")
        found.user = self.user  # type: ignore[attr-defined]
        self.authenticator = found
        ratelimit.clear(request, action="login_failed", key=key)
        return code


class Authenticate(_ByCode, AuthenticateForm):
    """The second step of signing in."""


class Reauthenticate(_ByCode, ReauthenticateForm):
    """Showing the second factor once more."""
