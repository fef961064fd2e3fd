"""Taking flips: flip, incident, timeline, notification and ready run are one transaction, each flip exactly once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from watchkeeper.core.checks.values import Flip, Settled, State, Value
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, EventKind, Incident, Status
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.runs.modes import Decision
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort
from watchkeeper.services.responses import Responder, escalate

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
            self._unreachable(session, flip, host)
            return
        service = inventory.services.get(flip.service)
        if rules.opens_incident(flip, service):
            self._failing(session, inventory, flip)
        else:
            self._note_flip(session, flip)

    def _failing(self, session: Session, inventory: Inventory, flip: Flip) -> None:
        now = self._clock()
        service = inventory.services.get(flip.service)
        check = inventory.checks.get(flip.check)
        open_incidents = session.incidents(Status.OPEN, limit=500)
        own = next((each for each in open_incidents if each.service == flip.service), None)
        if own is not None:
            known = any(held.check == flip.check for held in own.checks)
            session.save_incident(rules.extended(own, flip, service, check))
            self._event(session, own.id, flip, "flip")
            if not known:
                self._responder.respond(session, session.incident(own.id), now)
            return
        parent = rules.parent_incident(service, open_incidents, inventory)
        if parent is not None:
            self._event(session, parent.id, flip, "held", f"{flip.check} is {flip.after}: held under this incident.")
            return
        self._open(session, inventory, flip, now)

    def _open(self, session: Session, inventory: Inventory, flip: Flip, now: float) -> Incident:
        service = inventory.services.get(flip.service)
        check = inventory.checks.get(flip.check)
        since = max(now - rules.RECURRENCE_S, float(session.setting("recurrence_after") or 0.0))
        closed = session.last_closed(flip.service, since)
        if closed is not None and rules.comes_back(closed, flip, now):
            incident = rules.reopened(closed, flip, service, check)
            session.save_incident(incident)
            text = (
                "It came back after a fix that had been proven: recurring." if incident.recurring else "It came back."
            )
            session.add_event(Event(0, incident.id, now, "reopened", "watchkeeper", text, flip.after))
        else:
            incident = session.add_incident(rules.opened(flip, service, check, now))
        self._event(session, incident.id, flip, "flip")
        opened = f"Incident {incident.id} opened, {incident.severity}."
        session.add_event(Event(0, incident.id, now, "opened", "watchkeeper", opened, flip.after))
        announce(session, inventory, incident, "opened", now)
        if incident.recurring:
            self._recurs(session, inventory, incident, now)
        self._responder.respond(session, session.incident(incident.id), now)
        return incident

    def _recurs(self, session: Session, inventory: Inventory, incident: Incident, now: float) -> None:
        """A fix that was proven did not hold: a person is told. The response may act again, within its `at_most`."""
        why = "it came back after a fix that had been proven, so the fix does not hold"
        escalate(session, inventory, incident.id, now, why)
        session.save_incident(replace(session.incident(incident.id), why_not_acted=""))

    def _unreachable(self, session: Session, flip: Flip, host: str) -> None:
        """A host that cannot be reached has an incident of its own; its services are held under it."""
        now = self._clock()
        for incident in session.incidents(Status.OPEN, limit=500):
            if not incident.service and incident.host == host:
                session.save_incident(rules.extended(incident, flip, None, self._holder.current.checks.get(flip.check)))
                return
        check = self._holder.current.checks.get(flip.check)
        draft = rules.opened(flip, None, check, now)
        incident = session.add_incident(
            replace(draft, service="", host=host, severity="P2", title=f"host {host} cannot be reached: {flip.reason}")
        )
        self._event(session, incident.id, flip, "opened", f"Incident {incident.id} opened on host {host}, P2.")
        announce(session, self._holder.current, incident, "opened", now)
        why = Decision(False, f"no runbook answers for host {host}", cause="unreachable")
        self._responder.nobody_answers(session, incident, now, why)

    def _note_flip(self, session: Session, flip: Flip) -> None:
        for incident in session.incidents(Status.OPEN, limit=500):
            if any(held.check == flip.check for held in incident.checks):
                self._event(session, incident.id, flip, "flip")

    def _event(self, session: Session, incident: int, flip: Flip, kind: EventKind, text: str = "") -> None:
        words = text or f"{flip.check} {flip.before} to {flip.after}: {flip.reason}"
        detail: dict[str, Value] = {"check": flip.check, "seq": flip.seq, "rule": flip.rule}
        session.add_event(Event(0, incident, flip.at, kind, "watchkeeper", words, flip.after, detail))

    def sweep(self) -> int:
        """Open incidents for checks that are failing but held by nobody (their parent recovered, or main was away).

        Returns how many were opened. The flip is rebuilt from the settled state, so nothing waits for a next flip.
        """
        self._start_over()
        inventory = self._holder.current
        settled = self._journal.settled()
        orphans = self._orphans(inventory, settled)
        for flip in orphans:
            self._store.write(partial(self._failing, inventory=inventory, flip=flip))
        return len(orphans)

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

    def _orphans(self, inventory: Inventory, settled: dict[str, Settled]) -> Sequence[Flip]:
        bad = {key: state for key, state in settled.items() if state.state in (State.CRIT, State.WARN)}
        checks = inventory.checks
        flips: list[Flip] = []
        if not bad:
            return flips
        with self._store.read() as session:
            open_incidents = session.incidents(Status.OPEN, limit=500)
            cursor = session.cursor(CURSOR)
        if self._journal.flips(cursor, limit=1):
            return flips
        held = {each.check for incident in open_incidents for each in incident.checks}
        for key, state in bad.items():
            check = checks.get(key)
            if check is None or key in held:
                continue
            service = inventory.services[check.service]
            flip = _as_flip(check, state)
            if (
                rules.opens_incident(flip, service)
                and rules.parent_incident(service, open_incidents, inventory) is None
            ):
                flips.append(flip)
        return flips


def _as_flip(check: Check, state: Settled) -> Flip:
    """The flip that brought a check into its settled state, as far as that still tells it."""
    return Flip(
        seq=0,
        check=check.key,
        service=check.service,
        host=check.host,
        at=state.since,
        before=State.UNKNOWN,
        after=state.state,
        reason=state.reason,
        values={},
        rule_hash=check.rule_hash,
        rule="",
    )
