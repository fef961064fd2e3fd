"""What is muted at a moment, by which window or silence, and which time was planned maintenance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.recurrence import Plan, current_occurrence, occurrence_key
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.core.windows import Muting, Window, covered_checks, covers_host, covers_subject, merged, overlap
from watchkeeper.services.ports import Session


def muted_by(
    session: Session, inventory: Inventory, service: str, host: str | None, now: float, checks: Sequence[str] = ()
) -> Muting | None:
    """What mutes an alert about this now; None when nothing does. A window comes before a silence, the longest first.

    service "": the host itself cannot be reached. checks: the keys that fail; every one has to be covered, each by what
    it may, so that a silence of one check never mutes another. Without them the whole service on that host counts.
    """
    return muted_among(standing(session, inventory, now), inventory, service, host, checks)


def muted_incident(session: Session, inventory: Inventory, incident: Incident, now: float) -> Muting | None:
    """What mutes alerts of this incident now: `muted_by` for all its failing checks."""
    return incident_among(standing(session, inventory, now), inventory, incident)


def incident_among(holding: Sequence[Window], inventory: Inventory, incident: Incident) -> Muting | None:
    """`muted_incident` where `standing` is known already."""
    checks = tuple(held.check for held in incident.checks) if incident.service else ()
    return muted_among(holding, inventory, incident.service, incident.host, checks)


def muted_among(
    holding: Sequence[Window], inventory: Inventory, service: str, host: str | None, checks: Sequence[str] = ()
) -> Muting | None:
    """`muted_by` where `standing` is known already."""
    best = _best(each for each in holding if covers_subject(each.targets, inventory, service, host, checks))
    if best is not None or len(checks) < 2:
        return best
    by_check = [muted_among(holding, inventory, service, host, (check,)) for check in checks]
    found = [each for each in by_check if each is not None]
    return min(found, key=lambda each: each.until) if len(found) == len(checks) else None


def standing(session: Session, inventory: Inventory, now: float) -> list[Window]:
    """The windows and silences that hold at this moment, also one of a plan that nobody has begun yet (its id is 0)."""
    holding = [each for each in session.open_windows() if each.holds(now)]
    for plan in plans_of(session, inventory):
        current = current_occurrence(plan, now)
        if current is None or any(each.occurrence == occurrence_key(plan, current[0]) for each in holding):
            continue
        if session.window_of(occurrence_key(plan, current[0])) is None:
            holding.append(from_plan(plan, *current, now))
    return holding


def plans_of(session: Session, inventory: Inventory) -> list[Plan]:
    """Everything that is declared: in watchkeeper.yaml, in the files of services, and by command."""
    declared = [*inventory.team.windows, *(plan for each in inventory.services.values() for plan in each.windows)]
    return [*declared, *(each.plan for each in session.window_plans())]


def from_plan(plan: Plan, start: float, end: float, now: float) -> Window:
    """One time of a plan. What is written after its start begins now: time that is over is not planned afterwards."""
    return Window(
        id=0, kind=plan.kind, targets=plan.targets, why=plan.why, actor=plan.actor, starts_at=max(start, now), ends_at=end,
        created_at=now, name=plan.name, occurrence=occurrence_key(plan, start), until_green=plan.until_green,
        remind_s=plan.remind_s, watch_s=plan.watch_s, items=plan.items,
    )  # fmt: skip


def _best(windows: Iterable[Window]) -> Muting | None:
    found = sorted(windows, key=lambda each: (each.kind != "window", -each.ends_at, each.id))
    return as_muting(found[0]) if found else None


def as_muting(window: Window) -> Muting:
    """A window or silence as the reason why something is muted."""
    return Muting(window.kind, window.id, window.why, window.ends_at, window.actor)


def maintenance_of(session: Session, inventory: Inventory, service: str, hosts: Sequence[str], now: float) -> str:
    """The sentence that this service or one of these hosts is under maintenance; "" when none is. Silences do not count.

    A check of the service that is covered is enough: who works on a part of it wants no other hand in it.
    """
    known = inventory.services.get(service)
    keys = {check.key for check in known.checks} if known else set()
    for each in standing(session, inventory, now):
        if each.kind != "window":
            continue
        covered = keys & set(covered_checks(each.targets, inventory)) or any(
            covers_host(each.targets, host, inventory) for host in hosts
        )
        if covered or covers_subject(each.targets, inventory, service, None):
            named = f"window {each.id}" if each.id else f"window {each.name}"
            until = utc_words(each.ends_at)
            return f"{service or ', '.join(hosts)} is under maintenance until {until}: {named} of {each.actor}, {each.why}."
    return ""


def after_maintenance(session: Session, inventory: Inventory, incident: Incident) -> str:
    """The sentence that what fails was under maintenance a short while ago, to stand behind another one; "" when not."""
    for each in session.watched_windows():
        keys = (
            set(covered_checks(each.targets, inventory))
            if each.kind == "window" and each.begun_at is not None
            else set()
        )
        first = min((held.flipped_at for held in incident.checks if held.check in keys), default=None)
        if first is not None and each.ended_at is not None and each.ended_at <= first <= each.ended_at + each.watch_s:
            ago = format_duration(first - each.ended_at)
            return f" After maintenance: window {each.id} of {each.actor} ({each.why}) had ended {ago} before."
    return ""


def planned_spans(
    session: Session, inventory: Inventory, service: str, since: float, until: float, check: str = ""
) -> list[tuple[float, float]]:
    """The time within [since, until) that was planned maintenance, as merged (start, end), oldest first.

    check: of this one check; without it the time in which every check of the service was covered. Silences never count.
    """
    keys = [check] if check else [each.key for each in _checks(inventory, service)]
    by_check = planned_by_check(session, inventory, since, until)
    found: list[tuple[float, float]] | None = None
    for key in keys:
        spans = by_check.get(key, [])
        found = spans if found is None else overlap(found, spans)
    return found or []


def planned_by_check(
    session: Session, inventory: Inventory, since: float, until: float
) -> dict[str, list[tuple[float, float]]]:
    """The planned time of every check that had some, as `planned_spans` gives it; one question for a whole page."""
    by_targets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for each in session.windows_between(since, until, "window"):
        if each.span is not None:
            by_targets.setdefault(each.targets, []).append(each.span)
    spans: dict[str, list[tuple[float, float]]] = {}
    for targets, found in by_targets.items():
        for key in covered_checks(targets, inventory):
            spans.setdefault(key, []).extend(found)
    return {key: merged(each, since, until) for key, each in spans.items()}


def _checks(inventory: Inventory, service: str) -> Sequence[Check]:
    known = inventory.services.get(service)
    return known.checks if known else ()
