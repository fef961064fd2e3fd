"""The page as the public gets it, and the board of those who write on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NotFound
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.readings.availability import Availability, Span, Timeline, eased, split, worst_of
from watchkeeper.core.recurrence import next_occurrence
from watchkeeper.core.runs.automation_month import bounds
from watchkeeper.core.status_page import (
    BADNESS,
    DAYS,
    Component,
    Notice,
    PublicComponent,
    PublicNotice,
    PublicPage,
    PublicState,
    PublicWindow,
    StatusPagePolicy,
    Update,
    affected,
    checks_of,
    day_of,
    public_notice,
    sentence,
    shown_names,
    state_now,
    worst_public,
)
from watchkeeper.core.times import zone_of
from watchkeeper.core.windows import Window, covered_checks
from watchkeeper.services.history import UNSEEN_S, AvailabilityPort, History
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.windows.muting import planned_by_check, plans_of, standing

SPANS = (30, 90)
PAST_S = 15 * 86_400.0
"""How far back the page itself goes; older incidents are on the pages of their months."""
AHEAD_S = 14 * 86_400.0


@dataclass(frozen=True, slots=True)
class Told:
    """A notice as those see it who write: with all its updates, oldest first, and its incident."""

    notice: Notice
    updates: tuple[Update, ...]
    incident: Incident


@dataclass(frozen=True, slots=True)
class Board:
    """What is on the page, what waits for words, and what is over. untold: open incidents with the parts they touch."""

    policy: StatusPagePolicy | None
    told: tuple[Told, ...]
    untold: tuple[tuple[Incident, tuple[str, ...]], ...]
    past: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """The past of one part, as long as none of its checks has changed: both timelines, and its days before today."""

    lines: tuple[Timeline, ...]
    planned: tuple[tuple[Span, ...], ...]
    today: float
    worst: Timeline
    eased: Timeline
    days: tuple[PublicState | None, ...]


class StatusPageReader:
    """Reads; changes nothing."""

    def __init__(
        self, store: StorePort, past: AvailabilityPort, history: History, holder: InventoryHolder, clock: Clock
    ) -> None:
        self._store, self._past, self._history, self._holder, self._clock = store, past, history, holder, clock
        self._kept: dict[str, _Kept] = {}

    def version(self) -> tuple[object, ...]:
        """Changes whenever the page may say something else (time that goes by excepted). Cheap."""
        return self._store.revision, self._past.newest_flip(), self._holder.current.revision

    def policy(self) -> StatusPagePolicy | None:
        """What the team decided; None when there is no page."""
        return self._holder.current.team.status_page

    def page(self) -> PublicPage | None:
        """The page of this moment; None when there is none."""
        inventory, now = self._holder.current, self._clock()
        policy = inventory.team.status_page
        if policy is None:
            return None
        days = _days(now, inventory)
        with self._store.read() as session:
            planned = planned_by_check(session, inventory, days[0][0], now)
            holding = [each for each in standing(session, inventory, now) if each.kind == "window"]
            coming = _coming(session, inventory, now)
            opened = [each for each in session.open_notices() if each.public]
            recent = [each for each in session.notices(now - PAST_S, now + 1.0) if each.public]
            updates = session.updates(list(dict.fromkeys(each.id for each in (*opened, *recent))))
        said = _said(policy, opened, updates)
        components = self._components(policy, inventory, now, days, planned, holding, said)
        alive = self._past.last_alive()
        return PublicPage(
            policy.title, policy.description, inventory.team.timezone, now, alive,
            worst_public([each.state for each in components]), sentence(components, said), tuple(days), components, said,
            tuple(_windows(policy, inventory, [*holding, *coming])),
            tuple(_said(policy, [each for each in recent if each.ended_at is not None], updates)),
        )  # fmt: skip

    def month(self, month: str) -> tuple[str, tuple[PublicNotice, ...], tuple[str, str]] | None:
        """(title, what was told in a month such as ``2026-10``, (the month before, the month after, "" when it has not
        begun)); None when there is no page. Raises `NotFound` for what is no month, or one that has not begun."""
        inventory, now = self._holder.current, self._clock()
        policy = inventory.team.status_page
        if policy is None:
            return None
        zone = zone_of(inventory.team.timezone)
        found = bounds(month, zone)
        if found is None or found[0] > now:
            raise NotFound("There is no such month here.", "Write it as 2026-10.")
        with self._store.read() as session:
            rows = [each for each in session.notices(*found) if each.public]
            updates = session.updates([each.id for each in rows])
        before = datetime.fromtimestamp(found[0] - 1.0, zone).strftime("%Y-%m")
        after = datetime.fromtimestamp(found[1] + 1.0, zone).strftime("%Y-%m") if found[1] <= now else ""
        return policy.title, tuple(_said(policy, rows, updates)), (before, after)

    def board(self) -> Board:
        """For those who write."""
        inventory, now = self._holder.current, self._clock()
        policy = inventory.team.status_page
        settled = self._past.settled()
        with self._store.read() as session:
            rows = session.open_notices()
            known = {each.incident for each in rows}
            past = [each for each in session.notices(now - DAYS * 86_400.0, now + 1.0, 50) if each.ended_at is not None]
            updates = session.updates([each.id for each in (*rows, *past)])
            told = [Told(each, _of(each, updates), session.incident(each.incident)) for each in rows]
            over = [Told(each, _of(each, updates), session.incident(each.incident)) for each in past]
            untold = [each for each in session.incidents(Status.OPEN, limit=200) if each.id not in known]
        named = [(each, _touched(policy, inventory, each, settled)) for each in untold]
        return Board(policy, tuple(told), tuple(named), tuple(over))

    def _components(
        self, policy: StatusPagePolicy, inventory: Inventory, now: float, days: Sequence[Span],
        planned: Mapping[str, list[Span]], holding: Sequence[Window], said: Sequence[PublicNotice],
    ) -> tuple[PublicComponent, ...]:  # fmt: skip
        keys = {each.key: checks_of(each, inventory) for each in policy.shown}
        every = {key: inventory.checks[key].every_s for own in keys.values() for key in own}
        lines = self._history.lines(every, every)
        alive = self._past.last_alive()
        unseen = alive is None or now - alive > UNSEEN_S
        known = {key: _at(line, now) for key, line in lines.items() if line.starts}
        muted: dict[str, float] = {}
        for window in holding:
            for key in covered_checks(window.targets, inventory):
                muted[key] = max(muted.get(key, 0.0), window.ends_at)
        self._kept = {key: kept for key, kept in self._kept.items() if key in keys}
        return tuple(
            self._component(each, keys[each.key], lines, known, muted, now, days, planned, said, unseen)
            for each in policy.shown
        )

    def _component(
        self, component: Component, keys: Sequence[str], lines: Mapping[str, Timeline],
        known: Mapping[str, tuple[State, float]], muted: Mapping[str, float], now: float, days: Sequence[Span],
        planned: Mapping[str, list[Span]], said: Sequence[PublicNotice], unseen: bool,
    ) -> PublicComponent:  # fmt: skip
        state, since = state_now(keys, known, muted)
        if unseen:
            state, since = "unknown", self._past.last_alive()
        for notice in said:  # what a person says is bad is not shown as well while it is not being watched any more
            told = component.name in notice.names and notice.stage in ("investigating", "identified")
            if told and BADNESS.index(notice.impact) > BADNESS.index(state):
                state, since = notice.impact, notice.began_at
        own = tuple(lines[key] for key in keys)
        spans = tuple(tuple(planned.get(key, ())) for key in keys)
        kept = self._kept.get(component.key)
        if kept is None or kept.lines != own or kept.planned != spans or kept.today != days[-1][0]:
            kept = self._kept[component.key] = _keep(own, spans, days)
        today = day_of(_part(kept, *days[-1]))
        shares = {count: _part(kept, max(days[-1][1] - count * 86_400.0, 0.0), now).available for count in SPANS}
        until = max((muted[key] for key in keys if key in muted), default=None) if state == "maintenance" else None
        return PublicComponent(
            component.key, component.name, component.description, component.group, state, since, (*kept.days, today),
            shares, until,
        )  # fmt: skip


def _keep(own: tuple[Timeline, ...], spans: tuple[tuple[Span, ...], ...], days: Sequence[Span]) -> _Kept:
    whole = worst_of(own)
    calm = worst_of([eased(line, each) for line, each in zip(own, spans, strict=True)]) if any(spans) else whole
    kept = _Kept(own, spans, days[-1][0], whole, calm, ())
    return _Kept(own, spans, days[-1][0], whole, calm, tuple(day_of(_part(kept, *each)) for each in days[:-1]))


def _part(kept: _Kept, since: float, until: float) -> Availability:
    """The same as `core.readings.availability.split_together`, of timelines that are joined already."""
    whole = split(kept.worst, since, until)
    if kept.eased is kept.worst:
        return whole
    rest = split(kept.eased, since, until)
    return rest._replace(up_s=whole.up_s, maintenance_s=max(0.0, rest.up_s - whole.up_s))


def _at(line: Timeline, now: float) -> tuple[State, float]:
    place = max(bisect_right(line.starts, now) - 1, 0)
    return line.states[place], line.starts[place]


def _days(now: float, inventory: Inventory) -> list[Span]:
    """The 90 days in the team's zone, the last of which ends now."""
    zone = zone_of(inventory.team.timezone)
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [(today - timedelta(days=DAYS - 1 - day)).timestamp() for day in range(DAYS)]
    return list(zip(starts, [*starts[1:], now], strict=True))


