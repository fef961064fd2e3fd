"""The key with which sessions and forms are signed (``secret.key``), made anew."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

NAME = "secret.key"


def replace(state: Path) -> None:
    """A new key, durable in place of the old one, which holds for nothing from now on in this process either."""
    from django.conf import settings

    path, text = state / NAME, secrets.token_urlsafe(48)
    fresh = path.with_name(f"{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    settings.SECRET_KEY = text
