"""What people do about windows and silences: begin, plan, look, end, extend, tick. Each act is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.recurrence import KeptPlan, Plan, assert_plan, assert_zone, next_occurrence
from watchkeeper.core.times import utc_words
from watchkeeper.core.windows import (
    AHEAD_S,
    MOST_ITEMS,
    REMIND_S,
    WATCH_S,
    Item,
    Kind,
    Muting,
    Window,
    assert_known,
    assert_length,
    covered_checks,
)
from watchkeeper.services.access import on_targets
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort, WatchPort
from watchkeeper.services.windows.carrying_out import Carrier
from watchkeeper.services.windows.checklists import answered, ticked
from watchkeeper.services.windows.muting import incident_among, plans_of, standing
from watchkeeper.services.windows.planning import plan_ahead

_ACTION = {"window": "windows.set", "silence": "windows.silence"}
PLAN_LASTS_S = 366 * 86_400.0
"""A recurring window made by command comes for a year; one in a file comes as long as it stands there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. lasts_s or ends_at: its end, which is mandatory. starts_at: None is now.

    before, after: lines of the checklists; ``check:shop/web`` is answered by that check, other text by a person.
    """

    kind: Kind
    targets: tuple[str, ...]
    why: str
    starts_at: float | None = None
    ends_at: float | None = None
    lasts_s: float | None = None
    until_green: bool = False
    remind_s: float = REMIND_S
    watch_s: float | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Covered:
    """What a window or silence would mute at this moment: checks, and open incidents about which nobody would be told.

    failing: those of the checks that are not OK now. besides: others that hold already and cover some of the same.
    """

    checks: tuple[str, ...]
    failing: tuple[str, ...]
    incidents: tuple[Incident, ...]
    besides: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that mutes now, what comes next, and what was. plans: those that recur, with their next time."""

    now: tuple[Window, ...]
    next: tuple[Window, ...]
    past: tuple[Window, ...]
    plans: tuple[tuple[Plan, tuple[float, float] | None], ...]


