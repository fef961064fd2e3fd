"""Asking what a failing service depends on, at once: a page waits a few seconds for the truth about its cause."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from watchkeeper.core.checks.values import Judged
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.incidents.correlation import all_well, parents_to_ask
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort, WatchPort
from watchkeeper.services.watch.recorder import WatchRecorder

log = logging.getLogger(__name__)
AGAIN_S = 1.0
"""The same checks are asked at most this often."""
MOST = 200
"""Checks asked in one go."""
OFTEN_S = 2.0
"""A check with an interval up to this is asked soon enough by itself."""


class CauseAsker:
    """`look` is called several times a second; it does nothing while no page waits and no cause has just ended."""

    def __init__(
        self, store: StorePort, watch: WatchPort, holder: InventoryHolder, recorder: WatchRecorder, clock: Clock
    ) -> None:
        self._store = store
        self._watch = watch
        self._holder = holder
        self._recorder = recorder
        self._clock = clock
        self._asked_at = 0.0

    def look(self) -> int:
        """Ask what is to be asked; returns how many pages were let go before their time."""
        now = self._clock()
        with self._store.read() as session:
            held = [each for each in session.incidents(Status.OPEN, limit=500) if each.held_until is not None]
        over = [each for each in held if now >= (each.held_until or 0.0)]
        for each in over:
            self._store.write(partial(let_pages_go, number=each.id, now=now))
        held = [each for each in held if each not in over]
        wanted = self._wanted(held)
        if not wanted or 0 <= now - self._asked_at < AGAIN_S:
            return 0
        self._asked_at = now
        judged = self._ask(wanted)
        well = [each for each in held if self._causes_are_well(each, judged)]
        for each in well:
            self._store.write(partial(let_pages_go, number=each.id, now=self._clock()))
        return len(well)

    def _wanted(self, held: list[Incident]) -> list[str]:
        inventory = self._holder.current
        wanted = {key for each in held for key in parents_to_ask(inventory.services.get(each.service), inventory)}
        checks = inventory.checks
        slow = (key for key in self._recorder.still_waiting() if key in checks and checks[key].every_s > OFTEN_S)
        return sorted(wanted | set(slow))[:MOST]

    def _ask(self, wanted: list[str]) -> list[Judged]:
        try:
            return self._watch.ask(wanted)
        except WatchkeeperError as error:
            log.info("the causes could not be asked, so pages wait their time: %s", error)
            return []

    def _causes_are_well(self, incident: Incident, judged: list[Judged]) -> bool:
        inventory = self._holder.current
        parents = parents_to_ask(inventory.services.get(incident.service), inventory)
        since = max((held.flipped_at for held in incident.checks), default=incident.opened_at)
        return all_well(judged, parents, since)


def let_pages_go(session: Session, number: int, now: float) -> None:
    """The pages of this incident wait no longer; in the caller's transaction."""
    incident = session.incident(number)
    if incident.held_until is None:
        return
    for each in session.notifications(incident=number, undelivered=True):
        if each.due_at > now and each.due_at <= incident.held_until:
            session.save_notification(replace(each, due_at=now))
    session.save_incident(replace(incident, held_until=None))
