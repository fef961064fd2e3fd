"""Begin and end of a window or silence, with all that follows from it, in one transaction: told once, logged once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from watchkeeper.core.addressing import person_way
from watchkeeper.core.changes import Change
from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Draft
from watchkeeper.core.notifications import Message, MessageKind
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.core.windows import Window, covered_checks, parse_target, scope_words
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import announce, send
from watchkeeper.services.ports import JournalPort, Session
from watchkeeper.services.windows.checklists import answered, lines, unmet
from watchkeeper.services.windows.muting import incident_among, standing

MOST_CHANGES = 50
"""A window over more services than this is one change without a service."""


class Carrier:
    """Carries out begins, ends and reminders inside the caller's transaction. Each does nothing when it is done already."""

    def __init__(self, journal: JournalPort, holder: InventoryHolder) -> None:
        self._journal = journal
        self._holder = holder

    # ---- begin -------------------------------------------------------------------------------------------------

    def begin(self, session: Session, window: Window, now: float) -> Window:
        """Mark it as begun: the change it is, the checklist before it, and a line on incidents that are open."""
        if window.begun_at is not None or window.ended_at is not None:
            return window
        inventory = self._holder.current
        items = window.items
        if any(item.check and item.when == "before" for item in items):
            items = answered(items, "before", self._journal.latest(), "watchkeeper")
        begun = replace(window, begun_at=max(window.starts_at, window.created_at), items=items)
        session.save_window(begun)
        if window.kind == "window":
            _add_changes(session, inventory, begun, begun.begun_at or now, "began")
        for incident in session.incidents(Status.OPEN, limit=500):
            if incident_among([begun], inventory, incident):
                text = f"{title_of(begun)} holds until {utc_words(begun.ends_at)}: nobody is paged meanwhile."
                session.add_event(Event(0, incident.id, now, "window", begun.actor, text, detail={"window": begun.id}))
        missing = unmet(items, "before") if now < begun.ends_at else []
        if missing:
            said = "; ".join(f"{item.text}{f' ({item.answer})' if item.answer else ''}" for item in missing)
            text = f"{title_of(begun)} has begun with {len(missing)} of its preparations not done: {said}."
            warn(session, inventory, f"window-{begun.id}-before", title_of(begun), text, now)
        return begun

    # ---- end ---------------------------------------------------------------------------------------------------

    def end(self, session: Session, window: Window, now: float, by: str, why: str) -> Window:
        """Mark it as ended; what still fails and was not told is told, in this transaction."""
        if window.ended_at is not None:
            return window
        inventory = self._holder.current
        at = min(now, window.ends_at)
        watched = window.watch_s if window.begun_at is not None else 0.0
        ended = replace(
            window, ended_at=at, ended_by=by, ended_why=why[:400], flip_seq=self._journal.newest_flip(),
            watched_at=None if watched else now,
        )  # fmt: skip
        session.save_window(ended)
        if window.begun_at is None:
            return ended
        if window.kind == "window":
            _add_changes(session, inventory, ended, at, "ended")
        tell_untold(session, inventory, now, ended)
        return ended if watched else log_end(session, ended, now, "")

    # ---- reminder ----------------------------------------------------------------------------------------------

    def remind(self, session: Session, window: Window, failing: Sequence[str], now: float) -> Window:
        """Say that it ends soon, once for each end it has."""
        inventory = self._holder.current
        reminded = replace(window, reminded_at=window.ends_at)
        session.save_window(reminded)
        left = format_duration(max(window.ends_at - now, 0.0))
        what = (
            f"Still failing, and paged about then: {', '.join(failing[:10])}."
            if failing
            else "Nothing in it fails now."
        )
        text = (
            f"{title_of(window)} of {window.actor} ends in {left}, at {utc_words(window.ends_at)}. {what} "
            f"To go on: wk {window.kind} extend {window.id} --for 1h."
        )
        key = f"window-{window.id}-ends-{int(window.ends_at)}"
        warn(session, inventory, key, f"{title_of(window)} ends in {left}", text, now, window.actor)
        return reminded


def scope_of(window: Window) -> str:
    """``shop, host app1``: what it covers, in words."""
    return scope_words(window.targets)


def title_of(window: Window) -> str:
    """``Window 3 (weekly patches)``."""
    return f"{window.kind.capitalize()} {window.id} ({window.why[:80]})"


def warn(session: Session, inventory: Inventory, key: str, title: str, text: str, now: float, person: str = "") -> None:
    """One message about a window itself; the same key is sent once. person: asked first, where his own channels are known."""
    way = person_way(inventory.team, person) if person else None
    message = Message(key, "warning", title, text, "/windows", severity="P3", at=now)
    send(session, inventory.team, message, now, way.channels if way is not None else ())


def _add_changes(session: Session, inventory: Inventory, window: Window, at: float, word: str) -> None:
    """The change that a begin or an end of maintenance is, on every service it covers, so that suspects name it."""
    keys = covered_checks(window.targets, inventory)
    services = dict.fromkeys(inventory.checks[key].service for key in keys)
    named = [parse_target(text) for text in window.targets]
    services |= dict.fromkeys(each.name for each in named if each.kind == "service")
    hosts = [each.name for each in named if each.kind == "host"]
    title = f"maintenance {word}: {window.why}"[:300]
    detail = f"window {window.id} of {window.actor}, {scope_of(window)}"
    places = [(name, "") for name in services] if 0 < len(services) <= MOST_CHANGES else [("", "")]
    places += [("", host) for host in hosts]
    for service, host in places:
        session.add_change(Change(0, at, "window", title, window.actor, service, host, detail))


