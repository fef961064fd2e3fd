"""The emergency: everybody out at once. Somebody has a token, a laptop or a key that is not his, and there is no time to
find out which.

The signing key of the sessions is replaced first, since a file cannot be part of a transaction; all else is one, with its
entry of the log and its event of the audit trail. So after a crash it is done as a whole or, but for that key, not at all,
and doing it again does no harm.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.emergency import Done, Emergency, Outside
from watchkeeper.core.errors import Usage
from watchkeeper.core.log.values import Draft
from watchkeeper.services.audit import audited
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.keys import Keys
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import AUTOMATION_OFF

LINKS_VOID = "links-void-until"
"""Setting: one-time links that were made up to this time open nothing."""
MOST_WHY = 500


class Emergencies:
    """replace_signing_key: makes the key with which sessions are signed anew, on disk and in this process."""

    def __init__(
        self, store: StorePort, holder: InventoryHolder, keys: Keys, clock: Clock, replace_signing_key: Callable[[], None],
        redact: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._store, self._holder, self._keys, self._clock = store, holder, keys, clock
        self._replace_signing_key, self._redact = replace_signing_key, redact

    def act(self, actor: Actor, why: str, automation_off: bool = False) -> Emergency:
        """Shut everybody out, whoever asks included. Raises `Forbidden`, and `Usage` without a reason."""
        assert_allowed(actor, "emergency")
        why = self._redact(why.strip())[:MOST_WHY]
        if not why:
            raise Usage("An emergency needs a reason: others read it first.", "Give --why TEXT.")
        outside = tuple(
            Outside(each.name, each.source, each.owner)
            for each in sorted(self._holder.current.secrets.values(), key=_name)
        )
        self._replace_signing_key()

        def work(session: Session) -> Emergency:
            now = self._clock()
            done = [
                Done("tokens revoked", session.revoke_tokens(now, actor.name)),
                Done("browsers signed out", session.end_sessions()),
                Done("invitations ended", session.end_invitations()),
                Done("one-time links ended"),
                Done("signing key replaced"),
                Done("keys of pings, alerts, metrics, health, calendars and links in messages replaced"),
            ]
            session.set_setting(LINKS_VOID, repr(now))
            self._keys.replace_secret(session)
            if automation_off:
                session.set_setting(AUTOMATION_OFF, f"emergency by {actor.name}: {why}")
                done.append(Done("automation switched off"))
            entry = session.append_entry(_draft(now, actor, why, done, outside))
            session.add_audit_event(audited(now, actor, "emergency", "everybody", why))
            return Emergency(now, actor.name, why, tuple(done), outside, entry.number)

        told = self._store.write(work)
        self._keys.publish()
        return told


def _name(secret: object) -> str:
    return str(getattr(secret, "name", ""))


def _draft(now: float, actor: Actor, why: str, done: list[Done], outside: tuple[Outside, ...]) -> Draft:
    lines = "\n".join(f"- {each.what}" + (f": {each.many}" if each.many is not None else "") for each in done)
    names = "\n".join(f"- {each.name} ({each.where})" for each in outside) or "- none in secrets.yaml"
    sections = (("Reason", why), ("Change", lines), ("To be replaced by a person", names))
    return Draft(now, "Configuration", "Emergency: everybody is signed out", actor.name, "Critical", sections=sections)
