"""Naming the first suspect: on the incident, and in the message of its opening, or by one more when that has left."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.notifications import Notification
from watchkeeper.services.changes.suspects import first_suspect
from watchkeeper.services.ports import Session, StorePort

FRESH_S = 120.0
"""A suspect that is found later than this after the opening is shown on the incident, but nobody is woken for it."""
AT_ONCE = 50
WORD = "First suspect:"


def with_suspect(session: Session, inventory: Inventory, incident: Incident, now: float, body: str) -> str:
    """The body of a message about an opening, with the first suspect as its last line where one is known already."""
    said = first_suspect(session, inventory, incident, now) if WORD not in body else ""
    return f"{body or incident.title}\n{said}" if said else body


def tell_suspects(
    store: StorePort, inventory: Inventory, now: float, looked: set[tuple[int, int]] | None = None
) -> int:
    """Once per opening: the first suspect on the incident and to whoever is told of it. Returns how many were told.

    looked: openings that need no look before something new is known; those of this call are added. A storm of incidents is
    taken in parts.
    """
    known = looked if looked is not None else set()
    with store.read() as session:
        fresh = [
            each for each in session.incidents(Status.OPEN, limit=200)
            if now - each.opened_at <= FRESH_S and (each.id, each.reopened) not in known
        ][:AT_ONCE]  # fmt: skip
        suspected = [
            each for each in fresh if not _told(session, each) and first_suspect(session, inventory, each, now)
        ]
    known.update((each.id, each.reopened) for each in fresh)
    return sum(1 for each in suspected if store.write(partial(_tell, inventory=inventory, number=each.id, now=now)))


def _told(session: Session, incident: Incident) -> bool:
    events = session.events(incident.id)
    return any(
        each.kind == "change" and each.text.startswith(WORD) and each.at >= incident.opened_at for each in events
    )


def _tell(session: Session, inventory: Inventory, number: int, now: float) -> bool:
    from watchkeeper.services.notifications import announce  # it names the suspect by `with_suspect`

    incident = session.incident(number)
    if incident.status is not Status.OPEN or _told(session, incident):
        return False
    said = first_suspect(session, inventory, incident, now)
    if not said:
        return False
    session.add_event(Event(0, number, now, "change", "watchkeeper", said))
    rows = session.notifications(incident=number, limit=50)
    openings = [
        row for row in rows
        if row.message.kind == "opened" and row.message.key.startswith(f"incident-{number}.{incident.reopened}-")
    ]  # fmt: skip
    waiting = [row for row in openings if _may_be_amended(row)]
    for row in waiting:
        if WORD not in row.message.body:
            message = replace(row.message, body=f"{row.message.body}\n{said}")
            session.save_notification(replace(row, message=message))
    if openings and not waiting and not any(WORD in row.message.body for row in openings):
        announce(session, inventory, incident, "opened", now, body=f"{incident.title}\n{said}", again="suspect")
    return True


def _may_be_amended(row: Notification) -> bool:
    """Not tried on any channel yet, so nobody has read it."""
    return row.delivered_at is None and row.tried == 0 and row.tries == 0 and not row.failed
