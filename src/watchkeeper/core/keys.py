"""Keys for addresses that work without signing in: bound to one purpose and one subject, and they may expire.

A key is ``<subject and expiry, base64>.<proof, base32>``: safe in a URL path, with a letter or digit at its end, so that
no mail program cuts it off. The subject can be read by whoever holds the key; nobody can make one without the secret.
Two purposes never accept each other's keys. A key is a secret: never log it, never show it beside others' data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.core.errors import Forbidden

SECRET_BYTES = 32
_PROOF_BYTES = 20  # 160 bits, 32 letters without padding
_LONGEST = 1024
_ASK_ANEW = "Use the newest message, or sign in."


def sign(secret: bytes, purpose: str, subject: str, expires_at: float | None = None) -> str:
    """A key for `subject` that only `verify` with the same secret and purpose accepts.

    secret: at least 32 random bytes. expires_at: epoch seconds, rounded up to whole ones; None never expires.
    """
    ends = "" if expires_at is None else format(math.ceil(expires_at), "x")
    payload = base64.urlsafe_b64encode(f"{ends}:{subject}".encode()).rstrip(b"=")
    return f"{payload.decode()}.{_proof(secret, purpose, payload)}"


def verify(secret: bytes, purpose: str, key: str, now: float) -> str:
    """The subject of a key made by `sign`. Raises `Forbidden` for another secret, another purpose, or after its end."""
    payload, _, proof = key.partition(".")
    whole = len(key) <= _LONGEST and key.isascii() and payload and proof
    if not whole or not hmac.compare_digest(proof, _proof(secret, purpose, payload.encode())):
        raise Forbidden("This address is not one of ours: its key does not hold.", _ASK_ANEW)
    ends, _, subject = _decoded(payload).partition(":")
    if ends and now >= int(ends, 16):
        raise Forbidden("This address has expired.", _ASK_ANEW)
    return subject


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys that last until they are replaced: each subject has a generation, and a key of an older one is refused.

    generations: of (purpose, subject); 1 where nothing was ever replaced.
    """

    secret: bytes = field(repr=False)
    generations: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def issue(self, purpose: str, subject: str) -> str:
        """The key of this subject that holds now; always the same until it is replaced."""
        return sign(self.secret, purpose, f"{self._generation(purpose, subject)}:{subject}")

    def subject_of(self, purpose: str, key: str, now: float) -> str:
        """Whose key this is. Raises `Forbidden` for a key that is none, or that was replaced."""
        generation, _, subject = verify(self.secret, purpose, key, now).partition(":")
        if generation != str(self._generation(purpose, subject)):
            raise Forbidden("This address was replaced by a newer one.", "Ask for it: wk keys show.")
        return subject

    def _generation(self, purpose: str, subject: str) -> int:
        return self.generations.get((purpose, subject), 1)


def _proof(secret: bytes, purpose: str, payload: bytes) -> str:
    if len(secret) < SECRET_BYTES:
        raise ValueError("the secret of keys is too short")
    own = hmac.digest(secret, b"watchkeeper key for " + purpose.encode(), hashlib.sha256)
    return base64.b32encode(hmac.digest(own, payload, hashlib.sha256)[:_PROOF_BYTES]).decode().lower()


def _decoded(payload: str) -> str:
    """What `sign` encoded; the proof held, so this is our own text."""
    try:
        return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise Forbidden("This address is not one of ours: its key is damaged.", _ASK_ANEW) from error
