"""Passwords: how they are kept, what one must be like, and setting one."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

LONGEST = 1000


class Argon2(Argon2PasswordHasher):
    """argon2id with 19 MiB, as OWASP asks at least. Django's 100 MiB each would let eight strangers at the door take 800."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1


def check(name: str, password: str, again: str) -> None:
    """Raises `ValidationError`, its code the field at fault: ``password1`` or ``password2``."""
    if len(password) > LONGEST:
        raise ValidationError(f"At most {LONGEST} characters.", code="password1")
    try:
        validate_password(password, get_user_model()(name=name))
    except ValidationError as error:
        raise ValidationError(" ".join(error.messages), code="password1") from error
    if password != again:
        raise ValidationError("The two are not the same.", code="password2")


def choose(name: str, password: str) -> None:
    """Set the password of an account; every session of before ends by that. Raises `DoesNotExist`."""
    account = get_user_model().objects.get_by_natural_key(name)
    account.set_password(password)
    account.save(update_fields=["password"])
