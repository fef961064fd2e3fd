"""The kill switch: with automation off, nothing changes anything without a person."""

from __future__ import annotations

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.log.values import Draft
from watchkeeper.services.audit import audited
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import AUTOMATION_OFF


class Automation:
    """Anybody may switch off; only a person switches on. Both are entries of the log."""

    def __init__(self, store: StorePort, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def state(self) -> tuple[bool, str]:
        """(on, why it is off)."""
        with self._store.read() as session:
            why = session.setting(AUTOMATION_OFF) or ""
        return not why, why

    def switch(self, on: bool, actor: Actor, reason: str = "") -> tuple[bool, str]:
        """Switch, and say so in the log; returns the new state."""
        assert_allowed(actor, "automation.on" if on else "automation.off")

        def work(session: Session) -> None:
            before = session.setting(AUTOMATION_OFF) or ""
            why = "" if on else (reason.strip() or f"switched off by {actor.name}")
            session.set_setting(AUTOMATION_OFF, why)
            act = "automation.on" if on else "automation.off"
            session.add_audit_event(audited(self._clock(), actor, act))
            if bool(before) == on or before != why:
                title = "Automation switched on" if on else "Automation switched off"
                change = reason.strip() or title
                session.append_entry(
                    Draft(self._clock(), "Configuration", title, actor.name, "Medium", sections=(("Change", change),))
                )

        self._store.write(work)
        return self.state()
