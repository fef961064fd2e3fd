"""Keys of this installation: its secret is made once and kept in the main store, so every node accepts the others' keys.

Two sorts: keys with an end, for one message (`sign`, `verify`), and keys that last until a person replaces them
(`issue`, `subject_of`, `rotate`), for crontabs and the files of other programs.
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
from typing import Protocol

from watchkeeper.core import keys
from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound
from watchkeeper.core.keys import Ring
from watchkeeper.core.watching import known_names
from watchkeeper.services.access import on_check
from watchkeeper.services.audit import audited
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

SETTING = "key-secret"
LASTING = ("ping", "alerts", "metrics", "health", "calendar")
"""Purposes of lasting keys. The subject of a ping key is its check; the others have one key each."""

log = logging.getLogger(__name__)


class KeyFilePort(Protocol):
    """Where the watch finds the lasting keys."""

    def write(self, ring: Ring) -> None: ...


class Keys:
    """Signs and verifies; see `core.keys` for what a key is."""

    def __init__(self, store: StorePort, clock: Clock, holder: InventoryHolder, file: KeyFilePort) -> None:
        self._store, self._clock, self._holder, self._file = store, clock, holder, file
        self._guard = threading.Lock()
        self._secret = b""
        self._ring: Ring | None = None

    # ---- keys of one message ----

    def sign(self, purpose: str, subject: str, expires_at: float | None = None) -> str:
        """A key for `subject`. expires_at: epoch seconds, None never. Safe within a transaction: the application made the
        secret at its start."""
        return keys.sign(self.secret(), purpose, subject, expires_at)

    def verify(self, purpose: str, key: str) -> str:
        """The subject of the key. Raises `Forbidden` with a sentence when it does not hold or has expired."""
        return keys.verify(self.secret(), purpose, key, self._clock())

    def secret(self) -> bytes:
        """The secret, at least 32 bytes; made durable at the first call. Never log it, never let it out."""
        with self._guard:
            if not self._secret:
                self._secret = self._store.write(_kept)
            return self._secret

    # ---- keys that last ----

    def show(self, actor: Actor, purpose: str, subject: str = "") -> str:
        """The key that holds now. Raises `Forbidden` below operator, `NotFound` for a purpose or check there is not."""
        assert_at_all(actor, "keys.read")
        found = self._subject(purpose, subject)
        assert_allowed(actor, "keys.read", *on_check(self._holder.current, found))
        return self.ring().issue(purpose, found)

    def subject_of(self, purpose: str, key: str) -> str:
        """Whose lasting key this is. Raises `Forbidden` for one that is none, or was replaced."""
        return self.ring().subject_of(purpose, key, self._clock())

    def rotate(self, actor: Actor, purpose: str, subject: str = "") -> str:
        """Replace a key; whoever has the old one is refused from now on. Returns the new one."""
        assert_at_all(actor, "keys.replace")
        subject = self._subject(purpose, subject)
        assert_allowed(actor, "keys.replace", *on_check(self._holder.current, subject))
        now = self._clock()

        def work(session: Session) -> None:
            for name in (subject, *self._former(purpose, subject)):
                session.rotate_key(purpose, name, now, actor.name)
            session.add_audit_event(audited(now, actor, "key.replace", f"{purpose} {subject}".strip()))

        self._store.write(work)
        log.warning("the key for %s was replaced by %s", f"{purpose} {subject}".strip(), actor.name)
        self.publish()
        return self.ring().issue(purpose, subject)

    def publish(self) -> None:
        """Look at the generations, which another node may have changed, and hand all to the watch. Called by a beat."""
        self.secret()
        with self._store.read() as session:
            generations, text = session.key_generations(), session.setting(SETTING)
        with self._guard:
            if text:  # an emergency may have replaced it, here or on another node
                self._secret = base64.urlsafe_b64decode(text)
            self._ring = Ring(self._secret, generations)
        self._file.write(self._ring)

    def replace_secret(self, session: Session) -> None:
        """Within an emergency: every key of before opens nothing from its commit on; `publish` comes after it."""
        session.set_setting(SETTING, base64.urlsafe_b64encode(secrets.token_bytes(keys.SECRET_BYTES)).decode())

    def ring(self) -> Ring:
        """The lasting keys as of the last `publish`."""
        if self._ring is None:
            self.publish()
        assert self._ring is not None
        return self._ring

    def _subject(self, purpose: str, subject: str) -> str:
        if purpose not in LASTING:
            raise NotFound(f"There are no keys for {purpose}.", f"There are: {', '.join(LASTING)}.")
        if purpose != "ping":
            return ""
        key = known_names(tuple(self._holder.current.checks.values())).get(subject)
        if key is None:
            raise NotFound(
                f"There is no heartbeat check {subject}.", "Declare it with heartbeat: in services/NAME.yaml."
            )
        return key

    def _former(self, purpose: str, subject: str) -> list[str]:
        """The names a check had before: their keys open it too."""
        names = known_names(tuple(self._holder.current.checks.values())) if purpose == "ping" else {}
        return [name for name, key in names.items() if key == subject and name != subject]


def _kept(session: Session) -> bytes:
    """Within the one immediate transaction, so two nodes that start together get the same one."""
    text = session.setting(SETTING)
    if text is None:
        text = base64.urlsafe_b64encode(secrets.token_bytes(keys.SECRET_BYTES)).decode()
        session.set_setting(SETTING, text)
    return base64.urlsafe_b64decode(text)
