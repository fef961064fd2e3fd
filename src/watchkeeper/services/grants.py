"""Grants: a person's standing permission that a response may act by itself."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.runs.modes import DEFAULT_GRANT_DAYS
from watchkeeper.core.runs.planning import freeze
from watchkeeper.core.runs.values import Grant
from watchkeeper.services.access import on_response
from watchkeeper.services.audit import audited
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.pins import Pinner
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import Responder


class Grants:
    """Given and revoked by people only; bound to the bytes of the runbook as they are now."""

    def __init__(
        self, store: StorePort, responder: Responder, holder: InventoryHolder, clock: Clock, pinner: Pinner
    ) -> None:
        self._pinner = pinner
        self._store = store
        self._responder = responder
        self._holder = holder
        self._clock = clock

    def newest(self) -> list[Grant]:
        """All grants, newest first, revoked and expired ones too."""
        with self._store.read() as session:
            return session.grants()

    def add(self, response: str, actor: Actor, days: float = DEFAULT_GRANT_DAYS, destroy: bool = False) -> Grant:
        """Grant a response of the inventory; its name is ``SERVICE/RUNBOOK``."""
        assert_at_all(actor, "grants.add")
        found = self._responder.response(response)
        if found is None:
            names = [each.name for service in self._holder.current.services.values() for each in service.respond]
            raise NotFound(f"There is no response {response}.", f"Responses: {', '.join(names) or 'none'}.")
        assert_allowed(actor, "grants.add", *on_response(self._holder.current, response))
        if not 0 < days <= 366:
            raise Usage(f"A grant lasts between 1 and 366 days, not {days:g}.", "Give --days 90.")
        inventory = self._holder.current
        file = inventory.runbooks[found.runbook]
        plan = freeze(file, inventory, inventory.services[found.service], found.params)
        now = self._clock()
        grant = Grant(
            0, response, file.digest, tuple(sorted({step.host for step in plan.steps})), destroy, actor.name, now,
            now + days * 86400.0, pins=self._pinner.pins(plan.steps, inventory.hosts),
        )  # fmt: skip

        def work(session: Session) -> Grant:
            kept = session.add_grant(grant)
            session.add_audit_event(audited(now, actor, "grant.add", response, f"grant {kept.id} for {days:g} d"))
            return kept

        return self._store.write(work)

    def revoke(self, number: int, actor: Actor) -> Grant:
        """Take a grant back; nearly anybody may, since it only lowers what may happen."""
        assert_at_all(actor, "grants.revoke")

        def work(session: Session) -> Grant:
            found = next((each for each in session.grants() if each.id == number), None)
            if found is None:
                raise NotFound(f"There is no grant {number}.", "List them: wk grant list.")
            assert_allowed(actor, "grants.revoke", *on_response(self._holder.current, found.response))
            if found.revoked_at is not None:
                raise Usage(f"Grant {number} was revoked by {found.revoked_by} already.", "List them: wk grant list.")
            revoked = replace(found, revoked_at=self._clock(), revoked_by=actor.name)
            session.save_grant(revoked)
            event = audited(self._clock(), actor, "grant.revoke", found.response, f"grant {number}")
            session.add_audit_event(event)
            return revoked

        return self._store.write(work)