class Windows:
    """Reads and changes windows and silences."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, holder: InventoryHolder, carrier: Carrier,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._journal = journal
        self._watch = watch
        self._holder = holder
        self._carrier = carrier
        self._clock = clock

    # ---- reading -----------------------------------------------------------------------------------------------

    def board(self, kind: Kind | None = None, limit: int = 20) -> Board:
        """Now, next (the nearest first) and past (newest first) of one kind, or of both."""
        now = self._clock()
        inventory = self._holder.current
        with self._store.read() as session:
            open_now = [each for each in session.open_windows() if kind in (None, each.kind)]
            rows = session.windows(kind, limit=limit + len(open_now))
            plans = [each for each in plans_of(session, inventory) if each.recurs and kind in (None, each.kind)]
        return Board(
            now=tuple(each for each in open_now if each.holds(now)),
            next=tuple(each for each in open_now if each.starts_at > now),
            past=tuple(each for each in rows if each.ended_at is not None)[:limit],
            plans=tuple((each, next_occurrence(each, now)) for each in plans),
        )

    def get(self, number: int, kind: Kind | None = None) -> Window:
        """One of them; raises `NotFound`, also when it is of the other kind."""
        with self._store.read() as session:
            return _of_kind(session, number, kind)

    def muting(self, incident: Incident) -> Muting | None:
        """What mutes an open incident now; None when nothing does, and for one that is closed."""
        if incident.status is not Status.OPEN:
            return None
        with self._store.read() as session:
            return incident_among(
                standing(session, self._holder.current, self._clock()), self._holder.current, incident
            )

    def covered(self, targets: Sequence[str]) -> Covered:
        """What these targets would mute at this moment. Raises `Usage` for one that covers nothing."""
        inventory = self._holder.current
        known = assert_known(targets, inventory)
        keys = covered_checks(known, inventory)
        settled = self._journal.settled()
        now = self._clock()
        like = [Window(0, "silence", known, "", "", now, now + 1, now)]
        with self._store.read() as session:
            incidents = session.incidents(Status.OPEN, limit=500)
            holding = standing(session, inventory, now)
        return Covered(
            checks=keys,
            failing=tuple(key for key in keys if key in settled and settled[key].state.value != "OK"),
            incidents=tuple(each for each in incidents if incident_among(like, inventory, each)),
            besides=tuple(each for each in holding if set(keys) & set(covered_checks(each.targets, inventory))),
        )

    # ---- beginning ---------------------------------------------------------------------------------------------

    def add(self, wish: Wish, actor: Actor) -> Window:
        """A window or silence from now or later on; one that starts now holds when this returns."""
        assert_at_all(actor, _ACTION[wish.kind])
        now = self._clock()
        made = self._made(wish, actor, now)
        if made.starts_at > now + AHEAD_S:
            raise Usage(f"It would begin {utc_words(made.starts_at)}, more than a year ahead.", "Plan it later.")
        if made.ends_at <= now:
            raise Usage(
                f"It would have ended at {utc_words(made.ends_at)}, which is over.",
                "Time that is over is reclassified by: wk window add SERVICE --from ... --to ... --past --why ...",
            )
        if made.starts_at < now:
            made = replace(made, starts_at=now)
            assert_length(made.kind, now, made.ends_at)

        def work(session: Session) -> Window:
            kept = session.add_window(made)
            return self._carrier.begin(session, kept, now) if kept.starts_at <= now else kept

        return self._store.write(work)

    def _made(self, wish: Wish, actor: Actor, now: float) -> Window:
        inventory = self._holder.current
        targets = assert_known(wish.targets, inventory)
        assert_allowed(actor, _ACTION[wish.kind], *on_targets(inventory, targets))
        why = _why(wish.kind, wish.why)
        starts_at = now if wish.starts_at is None else wish.starts_at
        ends_at = _end_of(wish, starts_at)
        assert_length(wish.kind, starts_at, ends_at)
        if wish.until_green and not covered_checks(targets, inventory):
            raise Usage(f"{', '.join(targets)} has no check, so it never turns green.", "Leave out --until-green.")
        watch_s = wish.watch_s if wish.watch_s is not None else WATCH_S if wish.kind == "window" else 0.0
        if not (0 <= watch_s <= 86_400 and 0 <= wish.remind_s <= 86_400):
            raise Usage("--watch and --remind are between 0 and 1 day.", "For example --watch 30m.")
        return Window(
            id=0, kind=wish.kind, targets=targets, why=why, actor=actor.name, starts_at=starts_at, ends_at=ends_at,
            created_at=now, until_green=wish.until_green, remind_s=wish.remind_s, watch_s=watch_s,
            items=_items(wish, inventory),
        )  # fmt: skip

    def add_plan(
        self, wish: Wish, actor: Actor, cron: str = "", rrule: str = "", starts: str = "", timezone: str = "",
        excepted: Sequence[str] = (),
    ) -> tuple[KeptPlan, tuple[float, float] | None]:  # fmt: skip
        """A recurring one, for a year, and its next time. What is to last longer belongs into a file."""
        assert_at_all(actor, _ACTION[wish.kind])
        if wish.lasts_s is None:
            raise Usage(f"Each {wish.kind} needs an end.", "Give --for 2h.")
        now = self._clock()
        inventory = self._holder.current
        probe = self._made(replace(wish, starts_at=now, ends_at=None), actor, now)
        plan = assert_plan(
            Plan(
                key="",
                name=probe.why[:40],
                kind=wish.kind,
                targets=probe.targets,
                why=probe.why,
                actor=actor.name,
                timezone=assert_zone(timezone or inventory.team.timezone),
                lasts_s=wish.lasts_s,
                cron=cron,
                rrule=rrule,
                starts=starts,
                excepted=tuple(excepted),
                expires_at=now + PLAN_LASTS_S,
                until_green=wish.until_green,
                remind_s=wish.remind_s,
                watch_s=probe.watch_s,
                items=probe.items,
            )
        )

        def work(session: Session) -> KeptPlan:
            kept = session.add_window_plan(KeptPlan(0, plan, actor.name, now))
            plan_ahead(session, inventory, now, self._carrier)
            return kept

        kept = self._store.write(work)
        return kept, next_occurrence(kept.plan, now)

    def end_plan(self, number: int, actor: Actor) -> KeptPlan:
        """A recurring one that was made by command takes place no more; one that runs ends as well."""
        assert_at_all(actor, "windows.set")
        now = self._clock()

        def work(session: Session) -> KeptPlan:
            kept = next((each for each in session.window_plans() if each.id == number), None)
            if kept is None:
                raise NotFound(
                    f"There is no recurring window {number} that was made by command.",
                    "List them: wk window. One of a file ends when it is taken out there.",
                )
            self._assert_may(actor, kept.plan.kind, kept.plan.targets)
            ended = replace(kept, ended_at=now, ended_by=actor.name)
            session.save_window_plan(ended)
            plan_ahead(session, self._holder.current, now, self._carrier)
            return ended

        return self._store.write(work)

    # ---- while it lasts ----------------------------------------------------------------------------------------

    def end(self, number: int, actor: Actor, why: str = "", kind: Kind | None = None) -> Window:
        """End it now. What still fails is told at once. One that has not begun does not take place, this time only."""
        assert_at_all(actor, "windows.set")
        now = self._clock()

        def work(session: Session) -> Window:
            window = _of_kind(session, number, kind)
            self._assert_may(actor, window.kind, window.targets)
            if window.past:
                raise Usage(
                    f"{_named(window)} reclassified time that is over; there is nothing to end.",
                    f"Take it back: wk window take-back {number} --why TEXT.",
                )
            _assert_open(window)
            words = f"{actor.name} ended it" + (f": {why.strip()[:300]}" if why.strip() else "")
            return self._carrier.end(session, replace(window, changed=True), now, actor.name, words)

        return self._store.write(work)

    def extend(
        self,
        number: int,
        actor: Actor,
        by_s: float | None = None,
        ends_at: float | None = None,
        kind: Kind | None = None,
    ) -> Window:
        """Move its end: by so much after the planned one, or to a moment. The bounds count from now."""
        assert_at_all(actor, "windows.set")
        now = self._clock()

        def work(session: Session) -> Window:
            window = _of_kind(session, number, kind)
            self._assert_may(actor, window.kind, window.targets)
            if window.past:
                raise Usage(f"{_named(window)} is time that is over.", "Take it back, and give the right time.")
            _assert_open(window)
            if window.ends_at <= now:
                raise Usage(f"{_named(window)} ended at {utc_words(window.ends_at)}.", "Set a new one.")
            end = window.ends_at + by_s if by_s is not None else ends_at
            if end is None:
                raise Usage(
                    f"{_named(window)} needs its new end.", "Give --for 1h (longer than planned), or --until TIME."
                )
            assert_length(window.kind, max(window.starts_at, now), end)
            extended = replace(window, ends_at=end, changed=True)
            session.save_window(extended)
            return extended

        return self._store.write(work)

    def look(self, number: int, actor: Actor) -> Window:
        """Answer the checklist's checks with values measured now. Raises `NoAnswer` when the watch does not answer."""
        assert_at_all(actor, "windows.checklist")
        window = self.get(number)
        assert_allowed(actor, "windows.checklist", *on_targets(self._holder.current, window.targets))
        when = _part(window, self._clock())
        keys = [item.check for item in window.items if item.check and item.when == when]
        judged = (
            {each.reading.check: each for each in self._watch.ask(_known(keys, self._holder.current))} if keys else {}
        )

        def work(session: Session) -> Window:
            kept = _of_kind(session, number, None)
            changed = replace(kept, items=answered(kept.items, when, judged, actor.name))
            session.save_window(changed)
            return changed

        return self._store.write(work)

    def tick(self, number: int, actor: Actor, position: int, done: bool = True) -> Window:
        """A person says that one line of the checklist (counted from 1) is done, or not."""
        assert_at_all(actor, "windows.checklist")
        now = self._clock()

        def work(session: Session) -> Window:
            window = _of_kind(session, number, None)
            assert_allowed(actor, "windows.checklist", *on_targets(self._holder.current, window.targets))
            changed = replace(window, items=ticked(window, position, done, actor.name, now))
            session.save_window(changed)
            return changed

        return self._store.write(work)

    def _assert_may(self, actor: Actor, kind: Kind, targets: Sequence[str]) -> None:
        assert_allowed(actor, _ACTION[kind], *on_targets(self._holder.current, targets))


