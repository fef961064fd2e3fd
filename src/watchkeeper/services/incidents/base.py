"""What every part of the incident service works with."""

from __future__ import annotations

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.incidents.values import Incident
from watchkeeper.services.access import on_incident
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, StorePort, WatchPort


class Base:
    """The ports; each part of `Incidents` is a mix-in upon it."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, holder: InventoryHolder, clock: Clock
    ) -> None:
        self._store = store
        self._journal = journal
        self._watch = watch
        self._holder = holder
        self._clock = clock

    def _may(self, actor: Actor, action: str, incident: Incident) -> Incident:
        """The incident, when this actor may do this on its service. Raises `Forbidden`."""
        assert_allowed(actor, action, *on_incident(self._holder.current, incident))
        return incident
