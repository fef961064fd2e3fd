"""Who is on call: reading schedules, overriding them, handing over, and saying when nobody is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.addressing import EVERYBODY, person_way
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.hours import local, moment, parse_time
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Draft
from watchkeeper.core.notifications import Message
from watchkeeper.core.oncall.calendar import calendar
from watchkeeper.core.oncall.coverage import Gap, gaps, is_needed
from watchkeeper.core.oncall.rotation import by_person, duty, person_at, shifts
from watchkeeper.core.oncall.values import Duty, Override, Schedule, Shift, Turn
from watchkeeper.core.times import format_duration
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import send
from watchkeeper.services.ports import Clock, Session, StorePort

AHEAD_S = 14 * 86400.0
LONGEST_S = 366 * 86400.0
"""Of one override, and of how far shifts are listed."""
REACH_S = 32 * 86400.0
"""How far beyond a span is looked, so that the shifts at its ends are shown whole."""
CALENDAR_PAST_S, CALENDAR_AHEAD_S = 30 * 86400.0, 366 * 86400.0
WARN_AHEAD_S = 3 * 86400.0
"""A gap that comes within this time is shown wherever watchkeeper speaks of itself."""


@dataclass(frozen=True, slots=True)
class OnCallNow:
    """One schedule at this moment. gap: when nobody has it next although somebody may be asked; None within 14 days."""

    schedule: Schedule
    duty: Duty
    gap: Gap | None


class OnCall:
    """Reads and changes schedules; `hand_over` is called on every beat of main, by one node."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._glance: tuple[tuple[int, int, str], tuple[str, tuple[str, ...]]] | None = None

    # ---- reading -----------------------------------------------------------------------------------------------

    def now(self) -> list[OnCallNow]:
        """Every schedule at this moment, in the order of the file."""
        at = self._clock()
        team = self._holder.current.team
        made = self._made(at - CALENDAR_PAST_S)
        coming = gaps(team.telling, team.hours, made, at, at + AHEAD_S)
        return [
            OnCallNow(each, duty(each, made, at), next((gap for gap in coming if gap.schedule == name), None))
            for name, each in team.telling.schedules.items()
        ]

    def shifts(self, name: str, since: float | None = None, until: float | None = None) -> list[Shift]:
        """The shifts of one schedule that overlap a span, by default the next 14 days; whole, also beyond its ends."""
        start = self._clock() if since is None else since
        end = start + AHEAD_S if until is None else until
        if not start < end <= start + 2 * LONGEST_S:
            raise Usage("Shifts are listed for up to two years, and to a time after the first.", "Give --days 14.")
        schedule = self.schedule(name)
        reach = REACH_S + max((layer.every_s for layer in schedule.layers), default=0)
        found = shifts(schedule, self._made(start - reach), start - reach, end + reach)
        return [each for each in found if each.since < end and each.until > start]

    def schedule(self, name: str) -> Schedule:
        """One schedule; raises `NotFound`."""
        schedules = self._holder.current.team.telling.schedules
        if name not in schedules:
            known = ", ".join(schedules)
            hint = f"There are: {known}." if known else "Declare one under 'oncall' in watchkeeper.yaml."
            raise NotFound(f"There is no on-call schedule {name}.", hint)
        return schedules[name]

    def overrides(self) -> list[Override]:
        """Those made by command that have not ended, oldest first."""
        return self._made(self._clock())

    def file_overrides(self) -> list[Override]:
        """Those of the file that have not ended, in its order; their id is 0."""
        now = self._clock()
        schedules = self._holder.current.team.telling.schedules.values()
        return [each for schedule in schedules for each in schedule.overrides if each.until > now]

    def gaps(self, ahead_s: float = AHEAD_S) -> list[Gap]:
        """When a schedule that may be asked has nobody, from now on."""
        at = self._clock()
        team = self._holder.current.team
        return gaps(team.telling, team.hours, self._made(at), at, at + ahead_s)

    def calendar(self, name: str = "") -> str:
        """One schedule, or all of them, as an iCalendar file: a month back and a year ahead."""
        now = self._clock()
        team = self._holder.current.team
        names = [self.schedule(name).name] if name else list(team.telling.schedules)
        today = now - now % 86400.0  # so that what is cut at an end keeps its name for a day
        found = [
            shift for each in names for shift in self.shifts(each, today - CALENDAR_PAST_S, today + CALENDAR_AHEAD_S)
        ]
        return calendar(f"On call: {name or team.name}", team.name, found, now)

    def sentence(self) -> str:
        """Who is on call now, for the bridge and for `wk status`; "" without schedules."""
        at = self._clock()
        schedules = self._holder.current.team.telling.schedules
        if not schedules:
            return ""
        made = self._made(at)
        said = [self._said(duty(each, made, at), len(schedules) > 1) for each in schedules.values()]
        return f"On call: {'; '.join(said)}."

    def _said(self, held: Duty, named: bool) -> str:
        zone = self._holder.current.team.timezone
        until = f" until {words(held.until, zone, self._clock())}" if held.until is not None else ""
        return f"{held.person or 'nobody'}{f' ({held.schedule})' if named else ''}{until}"

    def warnings(self) -> tuple[str, ...]:
        """What is wrong with who is on call, now and in the next three days; one sentence each."""
        at = self._clock()
        team = self._holder.current.team
        if not team.telling.schedules:
            return ()
        told: dict[str, str] = {}
        for gap in gaps(team.telling, team.hours, self._made(at), at, at + WARN_AHEAD_S):
            until = words(gap.until, team.timezone, at)
            if gap.since <= at:
                text = f"Nobody is on call for {gap.schedule} until {until}: pages for it go to everybody."
            else:
                since = words(gap.since, team.timezone, at)
                text = f"Nobody is on call for {gap.schedule} from {since} until {until}."
            told.setdefault(gap.schedule, f"{text} Fill it: wk oncall override {gap.schedule} NAME --for TIME.")
        return tuple(told.values())

    def glance(self) -> tuple[str, tuple[str, ...]]:
        """`sentence` and `warnings`, worked out once in five seconds unless something changed: every page shows them."""
        key = (int(self._clock() // 5), self._store.revision, self._holder.current.revision)
        if self._glance is None or self._glance[0] != key:
            self._glance = (key, (self.sentence(), self.warnings()))
        return self._glance[1]

    def findings(self) -> list[Finding]:
        """The doctor's part: somebody is on call whenever a policy may ask, for the next 14 days."""
        team = self._holder.current.team
        if not team.telling.schedules:
            return []
        found = self.gaps()
        if not found:
            return [Finding("on call", State.OK, f"{self.sentence().rstrip('.')}; no gap within 14 days")]
        now = self._clock()
        first = found[0]
        since, until = (words(at, team.timezone, now) for at in (first.since, first.until))
        many = f" ({len(found)} gaps within 14 days)" if len(found) > 1 else ""
        said = f"Nobody is on call for {first.schedule} from {since} until {until}{many}"
        state = State.CRIT if first.since <= now else State.WARN
        return [
            Finding(
                "on call", state, said, f"Fill it: wk oncall override {first.schedule} NAME --from TIME --for TIME."
            )
        ]

    def _made(self, since: float) -> list[Override]:
        with self._store.read() as session:
            return session.overrides(since=since)

    # ---- what people do ----------------------------------------------------------------------------------------

    def override(
        self, actor: Actor, name: str, person: str, since: str = "", until: str = "", lasts_s: float | None = None,
        why: str = "",
    ) -> Override:  # fmt: skip
        """Put somebody on call for a while. since, until: see `time_of`; without `since` now. Either `until` or `lasts_s`.

        Raises `Usage` for a span that is none, `NotFound` for an unknown schedule or person.
        """
        assert_allowed(actor, "oncall")
        schedule = self.schedule(name)
        self._assert_reachable(person)
        now = self._clock()
        start = time_of(since, schedule.timezone, now) if since else now
        if bool(until) == (lasts_s is not None):
            raise Usage("An override needs an end.", "Give one of --until TIME and --for 8h.")
        end = time_of(until, schedule.timezone, now) if until else start + (lasts_s or 0.0)
        _assert_span(start, end, now)

        def work(session: Session) -> Override:
            return self._add(session, actor, Override(0, name, person, start, end, now, actor.name, why.strip()[:200]))

        return self._store.write(work)

    def remove(self, actor: Actor, number: int) -> Override:
        """Take an override back: from now on what stands below it counts."""
        assert_allowed(actor, "oncall")

        def work(session: Session) -> Override:
            found = session.override(number)
            if found.removed_at is not None:
                raise Usage(f"Override {number} was taken back already.", "List them: wk oncall list.")
            gone = replace(found, removed_at=self._clock(), removed_by=actor.name)
            session.save_override(gone)
            self._write_down(
                session, actor, f"Override {number} of {found.schedule} taken back", self._span_words(found)
            )
            return gone

        return self._store.write(work)

    def swap(self, actor: Actor, name: str, first: str, second: str, since: str = "") -> tuple[Override, Override]:
        """Two people change their next turns with each other: those that begin first from `since` (default: now) on.

        A turn that is under way counts from now. Raises `NotFound` when one of them has none within a year.
        """
        assert_allowed(actor, "oncall")
        schedule = self.schedule(name)
        for person in (first, second):
            self._assert_reachable(person)
        if first == second:
            raise Usage(f"{first} cannot swap with himself.", "Name two people: wk oncall swap primary ana ben.")
        now = self._clock()
        start = max(time_of(since, schedule.timezone, now), now) if since else now

        def work(session: Session) -> tuple[Override, Override]:
            made = session.overrides(since=start)
            coming = by_person(shifts(schedule, made, start, start + LONGEST_S))
            turns = [next((each for each in coming if each.person == person), None) for person in (first, second)]
            for person, turn in zip((first, second), turns, strict=True):
                if turn is None:
                    raise NotFound(f"{person} has no turn in {name} within a year.", f"Read it: wk oncall list {name}.")
            own, other = (each for each in turns if each is not None)
            why = f"{first} and {second} swap"
            one = Override(0, name, second, own.since, own.until, now, actor.name, why)
            two = Override(0, name, first, other.since, other.until, now, actor.name, why)
            return self._add(session, actor, one), self._add(session, actor, two)

        return self._store.write(work)

    def _assert_reachable(self, person: str) -> None:
        people = self._holder.current.team.telling.people
        if person not in people:
            known = ", ".join(people) or "nobody"
            raise NotFound(f"There is no person {person} in watchkeeper.yaml.", f"There are: {known}.")
        if not people[person].channels:
            raise Usage(f"{person} has no channels, so no page would arrive.", "Give 'channels' under people.")

    def _add(self, session: Session, actor: Actor, override: Override) -> Override:
        made = session.add_override(override)
        title = f"{made.person} is on call for {made.schedule}: override {made.id}"
        why = f" Why: {made.why}." if made.why else ""
        self._write_down(session, actor, title, f"{self._span_words(made)}{why}")
        return made

    def _span_words(self, override: Override) -> str:
        zone = self.schedule(override.schedule).timezone if override.schedule in self._schedules() else "UTC"
        start, end = (f"{local(at, zone):%Y-%m-%d %H:%M}" for at in (override.since, override.until))
        return f"{override.person} has {override.schedule} from {start} until {end} ({zone})."

    def _schedules(self) -> dict[str, Schedule]:
        return dict(self._holder.current.team.telling.schedules)

    def _write_down(self, session: Session, actor: Actor, title: str, what: str) -> None:
        sections = (("Change", what),)
        session.append_entry(Draft(self._clock(), "Configuration", title, actor.name, "Low", sections=sections))

    # ---- handing over ------------------------------------------------------------------------------------------

    def hand_over(self) -> int:
        """Tell whoever has a schedule since the last look, with what is open; returns how many hand-overs were told."""
        inventory = self._holder.current
        if not inventory.team.telling.schedules:
            return 0
        now = self._clock()
        with self._store.read() as session:
            kept = {each.schedule: each for each in session.turns()}
            made = session.overrides(since=now)
        count = 0
        for name, schedule in inventory.team.telling.schedules.items():
            turn = kept.get(name)
            if turn is None or turn.person != person_at(schedule, made, now):
                count += self._store.write(partial(self._change, schedule=schedule, inventory=inventory))
        return count

    def _change(self, session: Session, schedule: Schedule, inventory: Inventory) -> int:
        """Take the hand-over down and tell it, in one transaction. The first look at a schedule tells nobody."""
        now = self._clock()
        made = session.overrides(since=now - CALENDAR_PAST_S)
        before = next((each for each in session.turns() if each.schedule == schedule.name), None)
        held = duty(schedule, made, now)
        if before is not None and before.person == held.person:
            return 0
        session.save_turn(Turn(schedule.name, held.person, now))
        if before is None:
            return 0
        incidents = session.incidents(Status.OPEN, limit=100)
        for incident in incidents:
            text = f"On call for {schedule.name} now: {held.person or 'nobody'}, before: {before.person or 'nobody'}."
            session.add_event(Event(0, incident.id, now, "oncall", "watchkeeper", text))
        self._tell(session, inventory, held, before, incidents, now)
        return 1

    def _tell(
        self,
        session: Session,
        inventory: Inventory,
        held: Duty,
        before: Turn,
        incidents: Sequence[Incident],
        now: float,
    ) -> None:
        team = inventory.team
        key = f"hand-over-{held.schedule}-{now:.0f}"
        if held.person:
            way = person_way(team, held.person)
            zone = team.telling.people[held.person].timezone if held.person in team.telling.people else team.timezone
            until = f" until {words(held.until, zone, now)} ({zone})" if held.until is not None else ""
            title = f"{held.person}: you are on call for {held.schedule}{until}"
            message = Message(key, "warning", title, _open_words(incidents, before.person, now), "/oncall", at=now)
            send(session, team, message, now, way.channels if way is not None else ())
        elif is_needed(team.telling, team.hours, held.schedule, now):
            until = f" until {words(held.until, team.timezone, now)}" if held.until is not None else ""
            title = f"Nobody is on call for {held.schedule}{until}"
            body = f"Pages for it go to {EVERYBODY}. {_open_words(incidents, before.person, now)}"
            for channel in team.channels:
                message = Message(f"{key}-{channel.name}", "warning", title, body, "/oncall", at=now)
                send(session, team, message, now, (channel.name,))


def _open_words(incidents: Sequence[Incident], before: str, now: float) -> str:
    """What is open, for whoever takes over."""
    after = f"You follow {before}. " if before else ""
    if not incidents:
        return f"{after}No incident is open."
    lines = [
        f"{each.id}: {each.severity} {each.title}, open for {format_duration(now - each.opened_at)}, "
        + (f"acknowledged by {each.acknowledged_by}" if each.acknowledged_at else "acknowledged by nobody")
        for each in sorted(incidents, key=lambda each: (each.severity, each.id))[:20]
    ]
    more = [f"and {len(incidents) - 20} more"] if len(incidents) > 20 else []
    count = "One incident is open:" if len(incidents) == 1 else f"{len(incidents)} incidents are open:"
    return "\n".join([f"{after}{count}", *lines, *more])


def _assert_span(start: float, end: float, now: float) -> None:
    if not start < end:
        raise Usage("The override ends before it begins.", "Give --until a later time, or --for a length such as 8h.")
    if not now < end:
        raise Usage("The override would be over already.", "Give a time that is still to come.")
    if not end - start <= LONGEST_S:
        raise Usage("An override lasts at most a year.", "Change the rotation in watchkeeper.yaml instead.")


def words(at: float | None, timezone: str, now: float) -> str:
    """A time for people: ``Mon 09:00`` within six days, else with its date; "" for none."""
    if at is None:
        return ""
    there, here = local(at, timezone), local(now, timezone)
    near = 0 <= (there.date() - here.date()).days < 7
    return f"{there:%a %H:%M}" if near else f"{there:%a %Y-%m-%d %H:%M}"


def time_of(text: str, timezone: str, now: float) -> float:
    """Epoch seconds of what a person wrote: ``now``, ``18:00`` (the next), ``2026-12-24 09:00`` or ``2026-12-24`` in the
    zone of the schedule, or a time with its offset as ``2026-12-24T08:00Z``. Raises `Usage`."""
    said = text.strip()
    if said == "now":
        return now
    second = parse_time(said)
    if second is not None and second < 86400:
        today = local(now, timezone).date()
        at = moment(today, second, timezone)
        return at if at > now else moment(date.fromordinal(today.toordinal() + 1), second, timezone)
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise Usage(f"{said[:40]!r} is no time.", "Write 2026-12-24 09:00, 18:00, now, or 2026-12-24T08:00Z.") from None
    if not 2000 <= found.year < 2200:
        raise Usage(f"{said[:40]} is too far away.", "Years from 2000 to 2199 are reckoned with.")
    if found.tzinfo is not None:
        return found.timestamp()
    return moment(found.date(), found.hour * 3600 + found.minute * 60 + found.second, timezone)