def _of_kind(session: Session, number: int, kind: Kind | None) -> Window:
    window = session.window(number)
    if kind is not None and window.kind != kind:
        raise NotFound(f"{number} is a {window.kind}, no {kind}.", f"Use: wk {window.kind} show {number}.")
    return window


def _named(window: Window) -> str:
    return f"{window.kind.capitalize()} {window.id}"


def _assert_open(window: Window) -> None:
    if window.ended_at is not None:
        raise Usage(
            f"{_named(window)} ended at {utc_words(window.ended_at)}: {window.ended_why}.",
            f"List them: wk {window.kind}.",
        )


def _why(kind: Kind, text: str) -> str:
    why = " ".join(text.split())
    if not why:
        raise Usage(f"A {kind} needs a reason: others read it when something is muted.", "Give --why TEXT.")
    return why[:300]


def _end_of(wish: Wish, starts_at: float) -> float:
    if wish.ends_at is not None and wish.lasts_s is not None:
        raise Usage("It has two ends.", "Give --for or --to, not both.")
    if wish.ends_at is None and wish.lasts_s is None:
        raise Usage(
            f"A {wish.kind} needs an end: one without is forgotten, and then nobody hears what fails.",
            "Give --for 2h, or --to 2026-12-01T04:00.",
        )
    return wish.ends_at if wish.ends_at is not None else starts_at + (wish.lasts_s or 0.0)


def _items(wish: Wish, inventory: Inventory) -> tuple[Item, ...]:
    found: list[Item] = []
    for when, lines in (("before", wish.before), ("after", wish.after)):
        for text in lines:
            if len(found) >= MOST_ITEMS:
                raise Usage(f"Its checklists have more than {MOST_ITEMS} lines.", "Name a document instead.")
            line = " ".join(text.split())[:200]
            key = line.removeprefix("check:").strip() if line.startswith("check:") else ""
            if key:
                assert_known([f"check:{key}"], inventory)
            if line:
                found.append(Item(key or line, when, key))  # type: ignore[arg-type]
    return tuple(found)


def _part(window: Window, now: float) -> str:
    """Which of its checklists is in turn."""
    return "after" if window.ended_at is not None or now >= window.ends_at else "before"


def _known(keys: Sequence[str], inventory: Inventory) -> list[str]:
    """The keys of the checks that these names mean; a check on several hosts is all of them."""
    return list(covered_checks([f"check:{each}" for each in keys], inventory))
