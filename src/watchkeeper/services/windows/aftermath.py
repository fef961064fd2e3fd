"""After maintenance: its services are watched closely, every flip is told, and the result is written into the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.checks.values import Flip, Settled, State
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, Status
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.core.windows import Item, Window, covered_checks
from watchkeeper.services.notifications import hash_of
from watchkeeper.services.ports import JournalPort, Session
from watchkeeper.services.windows.carrying_out import log_end, scope_of, title_of, warn
from watchkeeper.services.windows.checklists import answered
from watchkeeper.services.windows.muting import muted_by

TAKEN = "flips"
"""Cursor of the recorder: only flips that it has taken are looked at, so that their incidents are there."""
CLOSE_S = 60.0
RECENT_S = 600.0
MOST_ASKED = 50


def look_after(session: Session, inventory: Inventory, journal: JournalPort, window: Window, now: float) -> Window:
    """One look at a window that has ended: its flips since, its checklist, and its result when the time is over."""
    if window.watched_at is not None or window.ended_at is None:
        return window
    over_at = window.ended_at + window.watch_s
    taken = session.cursor(TAKEN)
    seen = [flip for flip in journal.flips(window.flip_seq) if flip.seq <= taken]
    keys = set(covered_checks(window.targets, inventory))
    looked = window
    for flip in seen:
        looked = replace(looked, flip_seq=flip.seq)
        if flip.check in keys and window.ended_at <= flip.at <= over_at and flip.after is not State.OK:
            looked = replace(looked, flips_after=looked.flips_after + 1)
            _tell(session, inventory, looked, flip, now)
    items = _answers(journal, inventory, looked, now) if _open(looked) else looked.items
    looked = replace(looked, items=items)
    if now >= over_at and not any(flip.seq > taken for flip in journal.flips(looked.flip_seq, limit=1)):
        looked = log_end(session, replace(looked, watched_at=now), now, result(looked, keys, journal.settled()))
    elif looked != window:
        session.save_window(looked)
    return looked


def is_due(session: Session, inventory: Inventory, journal: JournalPort, window: Window, now: float) -> bool:
    """Whether a look would find something: a flip, an answer for its checklist, or its end."""
    if window.ended_at is None or now >= window.ended_at + window.watch_s:
        return True
    if window.flip_seq < min(journal.newest_flip(), session.cursor(TAKEN)):
        return True
    return _open(window) and _answers(journal, inventory, window, now) != window.items


def _answers(journal: JournalPort, inventory: Inventory, window: Window, now: float) -> tuple[Item, ...]:
    """Its items answered by what was measured since its end, of late: only its own checks are read."""
    ended = window.ended_at or now
    names = [f"check:{item.check}" for item in window.items if item.check and item.when == "after"]
    newest = {key: journal.readings(key, max(ended, now - RECENT_S))[-1:] for key in covered_checks(names, inventory)}
    judged = {key: found[0] for key, found in newest.items() if found}
    return answered(window.items, "after", judged, "watchkeeper", ended)


def _open(window: Window) -> bool:
    return any(item.check and item.when == "after" and not item.ok for item in window.items)


def result(window: Window, keys: set[str], settled: dict[str, Settled]) -> str:
    """``quiet for 30 min``, or what was not."""
    bad = sorted(key for key in keys if key in settled and settled[key].state is not State.OK)
    lasted = format_duration(window.watch_s)
    if not window.flips_after and not bad:
        return f"quiet for {lasted}"
    flips = f"{window.flips_after} flip{'s' if window.flips_after != 1 else ''} in {lasted}"
    return f"{flips}; not OK at its end: {', '.join(bad[:10])}" if bad else f"{flips}; all OK at its end"


def _tell(session: Session, inventory: Inventory, window: Window, flip: Flip, now: float) -> None:
    """A flip after maintenance: a line on its incident, which is told already, or a message of its own, once per check."""
    ended = window.ended_at or now
    after = (
        f"after maintenance of {scope_of(window)}: {title_of(window)} ended {format_duration(flip.at - ended)} before"
    )
    incident = next(
        (
            each
            for each in session.incidents(Status.OPEN, limit=500)
            if any(held.check == flip.check for held in each.checks)
        ),
        None,
    )
    if incident is not None:
        text = f"{flip.check} became {flip.after} {after}."
        session.add_event(Event(0, incident.id, now, "window", "watchkeeper", text, detail={"window": window.id}))
        return
    service = inventory.services.get(flip.service)
    if rules.opens_incident(flip, service) or rules.unreachable_host(flip) or _is_muted(session, inventory, flip, now):
        return  # an incident tells it, or told it and is closed already, or it is muted again
    title = f"After maintenance: {flip.check} is {flip.after}"
    text = f"{flip.check} became {flip.after} at {utc_words(flip.at)}, {after}. {rules.headline(flip.reason)}."
    warn(session, inventory, f"window-{window.id}-after-{hash_of(flip.check)}", title, text, now)


def _is_muted(session: Session, inventory: Inventory, flip: Flip, now: float) -> bool:
    return muted_by(session, inventory, flip.service, flip.host, now, (flip.check,)) is not None


def to_ask(windows: Sequence[Window], inventory: Inventory) -> list[str]:
    """The checks of these windows that are asked more rarely than once a minute: they are asked now."""
    found: list[str] = []
    for window in windows:
        for key in covered_checks(window.targets, inventory):
            check: Check = inventory.checks[key]
            if check.every_s > CLOSE_S and check.probe.kind != "heartbeat" and key not in found:
                found.append(key)
    return found[:MOST_ASKED]
