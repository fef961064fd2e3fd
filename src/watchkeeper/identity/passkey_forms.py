"""allauth's forms of passkeys. What a browser sends is parsed by a library, and whatever it trips over is a refusal."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.core.exceptions import ValidationError

_REFUSED = ValidationError("That passkey was not accepted.", code="incorrect_code")


class _Shown:
    """A passkey that is shown."""

    def clean_credential(self) -> Any:
        """The authenticator it belongs to. Raises `ValidationError`."""
        try:
            return super().clean_credential()  # type: ignore[misc]
        except ValidationError:
            raise
        except Exception as error:  # bytes of a stranger: missing keys, wrong types, broken CBOR ...
            raise _REFUSED from error


class Authenticate(_Shown, AuthenticateWebAuthnForm):
    """As the second step of signing in."""


class SignIn(_Shown, LoginWebAuthnForm):
    """Instead of a password."""


class Reauthenticate(_Shown, ReauthenticateWebAuthnForm):
    """Once more, before something that needs it."""


class Add(AddWebAuthnForm):
    """A new one."""

    def clean(self) -> Any:
        """Raises `ValidationError`."""
        try:
            return super().clean()
        except ValidationError:
            raise
        except Exception as error:
            raise _REFUSED from error