# ---- what nobody was told ------------------------------------------------------------------------------------------------


def untold(session: Session, incidents: Sequence[Incident]) -> dict[int, list[Event]]:
    """The muted openings and escalations of these incidents about which nobody was told since, by incident."""
    found: dict[int, list[Event]] = {}
    opened = {each.id: each.opened_at for each in incidents}
    for event in session.muting_events(list(opened)):
        if event.kind == "muted":
            if event.at < opened[event.incident] - 0.001 or event.detail.get("message") == "closed":
                continue
            found.setdefault(event.incident, []).append(event)
        elif event.detail.get("told"):
            found.pop(event.incident, None)
    return found


def to_tell(session: Session, inventory: Inventory, now: float) -> list[Incident]:
    """Open incidents that were muted and are not any more, and that nobody was told about since."""
    incidents = session.incidents(Status.OPEN, limit=500)
    waiting = untold(session, incidents)
    if not waiting:
        return []
    holding = standing(session, inventory, now)
    return [each for each in incidents if each.id in waiting and incident_among(holding, inventory, each) is None]


def tell_untold(session: Session, inventory: Inventory, now: float, ended: Window | None = None) -> int:
    """Page about every open incident that was muted and is not any more, with how long it has been failing.

    Returns how many. ended: what has just ended, to be named; else the reason is that nothing covers it now (a label or a
    scope changed, or another check fails as well). An incident that a person has acknowledged is noted, not paged.
    """
    incidents = to_tell(session, inventory, now)
    for incident in incidents:
        _tell(session, inventory, incident, now, ended)
    return len(incidents)


def _tell(session: Session, inventory: Inventory, incident: Incident, now: float, ended: Window | None) -> None:
    since = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
    why = f"{title_of(ended)} of {ended.actor} has ended" if ended else "nothing mutes it any more"
    subject = incident.service or f"host {incident.host}"
    failing = f"{subject} still fails after {format_duration(max(now - since, 0.0))}"
    detail: dict[str, float | int | str | bool | None] = {"told": True, "window": ended.id if ended else None}
    if incident.acknowledged_by:
        text = (
            f"{why[:1].upper()}{why[1:]}; {incident.acknowledged_by} has acknowledged the incident, so nobody is paged."
        )
    else:
        text = f"{why[:1].upper()}{why[1:]}, and {failing}: it is told now."
    session.add_event(Event(0, incident.id, now, "window", "watchkeeper", text, State.UNKNOWN, detail))
    if incident.acknowledged_by:
        return
    kind: MessageKind = "escalated" if _was_told(session, incident) else "opened"
    escalated = f" It needs a person: {incident.escalated_why}." if incident.escalated_why else ""
    announce(session, inventory, incident, kind, now, body=f"{incident.title}. {failing}; {why}.{escalated}")


def _was_told(session: Session, incident: Incident) -> bool:
    """Whether the opening itself was put into the outbox, before it was muted."""
    return any(
        each.message.kind == "opened" and each.created_at >= incident.opened_at - 0.001
        for each in session.notifications(incident=incident.id, limit=500)
    )


# ---- the log ---------------------------------------------------------------------------------------------------------------


def log_end(session: Session, window: Window, now: float, result: str) -> Window:
    """The one entry of a window or silence in the operations log. result: of the watch afterwards."""
    start, end = window.begun_at or window.starts_at, window.ended_at if window.ended_at is not None else window.ends_at
    lasted = format_duration(max(end - start, 0.0))
    planned = format_duration(window.ends_at - window.starts_at)
    incidents = _incidents_within(session, window, start, end)
    noun = "Maintenance" if window.kind == "window" else "Silence"
    change = (
        f"{window.kind.capitalize()} {window.id} of {scope_of(window)} from {utc_words(start)} to {utc_words(end)}, "
        f"{lasted} of {planned} planned. It ended because {window.ended_why}."
    )
    checklist = [*lines(window.items, "before"), *lines(window.items, "after")]
    facts: Mapping[str, str | int | float] = {
        "window": window.id, "kind": window.kind, "duration_s": round(end - start, 3), "flips_after": window.flips_after,
    }  # fmt: skip
    draft = Draft(
        at=now,
        type="Maintenance",
        title=f"{noun} of {scope_of(window)}: {window.why}"[:300],
        actor=window.actor,
        severity="Low",
        status="Complete" if not result or result.startswith("quiet") else "Complete, not quiet",
        sections=(
            ("Change", change),
            ("Reason", window.why),
            ("Procedure", "\n".join(checklist)),
            ("Verification", f"The watch afterwards: {result}." if result else ""),
            ("Impact", "\n".join(incidents) or f"No incident fell into this {window.kind}."),
        ),
        facts=facts,
    )  # fmt: skip
    logged = replace(window, entry=session.append_entry(draft).number)
    session.save_window(logged)
    return logged


def _incidents_within(session: Session, window: Window, start: float, end: float) -> list[str]:
    """One line for each incident that it muted: what nobody was told while it lasted."""
    found = []
    for incident in session.incidents(limit=200):
        if incident.opened_at > end or (incident.closed_at is not None and incident.closed_at < start):
            continue
        events = session.muting_events([incident.id])
        if any(each.kind == "muted" and start - 0.001 <= each.at <= end and _named(each, window) for each in events):
            state = "closed" if incident.closed_at is not None else "open"
            found.append(f"- Incident {incident.id} was not told while it lasted: {incident.title} (now {state})")
    return found


def _named(event: Event, window: Window) -> bool:
    """Whether this event was muted by that window, as far as it says so."""
    said = event.detail.get("number")
    return said is None or said == window.id
