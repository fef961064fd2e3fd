"""Taking flips: flip, incident, timeline, notification and ready run are one transaction, each flip exactly once."""

from __future__ import annotations

import logging
from functools import partial

from watchkeeper.core.checks.values import Flip
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.correlation import explainable, holds, parent_incident
from watchkeeper.core.incidents.severity import graded
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.runs.modes import Decision
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort
from watchkeeper.services.responses import Responder
from watchkeeper.services.watch.events import flip_event
from watchkeeper.services.watch.merging import merge_into
from watchkeeper.services.watch.opening import Opening
from watchkeeper.services.watch.sweeping import Sweeper

CURSOR = "flips"
log = logging.getLogger(__name__)


class WatchRecorder:
    """Follows the flip journal of the watch with a cursor kept in the main store."""

    def __init__(
        self, store: StorePort, journal: JournalPort, holder: InventoryHolder, responder: Responder, clock: Clock
    ) -> None:
        self._store = store
        self._journal = journal
        self._holder = holder
        self._responder = responder
        self._clock = clock
        self._opening = Opening(journal, responder, clock)
        self._sweeper = Sweeper(store, journal, holder, self._opening, self._failing, clock)
        self._cursor: int | None = None

    def follow(self) -> int:
        """Take every new flip; returns how many were taken."""
        if self._cursor is None:
            with self._store.read() as session:
                self._cursor = session.cursor(CURSOR)
        flips = self._journal.flips(self._cursor)
        for flip in flips:
            if flip.seq > self._cursor:
                self._cursor = max(flip.seq, self._store.write(partial(self._record, flip=flip)))
        return len(flips)

    def _record(self, session: Session, flip: Flip) -> int:
        """Take one flip; does nothing when the cursor is already past it (another node took it). Returns the cursor.

        The cursor moves in the transaction that takes the flip, and writers take turns: each flip is taken once.
        """
        taken = session.cursor(CURSOR)
        if flip.seq <= taken:
            return taken
        session.set_cursor(CURSOR, flip.seq)
        self._take(session, flip)
        return flip.seq

    def _take(self, session: Session, flip: Flip) -> None:
        inventory = self._holder.current
        host = rules.unreachable_host(flip)
        if host is not None:
            self._unreachable(session, inventory, flip, host)
            return
        service = inventory.services.get(flip.service)
        if rules.opens_incident(flip, service):
            self._failing(session, inventory, flip)
        else:
            self._note_flip(session, flip)

    def _failing(self, session: Session, inventory: Inventory, flip: Flip) -> None:
        service = inventory.services.get(flip.service)
        living = session.living_incidents()
        own = next((each for each in living if each.service == flip.service), None)
        if own is not None:
            self._extend(session, inventory, own, flip)
            return
        opened = [each for each in living if each.status is Status.OPEN]
        parent = None
        if explainable(inventory.checks.get(flip.check)):
            parent = parent_incident(service, opened, inventory, flip.host)
        if parent is None:
            self._opening.open(session, inventory, flip)
            return
        text = f"{flip.check} is {flip.after}: held under this incident."
        flip_event(session, parent.id, flip, "held", text)

    def _extend(self, session: Session, inventory: Inventory, own: Incident, flip: Flip) -> None:
        """One more flip of a service that has an incident: its check is held, and answered when it is new."""
        now = self._clock()
        known = any(held.check == flip.check for held in own.checks)
        held_before = holds(own, inventory)
        changed = rules.extended(own, flip, inventory.services.get(flip.service), inventory.checks.get(flip.check))
        changed = graded(changed, inventory, now, own.severity)
        session.save_incident(changed)
        flip_event(session, own.id, flip, "flip")
        if changed.severity != own.severity:
            self._opening.say_severity(session, changed, own.severity, now)
        if own.status is not Status.OPEN:
            return
        if not held_before and holds(changed, inventory):
            merge_into(session, inventory, changed, flip.at, now)
        if not known:
            self._responder.respond(session, session.incident(own.id), now)

    def _unreachable(self, session: Session, inventory: Inventory, flip: Flip, host: str) -> None:
        """A host that cannot be reached has an incident of its own; its services are held under it."""
        check = inventory.checks.get(flip.check)
        for incident in session.incidents(Status.OPEN, limit=500):
            if not incident.service and incident.host == host:
                session.save_incident(rules.extended(incident, flip, None, check))
                return
        now = self._clock()
        incident = self._opening.open_host(session, inventory, flip, host)
        why = Decision(False, f"no runbook answers for host {host}", cause="unreachable")
        self._responder.nobody_answers(session, incident, now, why)

    def _note_flip(self, session: Session, flip: Flip) -> None:
        for incident in session.living_incidents():
            if any(held.check == flip.check for held in incident.checks):
                flip_event(session, incident.id, flip, "flip")

    def sweep(self) -> int:
        """Open incidents for checks that are failing but held by nobody (their parent recovered, or main was away).

        Returns how many were opened. The flip is rebuilt from the settled state, so nothing waits for a next flip.
        """
        self._start_over()
        return self._sweeper.sweep()

    def still_waiting(self) -> frozenset[str]:
        """Checks whose cause is over and which have not answered since: they are asked at once."""
        return self._sweeper.waiting

    def _start_over(self) -> None:
        """A journal that is shorter than what was taken from it is a new one: the old file was moved away."""
        with self._store.read() as session:
            taken = session.cursor(CURSOR)
        newest = self._journal.newest_flip()
        if newest >= taken:
            return
        log.warning(
            "the flip journal was begun anew (%s taken, newest is %s); it is read from its start", taken, newest
        )
        self._store.write(lambda session: session.set_cursor(CURSOR, 0))
        self._cursor = 0