def _coming(session: Session, inventory: Inventory, now: float) -> list[Window]:
    """What is planned for the next two weeks, the nearest first; of a recurring one its next time."""
    from watchkeeper.services.windows.muting import from_plan

    found = [each for each in session.open_windows() if each.kind == "window" and now < each.starts_at < now + AHEAD_S]
    known = {each.occurrence for each in found}
    for plan in plans_of(session, inventory):
        following = next_occurrence(plan, now, AHEAD_S) if plan.kind == "window" else None
        made = from_plan(plan, *following, now) if following is not None else None
        if made is not None and made.starts_at > now and made.occurrence not in known:
            found.append(made)
    return sorted(found, key=lambda each: each.starts_at)


def _windows(policy: StatusPagePolicy, inventory: Inventory, windows: Sequence[Window]) -> list[PublicWindow]:
    """Which parts each covers; one that covers none that is shown is left out. Why it is done is not for the public."""
    found = []
    for window in windows:
        covered = set(covered_checks(window.targets, inventory))
        keys = [each.key for each in policy.shown if covered & set(checks_of(each, inventory))]
        if keys:
            found.append(PublicWindow(shown_names(policy, keys), window.starts_at, window.ends_at))
    return found


def _said(policy: StatusPagePolicy, notices: Sequence[Notice], updates: Sequence[Update]) -> tuple[PublicNotice, ...]:
    made = [public_notice(policy, each, _of(each, updates)) for each in notices]
    return tuple(sorted((each for each in made if each is not None), key=lambda each: -each.began_at))


def _of(notice: Notice, updates: Sequence[Update]) -> tuple[Update, ...]:
    return tuple(each for each in updates if each.notice == notice.id)


def _touched(
    policy: StatusPagePolicy | None, inventory: Inventory, incident: Incident, settled: Mapping[str, object]
) -> tuple[str, ...]:
    return affected(policy, inventory, incident, settled)[0] if policy is not None else ()  # type: ignore[arg-type]
