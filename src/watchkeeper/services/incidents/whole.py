"""What is put together from several sources: the parts of an incident, and its post-mortem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.changes import Suspect
from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.incidents.impact import NAMED, Blocked, blocked
from watchkeeper.core.incidents.postmortem import Draft, postmortem
from watchkeeper.core.incidents.similar import Remedy, Similar
from watchkeeper.core.incidents.stages import Stage
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.times import zone_of
from watchkeeper.services.ports import Session, StorePort


@dataclass(frozen=True, slots=True)
class Part:
    """A service that failed because of an incident, as it is now. incident: its own number, where it has one.

    held_at: when it was held or merged. words: its truth in a few words.
    """

    service: str
    owner: str
    state: State
    reason: str
    since: float | None
    held_at: float
    incident: int | None
    words: str


def parts_of(
    session: Session, inventory: Inventory, incident: Incident, settled: Mapping[str, Settled]
) -> tuple[Part, ...]:
    """Every service held under (or merged into) this opening of the incident; what still fails first."""
    held = _held(session, incident, incident.opened_at - 3600.0, {incident.id})
    open_now = {each.service: each for each in session.living_incidents()}
    found = []
    for name, (at, number) in held.items():
        service = inventory.services.get(name)
        if service is None:
            continue
        now = blocked(service, 1, incident.service, settled)
        own = open_now.get(name)
        number = own.id if own is not None else number
        found.append(Part(name, now.owner, now.state, now.reason, now.since, at, number, _words(incident, now, own)))
    return tuple(sorted(found, key=lambda each: (-each.state.rank, each.service)))


def _held(session: Session, incident: Incident, since: float, seen: set[int]) -> dict[str, tuple[float, int | None]]:
    """Service -> (when it was held, its own incident), also of what was held under an incident before that was merged."""
    held: dict[str, tuple[float, int | None]] = {}
    for event in session.events(incident.id, limit=5000):
        if event.at < since:
            continue
        if event.kind == "held":
            held.setdefault(str(event.detail.get("check", "")).partition("/")[0], (event.at, None))
        elif event.kind == "correlated" and event.detail.get("incident"):
            part = session.incident(int(str(event.detail["incident"])))
            held[part.service] = (event.at, part.id)
            if part.id not in seen:
                seen.add(part.id)
                held = _held(session, part, since, seen) | held
    held.pop(incident.service, None)
    return held


def parts_sentence(parts: Sequence[Part]) -> str:
    """How those are that failed because of it, for the message of its end; "" when there were none."""
    if not parts:
        return ""
    many = f"{len(parts)} service{'s' if len(parts) != 1 else ''}"
    bad = [each.service for each in parts if each.state is not State.OK]
    if not bad:
        return f"{many} failed because of it, and {'is' if len(parts) == 1 else 'all are'} well again."
    named = ", ".join(bad[:NAMED]) + (f" and {len(bad) - NAMED} more" if len(bad) > NAMED else "")
    return f"{many} failed because of it; not well yet: {named}. Who stays down is told of by itself."


def _words(cause: Incident, now: Blocked, own: Incident | None) -> str:
    if now.state is State.OK:
        return "well again" if cause.status is Status.CLOSED else "well"
    if own is not None and own.status is Status.OPEN:
        return f"still fails, incident {own.id}"
    if cause.status is Status.OPEN:
        return "held under this incident"
    return "still fails" if now.state in (State.CRIT, State.WARN) else "not seen since"


def write_postmortem(
    store: StorePort, inventory: Inventory, incident: Incident, suspects: Sequence[Suspect], clock: Sequence[Stage],
    impact: Sequence[Blocked], parts: Sequence[Part], alike: tuple[Sequence[Similar], Sequence[Remedy]], now: float,
) -> str:  # fmt: skip
    """The Markdown, in the team's zone."""
    with store.read() as session:
        draft = Draft(
            incident=incident,
            team=inventory.team.name,
            zone=zone_of(inventory.team.timezone),
            written_at=now,
            events=tuple(session.events(incident.id, limit=5000)),
            runs=tuple(session.runs(incident=incident.id, limit=50)),
            tasks=tuple(session.tasks(incident.id)),
            links=tuple(session.links(incident.id)),
            suspects=tuple(suspects),
            stages=tuple(clock),
            impact=tuple(impact),
            parts=tuple((each.service, each.words) for each in parts),
            alike=tuple(alike[0]),
            remedies=tuple(alike[1]),
        )
    return postmortem(draft)
